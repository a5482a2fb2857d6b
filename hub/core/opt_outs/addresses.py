"""What an opt-out holds for: one phone on all channels, or one address on its own channel."""

import re
from typing import NamedTuple

from hub.connector.conversations import Channel, Message
from hub.connector.text import storable
from mapping.contacts import ContactPoint, phone_key

PHONE = "phone"
"""The scope of phone numbers."""

_PREFIX = re.compile(r"[a-z]{2,12}:")
_SEPARATORS = re.compile(r"[\s().\-/]")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_BARE_NUMBER = re.compile(r"[1-9]\d{9,14}")
_FORMER_SPELLINGS = (
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    (re.compile(r"\+55([1-9]\d)([6-9]\d{7})"), r"+55\g<1>9\2"),
)
"""A 1 behind Mexico's 52, dropped in 2019, and Brazilian mobile numbers without their ninth digit: chats still write
them so, networks do not, and both are the same phone."""


class AddressKey(NamedTuple):
    """Equal keys are the same address to an opt-out. ``scope`` is ``PHONE`` or the name of a channel."""

    scope: str
    address: str


def address_key(channel: str, address: str) -> AddressKey:
    """The key of an address as a platform writes it (``+491…``, ``491…``, ``name:+491…``) on a channel.

    A phone number is one key on every channel: who says stop by text message does not want to be called instead,
    and the law asks no less. Digits without a plus are read as an international number of at least ten digits, but
    not on a chat, whose ids may be any digits. Whatever else stands for a person (an id of the platform) holds on its
    channel alone.
    """
    plain = _SEPARATORS.sub("", _PREFIX.sub("", address.strip().lower(), count=1))
    if _BARE_NUMBER.fullmatch(plain) and channel != Channel.CHAT:
        plain = f"+{plain}"
    if _NUMBER.fullmatch(plain):
        number = _in_present_spelling(plain)
        return AddressKey(PHONE, phone_key(number) or number)
    return AddressKey(str(channel), storable(address.strip()))


def _in_present_spelling(number: str) -> str:
    for former, present in _FORMER_SPELLINGS:
        if found := former.fullmatch(number):
            return found.expand(present)
    return number


def is_one_persons(key: AddressKey) -> bool:
    """Whether an address stands for one person. A caller who is no phone number withheld it, as many others do."""
    return key.scope != Channel.VOICE


def sender_points(message: Message) -> tuple[ContactPoint, ...]:
    """The sender of a message as a contact point, where it is a valid phone number."""
    key = address_key(message.channel, message.sender)
    number = phone_key(key.address) if key.scope == PHONE else None
    return (ContactPoint("phone", number),) if number is not None else ()
