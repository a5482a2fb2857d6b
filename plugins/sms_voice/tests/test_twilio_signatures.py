"""Signatures against the vectors of the protocol page (section 10) and the vendor's own library."""

import base64
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest
from hub.testing.clock import VirtualClock
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.twilio.signatures import SHARED_KEY, verified_fields

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SHARED = "shared-secret-for-docs-0001"
SHARED_HEADER = "key=webhooks_sharedkey_0001,algorithm=HMAC_SHA256"
OTHER_PORT = "https://hooks.example.com:8443/in/twilio/acme"
HOST = "https://hooks.example.com/in/twilio/acme"
FORM = "application/x-www-form-urlencoded"
SMS = (
    "ToCountry=US&MessageSid=SM00000000000000000000000000000001&SmsSid=SM00000000000000000000000000000001"
    "&AccountSid=AC00000000000000000000000000000001&From=%2B15005550006&To=%2B15005550001"
    "&Body=Hi%2C+I+want+a+quote+%26+a+call+%3D+soon&NumMedia=0&NumSegments=1&FromZip=&FromCity=&ApiVersion=2010-04-01"
)
WHATSAPP = (
    "MessageSid=SM00000000000000000000000000000002&AccountSid=AC00000000000000000000000000000001"
    "&From=whatsapp%3A%2B5511987654321&To=whatsapp%3A%2B14155238886&WaId=5511987654321"
    "&ProfileName=Jo%C3%A3o+%F0%9F%98%80&Body=Ol%C3%A1%21+Vi+o+an%C3%BAncio&NumMedia=0&ReferralSourceType=ad"
    "&ReferralSourceId=120200000000000001&ReferralCtwaClid=ARAtest-clid_1"
)
TWICE = "CallSid=CA00000000000000000000000000000003&Digits=5678&Digits=1234&Digits=1234"
EXAMPLE = urlencode(
    {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
)
JSON_HASH = "571ec8de26432229eb45ad9279b5624892549e9035e94784c48cb6101c63f7bf"
GOOD = {
    "published-example": (
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        EXAMPLE,
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    "blank-values": (TOKEN, f"{HOST}/sms", SMS, "kxSqf4fKlWmaGUc1cRb/9UMFkK4="),
    "utf-8-and-referral": (TOKEN, f"{HOST}/whatsapp", WHATSAPP, "PzAlAMFOHqdqEM1Muf7VgPSywqQ="),
    "raw-query-and-repeats": (
        TOKEN,
        f"{HOST}/voice?step=2&note=Couldn%27t+find&a=1",
        TWICE,
        "OK7y4iCuKns4h4OVoblzdOEej2o=",
    ),
    "port-signed-and-called": (
        TOKEN,
        f"{OTHER_PORT}/sms",
        SMS,
        "cr7W16EwqCbjM8EuLbt6aAbz9WE=",
    ),
    "port-called-not-signed": (
        TOKEN,
        f"{OTHER_PORT}/sms",
        SMS,
        "kxSqf4fKlWmaGUc1cRb/9UMFkK4=",
    ),
    "default-port-signed": (TOKEN, f"{HOST}/sms", SMS, "cfQZEEo3etSxTsH9r0/oWhRRBCQ="),
}
BAD = {
    "parser-that-drops-blanks": (TOKEN, f"{HOST}/sms", SMS, "rIdm/W4obdeKso8D8XB+T6LwHsY="),
    "other-port-signed": (TOKEN, f"{HOST}/sms", SMS, "cr7W16EwqCbjM8EuLbt6aAbz9WE="),
    "default-port-signed-other-called": (
        TOKEN,
        f"{OTHER_PORT}/sms",
        SMS,
        "cfQZEEo3etSxTsH9r0/oWhRRBCQ=",
    ),
    "other-token": ("1" * 32, f"{HOST}/sms", SMS, "kxSqf4fKlWmaGUc1cRb/9UMFkK4="),
    "query-in-another-order": (
        TOKEN,
        f"{HOST}/voice?a=1&note=Couldn%27t+find&step=2",
        TWICE,
        "OK7y4iCuKns4h4OVoblzdOEej2o=",
    ),
    "query-spelt-otherwise": (
        TOKEN,
        f"{HOST}/voice?step=2&note=Couldn't%20find&a=1",
        TWICE,
        "OK7y4iCuKns4h4OVoblzdOEej2o=",
    ),
    "not-ascii": (TOKEN, f"{HOST}/sms", SMS, "kxSqf4fKlWmaGUc1cRb/9UMFkK4é"),
    "empty": (TOKEN, f"{HOST}/sms", SMS, ""),
}


def request(
    url: str, body: bytes, signature: str | None, *, method: str = "POST", kind: str = FORM, settings: str | None = None
) -> InboundRequest:
    """A delivery as it arrives."""
    headers = {"content-type": kind}
    if signature is not None:
        headers["x-twilio-signature"] = signature
    if settings is not None:
        headers["x-twilio-webhooks-signature-settings"] = settings
    return InboundRequest(method=method, url=url, headers=headers, body=body, received_at=VirtualClock().now())


def token_key(token: str = TOKEN) -> WebhookKey:
    """An Auth Token."""
    return WebhookKey(provider=ProviderName.TWILIO, secret=SecretStr(token))


def shared_key(secret: str = SHARED, name: str = "webhooks_sharedkey_0001") -> WebhookKey:
    """A SharedKey."""
    return WebhookKey(provider=ProviderName.TWILIO, secret=SecretStr(secret), facts={SHARED_KEY: name})


def is_accepted(delivery: InboundRequest, key: WebhookKey) -> bool:
    """Whether a delivery is taken."""
    try:
        verified_fields(delivery, key)
    except UnverifiedRequestError:
        return False
    return True


@pytest.mark.parametrize("name", GOOD)
def test_vectors_are_accepted(name: str) -> None:
    """Every valid vector verifies, and the vendor's library agrees."""
    token, url, body, signature = GOOD[name]
    assert is_accepted(request(url, body.encode(), signature), token_key(token))
    fields = _Fields(parse_qsl(body, keep_blank_values=True))
    assert RequestValidator(token).validate(url, fields, signature)


@pytest.mark.parametrize("name", BAD)
def test_forged_vectors_are_refused(name: str) -> None:
    """Every vector that must not verify is refused."""
    token, url, body, signature = BAD[name]
    assert not is_accepted(request(url, body.encode(), signature), token_key(token))


def test_fields_are_decoded_with_blanks() -> None:
    """What was verified is what is read: decoded, blank values kept."""
    fields = verified_fields(request(f"{HOST}/sms", SMS.encode(), GOOD["blank-values"][3]), token_key())
    assert fields is not None
    assert fields["Body"] == "Hi, I want a quote & a call = soon"
    assert fields["FromCity"] == ""


def test_json_body_is_covered_by_its_hash() -> None:
    """A JSON body verifies by the hash in the URL; another body under the same signature does not."""
    url, signature = f"{HOST}/json?bodySHA256={JSON_HASH}", "vY0Pg58WGHA9lr9GBTGGmcIbX+Y="
    body = '{"EventType":"onMessageAdded","Body":"é"}'.encode()
    assert is_accepted(request(url, body, signature, kind="application/json"), token_key())
    assert verified_fields(request(url, body, signature, kind="application/json"), token_key()) is None
    for other in (b"{}", body + b" ", body.replace(b"onMessage", b"anMessage")):
        assert not is_accepted(request(url, other, signature, kind="application/json"), token_key())


def test_json_body_without_a_hash_is_refused() -> None:
    """A body that nothing protects is refused, although the signature over the URL is right."""
    signature = RequestValidator(TOKEN).compute_signature(f"{HOST}/json", {})
    assert not is_accepted(request(f"{HOST}/json", b"{}", signature, kind="application/json"), token_key())
    assert not is_accepted(request(f"{HOST}/json", b"a=1", signature, kind="text/plain"), token_key())
    assert not is_accepted(request(f"{HOST}/json", b"a=1", signature, method="GET"), token_key())


def test_get_is_signed_by_its_url() -> None:
    """A GET has all its parameters in the URL, and they are what is read."""
    url = f"{HOST}/voice?CallSid=CA1&From=%2B15005550006&To=%2B15005550001"
    delivery = request(url, b"", "sBjQRCguTnq/H0WNKN97xXdoURg=", method="GET", kind="")
    assert verified_fields(delivery, token_key()) == {"CallSid": "CA1", "From": "+15005550006", "To": "+15005550001"}


def test_shared_key_signs_with_sha256() -> None:
    """A delivery signed with a SharedKey verifies with that key alone."""
    good = request(f"{HOST}/sms", SMS.encode(), "/SqV4cBPiPDg5kVG/eUXvqrNhyY8Ve7DktS6exB+DaQ=", settings=SHARED_HEADER)
    assert is_accepted(good, shared_key())
    assert not is_accepted(good, token_key())
    assert not is_accepted(good, shared_key(name="webhooks_sharedkey_0002"))
    assert not is_accepted(good, token_key(SHARED))


@pytest.mark.parametrize(
    "settings",
    [
        SHARED_HEADER,
        "key=webhooks_sharedkey_0001",
        "key=webhooks_sharedkey_0001,algorithm=HMAC_SHA1",
        "key=webhooks_sharedkey_0001,algorithm=HMAC_SHA512",
        "key=webhooks_sharedkey_0001,algorithm=HMAC_SHA1,algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA256",
        None,
    ],
    ids=["named-sha256", "no-algorithm", "sha1", "sha512", "two-algorithms", "no-key", "no-header"],
)
def test_header_never_weakens_a_shared_key(settings: str | None) -> None:
    """SHA-1 under a SharedKey is refused whatever the header says: the header itself is not signed."""
    weak = request(f"{HOST}/sms", SMS.encode(), "9u5ScbTrIhXpROAo//YuMzO+E5Q=", settings=settings)
    assert not is_accepted(weak, shared_key())


@pytest.mark.parametrize("settings", ["", "algorithm=HMAC_SHA1"], ids=["empty", "sha1"])
def test_header_without_a_key_means_the_auth_token(settings: str) -> None:
    """An empty header, or one that names the usual hash, is the Auth Token's."""
    delivery = request(f"{HOST}/sms", SMS.encode(), GOOD["blank-values"][3], settings=settings)
    assert is_accepted(delivery, token_key())


class _Fields(dict[str, list[str]]):
    """A multi-dict as the vendor's library takes it."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getall(self, name: str) -> list[str]:
        """All values of a name."""
        return self[name]


_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(
    pairs=st.lists(st.tuples(_TEXTS.filter(bool), _TEXTS), max_size=12),
    query=st.lists(st.tuples(_TEXTS.filter(bool), _TEXTS), max_size=3),
    port=st.sampled_from(["", ":443", ":8443", ":80"]),
    scheme=st.sampled_from(["https", "http"]),
)
def test_official_library_and_we_agree(
    pairs: list[tuple[str, str]], query: list[tuple[str, str]], port: str, scheme: str
) -> None:
    """Whatever the fields and the URL, what the vendor's library signs is taken, and one changed byte is not."""
    url = f"{scheme}://hooks.example.com{port}/in/twilio" + (f"?{urlencode(query)}" if query else "")
    signature = RequestValidator(TOKEN).compute_signature(url, _Fields(pairs))
    body = urlencode(pairs).encode()
    assert is_accepted(request(url, body, signature), token_key())
    assert not is_accepted(request(url + "x", body, signature), token_key())
    other = base64.b64encode(bytes([base64.b64decode(signature)[0] ^ 1]) + base64.b64decode(signature)[1:]).decode()
    assert not is_accepted(request(url, body, other), token_key())
    assert urlsplit(url).netloc.startswith("hooks.example.com")


@pytest.mark.proves("WH-01")
def test_any_flipped_bit_is_refused() -> None:
    """One flipped bit in the signature, in the URL, or in what the fields say, and the delivery is refused."""
    _, url, body, signature = GOOD["blank-values"]
    for place in range(len(signature) * 8):
        assert not is_accepted(request(url, body.encode(), _flipped(signature, place)), token_key())
    for place in range(len(HOST) * 8, len(url) * 8):
        assert not is_accepted(request(_flipped(url, place), body.encode(), signature), token_key())
    said = parse_qsl(body, keep_blank_values=True)
    for place in range(len(body) * 8):
        other = bytearray(body.encode())
        other[place // 8] ^= 1 << place % 8
        is_same = parse_qsl(other.decode("utf-8", "replace"), keep_blank_values=True, errors="replace") == said
        assert is_accepted(request(url, bytes(other), signature), token_key()) is is_same


def _flipped(text: str, place: int) -> str:
    changed = bytearray(text.encode())
    changed[place // 8] ^= 1 << place % 8
    return changed.decode("latin-1")
