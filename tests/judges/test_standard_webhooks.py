"""Standard Webhooks: the vectors of the protocol page, the reference library in both directions, and damage."""

import base64
import hashlib
import hmac
import string
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from hub.connector.errors import UnverifiedRequestError
from hub.connector.standard_webhooks import sign, verify

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = ISSUED + timedelta(seconds=30)
BODY = '{"type":"lead.created","timestamp":"2026-01-01T00:00:00Z","data":{"id":"lead_1","name":"Zoë"}}'.encode()
SECRET_A = SecretStr("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
SECRET_B = SecretStr("whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")
BY_A = "v1,W0xTPchClb8cqw66LhkqAqelDtd/BIdgABnmuDO+VBY="
BY_B = "v1,LSiyKjJiTw1TcLJjSTZnfrTZWs8o1xNR94UAYi1QT3I="
PUBLIC = "whpk_P2bUhbzRiDONWGZYyCmrXS2QHVQYdMCSkBZUUKR5GLk="
BY_PUBLIC = "v1a,NjNChiHhuh6Duuuq17tWn2v4UA1yXqlqlY+nzuNPdH4iDGIWPfZ30+clgot8XnoEFvKK/vxdnpC+cpvCHBW4CQ=="
SEED = bytes(range(32))
PRIVATE = SecretStr("whsk_" + base64.b64encode(SEED).decode())
OWN_PUBLIC = (
    "whpk_" + base64.b64encode(Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()).decode()
)

ids = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=60)
keys = st.binary(min_size=24, max_size=64)


def headers(signature: str, *, message_id: str = "msg_doc_0001", timestamp: str = "1767225600") -> dict[str, str]:
    """The three headers."""
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def secret_of(key: bytes) -> SecretStr:
    """A key as a sender shows it."""
    return SecretStr("whsec_" + base64.b64encode(key).decode())


@pytest.mark.proves("WH-01")
def test_vector_1_the_specifications_own_example() -> None:
    """The example of the specification is verified, and signed byte for byte alike."""
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body, moment = b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC)
    message_id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    expected = headers("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", message_id=message_id, timestamp="1614265330")
    assert verify(expected, body, [secret], moment) == message_id
    assert sign(message_id, body, [secret], moment) == expected


@pytest.mark.proves("WH-01")
@pytest.mark.parametrize("secrets", [[SECRET_A], [SECRET_B], [SECRET_A, SECRET_B], [SECRET_B, SECRET_A]])
@pytest.mark.parametrize("signature", [f"{BY_B} {BY_A}", f"{BY_A} {BY_B}"])
def test_vector_2_either_key_of_a_rotation_is_enough(secrets: list[SecretStr], signature: str) -> None:
    """A receiver that knows the old secret, the new one or both accepts what both have signed."""
    assert verify(headers(signature), BODY, secrets, NOW) == "msg_doc_0001"


@pytest.mark.parametrize(("known", "signature"), [(SECRET_A, BY_B), (SECRET_B, BY_A)])
def test_the_signature_of_a_secret_that_is_not_ours_is_refused(known: SecretStr, signature: str) -> None:
    """A signature counts under its own secret only."""
    with pytest.raises(UnverifiedRequestError):
        verify(headers(signature), BODY, [known], NOW)


@pytest.mark.proves("WH-01")
def test_vector_3_a_public_key_vouches() -> None:
    """An ed25519 signature is verified, alone, and beside one of another version."""
    assert verify(headers(BY_PUBLIC), BODY, [], NOW, [PUBLIC])
    assert verify(headers(f"{BY_A} {BY_PUBLIC}"), BODY, [SECRET_B], NOW, [OWN_PUBLIC, PUBLIC])
    with pytest.raises(UnverifiedRequestError):
        verify(headers(BY_PUBLIC), BODY, [SECRET_A], NOW, [OWN_PUBLIC])


@pytest.mark.proves("WH-01")
@pytest.mark.parametrize(
    "sent",
    [
        headers(BY_A, message_id="msg_doc_0002"),
        headers("v2," + BY_A.removeprefix("v1,")),
        headers(BY_A.removeprefix("v1,")),
        headers("v1,"),
        headers("v1"),
        headers(""),
        headers(BY_A.replace(",", ",,")),
        headers(BY_A.replace("=", "")),
        headers(BY_A, timestamp="abc"),
        headers(BY_A, timestamp="1767225600.5"),
        headers(BY_A, timestamp="1.767225600e9"),
        headers(BY_A, timestamp="+1767225600"),
        headers(BY_A, timestamp=" 1767225600"),
        headers(BY_A, timestamp="１７６７２２５６００"),
        headers(BY_A, timestamp="9" * 5000),
        headers(BY_A, timestamp=""),
        headers(BY_A, message_id=""),
        headers(BY_A, message_id="é"),
        headers(BY_A, message_id="\udcff"),
        headers("\udcff," + BY_A),
        {},
        *({name: value for name, value in headers(BY_A).items() if name != left_out} for left_out in headers(BY_A)),
    ],
)
def test_vector_4_whatever_is_damaged_is_refused(sent: dict[str, str]) -> None:
    """Missing, odd and foreign headers give the one error and no other."""
    with pytest.raises(UnverifiedRequestError):
        verify(sent, BODY, [SECRET_A], NOW, [PUBLIC])


@pytest.mark.proves("WH-01")
def test_vector_4_one_byte_of_the_body_changed() -> None:
    """The raw bytes are signed: the same JSON written otherwise is refused too."""
    for body in (BODY.replace(b"lead_1", b"lead_2"), BODY + b"\n", BODY.replace("ë".encode(), rb"\u00eb")):
        with pytest.raises(UnverifiedRequestError):
            verify(headers(BY_A), body, [SECRET_A], NOW)


