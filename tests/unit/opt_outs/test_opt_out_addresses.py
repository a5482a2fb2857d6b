"""Which addresses are the same to an opt-out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.conversations import Channel
from hub.core.opt_outs.addresses import PHONE, AddressKey, address_key

NUMBER = AddressKey(PHONE, "+4915112345678")


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP, Channel.VOICE])
@pytest.mark.parametrize(
    "written",
    ["+4915112345678", "4915112345678", "whatsapp:+4915112345678", " +49 151 1234-5678 ", "tel:+4915112345678"],
)
def test_a_phone_is_one_address_on_every_channel(channel: Channel, written: str) -> None:
    """However a platform writes it."""
    assert address_key(channel, written) == NUMBER


@pytest.mark.parametrize(
    ("former", "present"),
    [("+5215512345678", "+525512345678"), ("+554188887777", "+5541988887777"), ("+554132345678", "+554132345678")],
)
def test_a_former_spelling_is_the_same_phone(former: str, present: str) -> None:
    """Who says stop by text message is not written to in a chat that keeps an old spelling of the number."""
    assert address_key(Channel.WHATSAPP, former) == address_key(Channel.SMS, present) == AddressKey(PHONE, present)
    assert address_key(Channel.WHATSAPP, former.removeprefix("+")) == AddressKey(PHONE, present)


def test_the_digits_of_a_chat_are_no_phone() -> None:
    """An id of a chat may be any number."""
    assert address_key(Channel.CHAT, "4915112345678") == AddressKey("chat", "4915112345678")
    assert address_key(Channel.CHAT, "+4915112345678") == NUMBER


def test_an_id_of_a_platform_holds_on_its_channel() -> None:
    """It means nothing elsewhere, and its case may matter."""
    assert address_key(Channel.WHATSAPP, "US.aB1") == AddressKey("whatsapp", "US.aB1")
    assert address_key(Channel.WHATSAPP, "US.aB1") != address_key(Channel.WHATSAPP, "US.ab1")


def test_a_short_code_is_no_phone_number() -> None:
    """Digits too short to be international stay on their channel."""
    assert address_key(Channel.SMS, "12345") == AddressKey("sms", "12345")


@given(st.sampled_from(list(Channel)), st.text(min_size=1, max_size=60))
def test_any_address_has_one_key(channel: Channel, address: str) -> None:
    """Nothing breaks it, and a key is stable: reading it again gives itself."""
    key = address_key(channel, address)
    assert address_key(channel, key.address) == key or key.scope == PHONE
    assert address_key(channel, address) == key
