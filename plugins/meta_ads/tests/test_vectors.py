"""Vectors 1 to 8 of the protocol page, section 7."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, NoticeKind, Received
from hub.connector.signatures import hmac_sha256_hex
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator.deliveries import notification, signed, signed_request
from plugins.meta_ads.webhooks import verify_token

SECRET = SecretStr("a1b2c3d4e5f60718293a4b5c6d7e8f90")
PLAIN = (
    b'{"object":"page","entry":[{"id":"109000000000001","time":1767225600,"changes":[{"field":"leadgen","value":'
    b'{"leadgen_id":"7100000000000001","page_id":"109000000000001","form_id":"8200000000000001","adgroup_id":'
    b'"6300000000000001","ad_id":"6300000000000001","created_time":1767225598}}]}]}'
)
PLAIN_SIGNATURE = "sha256=65fe08cbe5cb1669bd5f887ebaed1aac46839cf0d84509b80413caafeaa76aff"
ESCAPED = (
    rb'{"object":"page","entry":[{"id":"109000000000001","time":1767225600,"changes":[{"field":"feed","value":'
    rb'{"message":"\u00e4\u00f6\u00e5 \u2603 50\u0025 \ud83d\ude00 a\/b"}}]}]}'
)
ESCAPED_SIGNATURE = "sha256=e9994186d44a8dc987b59241c2649759ac61321b88fd240005900564d3ee9928"
RAW_UTF8 = (
    '{"object":"page","entry":[{"id":"109000000000001","time":1767225600,"changes":[{"field":"feed","value":'
    '{"message":"äöå ☃ 50% 😀 a/b"}}]}]}'
).encode()
LESS_ESCAPED = (
    rb'{"object":"page","entry":[{"id":"109000000000001","time":1767225600,"changes":[{"field":"feed","value":'
    rb'{"message":"\u00e4\u00f6\u00e5 \u2603 50% \ud83d\ude00 a/b"}}]}]}'
)
SIGNED_REQUEST = (
    "mH3MBN5aQTte9R42IHTArA5w1o56URT5I1LU-7Gsz6w."
    "eyJ1c2VyX2lkIjoiMjE4NDcxIiwiYWxnb3JpdGhtIjoiSE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjE3NjcyMjU2MDB9"
)
URL = "https://hub.example.com/in/meta_ads/abc"


def request(
    body: bytes, headers: dict[str, str], *, method: str = "POST", url: str = URL, **query: str
) -> InboundRequest:
    """One inbound request."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return InboundRequest(method=method, url=url, query=query, headers=headers, body=body, received_at=moment)


def receive(body: bytes, signature: str | None) -> Received:
    """The verdict on a body with this signature header."""
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return MetaAds().receive(request(body, headers), SECRET)


@pytest.mark.proves("WH-01")
def test_vector_1_plain_event_is_accepted() -> None:
    """The plain event gives its pointer."""
    found = receive(PLAIN, PLAIN_SIGNATURE)
    assert [(each.source_id, each.form_id, each.part_id) for each in found.pointers] == [
        ("7100000000000001", "8200000000000001", "109000000000001")
    ]


def test_vector_2_escaped_body_is_accepted() -> None:
    """The escaped body is verified over its raw bytes; its event is none of ours."""
    assert receive(ESCAPED, ESCAPED_SIGNATURE).ignored == 1


def test_simulator_writes_vectors_1_and_2_byte_for_byte() -> None:
    """The simulator escapes and signs as the page says Meta does."""
    value = {"message": "äöå ☃ 50% 😀 a/b"}
    entry = {"id": "109000000000001", "time": 1767225600, "changes": [{"field": "feed", "value": value}]}
    assert notification([entry]) == ESCAPED
    headers = signed(request(PLAIN, {}), SECRET).headers
    assert headers["x-hub-signature-256"] == PLAIN_SIGNATURE
    assert headers["x-hub-signature"] == "sha1=81ef3d4da64e33bfe6548804627fa133c1fe0587"


@pytest.mark.parametrize("body", [RAW_UTF8, LESS_ESCAPED], ids=["vector 3", "vector 4"])
def test_vectors_3_and_4_serialised_anew_are_refused(body: bytes) -> None:
    """The same content in other bytes does not carry the signature."""
    with pytest.raises(UnverifiedRequestError):
        receive(body, ESCAPED_SIGNATURE)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (RAW_UTF8, "sha256=f20ad65e5c9f91ff944d69e84bb60fac70a725882f1781f17a7ab5c347965cf7"),
        (LESS_ESCAPED, "sha256=3cb8b92f29f67117acf7ac1ffd0884e2e1bcb1f085a7c7913c35b844ce1a8974"),
    ],
)
def test_vectors_3_and_4_pass_under_their_own_signature(body: bytes, signature: str) -> None:
    """It is the bytes that count and nothing else."""
    assert receive(body, signature).ignored == 1


def test_vector_5_proof_of_the_app_secret() -> None:
    """appsecret_proof is the lower-case hex HMAC of the token."""
    proof = hmac_sha256_hex(SECRET, b"EAAGtestPageToken0001")
    assert proof == "86d28a5a41036177d3dc9ffec04c0585fb88374b6882a8a28eb5ccbe75cad0dd"