@pytest.mark.proves("WH-04")
@pytest.mark.parametrize(("seconds", "fits"), [(-301, False), (-299, True), (0, True), (299, True), (301, False)])
def test_five_minutes_either_way(seconds: int, fits: bool) -> None:
    """A timestamp is good for five minutes before and after the present, and no longer."""
    now = ISSUED + timedelta(seconds=seconds)
    if fits:
        assert verify(headers(BY_A), BODY, [SECRET_A], now)
    else:
        with pytest.raises(UnverifiedRequestError, match="timestamp"):
            verify(headers(BY_A), BODY, [SECRET_A], now)


@pytest.mark.parametrize("signature", [f"garbage {BY_A}", f"{BY_A} ,, v1,%%%", f"v9,x  {BY_A}", f"v1a,abc {BY_A} v1a,"])
def test_vector_5_broken_entries_are_skipped(signature: str) -> None:
    """A broken entry beside a good one costs nothing."""
    assert verify(headers(signature), BODY, [SECRET_A], NOW, [PUBLIC])


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_é", "=", "whsec_\udcff"])
def test_a_secret_that_cannot_be_read_fits_nothing(secret: str) -> None:
    """Neither an empty secret, whose signature anybody can make, nor a broken one lets anything through."""
    sent = sign("msg_1", BODY, [SECRET_A], NOW)
    by_nothing = hmac.new(b"", b"msg_1.1767225630." + BODY, hashlib.sha256).digest()
    for signature in (sent["webhook-signature"], "v1," + base64.b64encode(by_nothing).decode()):
        with pytest.raises(UnverifiedRequestError):
            verify({**sent, "webhook-signature": signature}, BODY, [SecretStr(secret)], NOW, [secret, "whpk_AAAA"])
    with pytest.raises(ValueError, match="Base64"):
        sign("msg_1", BODY, [SecretStr(secret)], NOW)


@given(message_id=ids, body=st.text().map(str.encode), key=keys)
def test_the_reference_library_accepts_what_we_sign(message_id: str, body: bytes, key: bytes) -> None:
    """Whatever we sign, the library takes."""
    signed = sign(message_id, body, [secret_of(bytes(24)), secret_of(key)], NOW)
    with time_machine.travel(NOW, tick=False):
        Webhook(key).verify(body, signed, json_parse=False)


@given(message_id=ids, body=st.text(), key=keys)
def test_we_accept_what_the_reference_library_signs(message_id: str, body: str, key: bytes) -> None:
    """Whatever the library signs, we take."""
    signature = Webhook(key).sign(message_id, NOW, body)
    sent = headers(signature, message_id=message_id, timestamp=str(int(NOW.timestamp())))
    assert verify(sent, body.encode(), [secret_of(key)], NOW) == message_id


@given(body=st.text(), other=st.text(), key=keys, another=keys)
def test_both_refuse_the_same(body: str, other: str, key: bytes, another: bytes) -> None:
    """Another body or another key: the library and we say no together, and yes together."""
    signed = sign("msg_1", body.encode(), [secret_of(key)], NOW)
    with time_machine.travel(NOW, tick=False):
        try:
            Webhook(another).verify(other, signed, json_parse=False)
        except WebhookVerificationError:
            with pytest.raises(UnverifiedRequestError):
                verify(signed, other.encode(), [secret_of(another)], NOW)
        else:
            assert verify(signed, other.encode(), [secret_of(another)], NOW)


@pytest.mark.proves("WH-01")
@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
@given(data=st.data(), body=st.binary(min_size=1, max_size=200), message_id=ids, is_shared=st.booleans())
def test_any_flipped_bit_is_refused(
    part: str, data: st.DataObject, body: bytes, message_id: str, is_shared: bool
) -> None:
    """One bit changed anywhere, in the body or in a header, in either version."""
    signed = sign(message_id, body, [SECRET_A] if is_shared else [], NOW, () if is_shared else [PRIVATE])
    assert verify(signed, body, [SECRET_A], NOW, [OWN_PUBLIC]) == message_id
    damaged = bytearray(body if part == "body" else signed[part].encode())
    place = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[place // 8] ^= 1 << place % 8
    if part == "body":
        body = bytes(damaged)
    else:
        signed[part] = damaged.decode("latin-1")
    with pytest.raises(UnverifiedRequestError):
        verify(signed, body, [SECRET_A], NOW, [OWN_PUBLIC])


@given(
    sent=st.dictionaries(st.sampled_from([*headers(""), "Webhook-Id"]), st.text(st.characters(exclude_categories=()))),
    body=st.binary(),
    secrets=st.lists(st.text().map(SecretStr)),
    public_keys=st.lists(st.text()),
)
def test_no_input_raises_anything_else(
    sent: dict[str, str], body: bytes, secrets: list[SecretStr], public_keys: list[str]
) -> None:
    """Any headers, body and keys: refused, and never by another exception."""
    with pytest.raises(UnverifiedRequestError):
        verify({"webhook-timestamp": "1767225630", **sent}, body, secrets, NOW, public_keys)


def test_header_names_in_any_case() -> None:
    """Header names have no case (RFC 9110 section 5.1)."""
    assert verify({name.title(): value for name, value in headers(BY_A).items()}, BODY, [SECRET_A], NOW)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "é", "a\n", "x" * 257])
def test_a_sender_cannot_use_an_id_that_could_be_read_two_ways(message_id: str) -> None:
    """The signed text is joined with dots, so an id holds none."""
    with pytest.raises(ValueError, match="message_id"):
        sign(message_id, BODY, [SECRET_A], NOW)


def test_nothing_is_sent_unsigned() -> None:
    """Without any key there are no headers."""
    with pytest.raises(ValueError, match="at least one key"):
        sign("msg_1", BODY, [], NOW)
