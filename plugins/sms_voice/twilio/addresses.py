"""Withheld numbers, and whose address an address is (protocol page sections 3 and 5.1)."""

from hub.connector.conversations import Channel
from hub.connector.models import Identity
from plugins.sms_voice.conversation import is_phone

_WITHHELD = frozenset(
    {"", "anonymous", "restricted", "unavailable", "unknown", "private", "withheld", "blocked"}
    | {"+266696687", "+7378742833", "+86282452253", "+8656696", "+2562533"}
)
"""Words that stand for a number, and the same words typed on a phone's keys. No full list is published."""

_PREFIXES = {"whatsapp": Channel.WHATSAPP}
_LONGEST = 200


def channel_and_address(address: str) -> tuple[Channel, str]:
    """``whatsapp:+15005550006`` taken apart; a channel that we do not know by name is a chat, kept as it is."""
    prefix, colon, rest = address.strip().partition(":")
    if not colon:
        return Channel.SMS, prefix[:_LONGEST]
    known = _PREFIXES.get(prefix.lower())
    return (known, rest[:_LONGEST]) if known is not None else (Channel.CHAT, address.strip()[:_LONGEST])


def address_at_twilio(channel: Channel, address: str) -> str:
    """The other way round."""
    return f"whatsapp:{address}" if channel is Channel.WHATSAPP else address


def is_withheld(address: str) -> bool:
    """Whether a caller did not want to be seen."""
    return address.strip().lower() in _WITHHELD


def phone_in(address: str) -> str:
    """The address where it is a number that can be called back, else nothing."""
    return address if is_phone(address) and not is_withheld(address) else ""


def identities_in(channel: Channel, address: str, account_id: str) -> tuple[Identity, ...]:
    """What else a person is known by: an id of their own, where the address is neither a number nor withheld."""
    if is_withheld(address) or phone_in(address):
        return ()
    return (Identity(scope=f"{channel.value}:{account_id or 'twilio'}"[:_LONGEST], value=address),)