def test_vector_6_signed_request_becomes_a_notice() -> None:
    """The deauthorise call-back names the person."""
    body = urlencode({"signed_request": SIGNED_REQUEST}).encode()
    found = MetaAds().receive(request(body, {}, url=f"{URL}/deauthorize"), SECRET)
    assert [(each.kind, each.account_id) for each in found.notices] == [(NoticeKind.GRANT_REVOKED, "218471")]
    assert signed_request("218471", datetime.fromtimestamp(1767225600, UTC), SECRET) == body


@pytest.mark.proves("DA-07")
@pytest.mark.parametrize("position", range(0, len(SIGNED_REQUEST), 7))
def test_forged_signed_request_is_refused(position: int) -> None:
    """One character changed anywhere, signature or payload, and the call-back is refused."""
    other = "A" if SIGNED_REQUEST[position] != "A" else "B"
    text = SIGNED_REQUEST[:position] + other + SIGNED_REQUEST[position + 1 :]
    body = urlencode({"signed_request": text}).encode()
    for path in ("/deauthorize", "/deletion"):
        with pytest.raises(UnverifiedRequestError):
            MetaAds().receive(request(body, {}, url=URL + path), SECRET)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (PLAIN, None),
        (PLAIN, ""),
        (PLAIN, "sha256="),
        (PLAIN, PLAIN_SIGNATURE[:-1]),
        (PLAIN, PLAIN_SIGNATURE[:20]),
        (PLAIN, "sha256=äöü☃"),
        (PLAIN, PLAIN_SIGNATURE + "é"),
        (PLAIN, "\udcff" + PLAIN_SIGNATURE),
        (PLAIN.replace(b"598", b"599"), PLAIN_SIGNATURE),
        (PLAIN + b"\n", PLAIN_SIGNATURE),
        (PLAIN, "sha1=81ef3d4da64e33bfe6548804627fa133c1fe0587"),
    ],
)
def test_vector_8_is_refused_without_another_error(body: bytes, signature: str | None) -> None:
    """Every damaged header and body gives UnverifiedRequestError and nothing else."""
    with pytest.raises(UnverifiedRequestError):
        receive(body, signature)


@pytest.mark.proves("WH-01")
@pytest.mark.parametrize("position", range(0, len(PLAIN), 9))
def test_any_flipped_bit_is_refused(position: int) -> None:
    """One bit of the body changed, and the signature does not fit."""
    body = bytearray(PLAIN)
    body[position] ^= 1
    with pytest.raises(UnverifiedRequestError):
        receive(bytes(body), PLAIN_SIGNATURE)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_header_text_is_refused_and_never_crashes(text: str) -> None:
    """Whatever stands in the header, the answer is UnverifiedRequestError."""
    with pytest.raises(UnverifiedRequestError):
        receive(PLAIN, text)


def handshake(secret: SecretStr = SECRET, **query: str) -> Received:
    """A handshake with these parameters (dots written as underscores after ``hub``)."""
    named = {name.replace("hub_", "hub.", 1): value for name, value in query.items()}
    return MetaAds().receive(request(b"", {}, method="GET", **named), secret)


@pytest.mark.proves("WH-11")
def test_handshake_returns_exactly_the_challenge_as_plain_text() -> None:
    """The right word gets the challenge back, and nothing around it."""
    reply = handshake(hub_mode="subscribe", hub_challenge="1158201444", hub_verify_token=verify_token(SECRET)).reply
    assert reply is not None
    assert (reply.status, reply.body, reply.content_type) == (200, b"1158201444", "text/plain")


@pytest.mark.proves("WH-11")
@pytest.mark.parametrize(
    "challenge", ["", "<script>alert(1)</script>", "1" * 41, "-1", "1 2", "１２３", "12\n", "1158201444é"]
)
def test_handshake_with_an_odd_challenge_is_refused(challenge: str) -> None:
    """Only a short number is ever sent back."""
    with pytest.raises(UnverifiedRequestError):
        handshake(hub_mode="subscribe", hub_challenge=challenge, hub_verify_token=verify_token(SECRET))


@pytest.mark.parametrize("word", ["", "wrong", "é", "\udcff"])
def test_handshake_with_a_wrong_word_is_refused(word: str) -> None:
    """A wrong word, in any script, gets no reply."""
    with pytest.raises(UnverifiedRequestError):
        handshake(hub_mode="subscribe", hub_challenge="1", hub_verify_token=word)


def test_verify_token_is_stable_and_shows_no_secret() -> None:
    """The word is the same each time, differs per app, and holds nothing of the secret."""
    word = verify_token(SECRET)
    assert word == verify_token(SECRET) != verify_token(SecretStr("another-secret"))
    assert SECRET.get_secret_value() not in word
    assert hmac_sha256_hex(SECRET, b"") not in word


def test_batch_of_a_thousand_changes_over_several_pages() -> None:
    """All of 1,000 changes become pointers, each with its own Page."""
    entries = [
        {
            "id": f"10900000000000{page}",
            "time": 1767225600,
            "changes": [
                {"field": "leadgen", "value": {"leadgen_id": f"71{page}{number:06}", "form_id": "8"}}
                for number in range(250)
            ],
        }
        for page in range(4)
    ]
    body = notification(entries)
    found = receive(body, f"sha256={hmac_sha256_hex(SECRET, body)}")
    assert len({each.source_id for each in found.pointers}) == 1000
    assert {each.part_id for each in found.pointers} == {f"10900000000000{page}" for page in range(4)}
