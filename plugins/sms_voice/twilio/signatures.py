"""Signatures of Twilio's deliveries (protocol page section 2): over the URL as it was called and all form fields.

There is no timestamp: a replayed delivery has the ids of the first one, by which the hub knows it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest
from hub.connector.signatures import any_equal, equal
from plugins.sms_voice.provider import WebhookKey

SIGNATURE = "x-twilio-signature"
SIGNED_WITH = "x-twilio-webhooks-signature-settings"
FORM = "application/x-www-form-urlencoded"
BODY_HASH = "bodySHA256"
SHARED_KEY = "shared_key"
"""Fact of a ``WebhookKey``: the name of a SharedKey. Without it the secret is an Auth Token."""
SHA1, SHA256 = "HMAC_SHA1", "HMAC_SHA256"
MOST_FIELDS = 2_000

_URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.DOTALL)
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_REFUSED = "The request cannot be shown to come from Twilio."


def verified_fields(request: InboundRequest, key: WebhookKey) -> dict[str, str] | None:
    """The fields of a signed request, decoded; None where its body is no form, and so is for the caller to read.

    Of a field that comes more than once the last value stands. Raises ``UnverifiedRequestError``.
    """
    digest = _digest_for(request.headers.get(SIGNED_WITH), key)
    pairs = _signed_pairs(request)
    text = _text_of(pairs or ())
    expected = [_signature(key, digest, url + text) for url in _spellings(request.url)]
    if not any_equal(request.headers.get(SIGNATURE, ""), expected):
        raise UnverifiedRequestError(_REFUSED)
    if request.method == "GET":
        return dict(_pairs_in(urlsplit(request.url).query))
    return dict(pairs) if pairs is not None else None


def signature_of(url: str, pairs: Iterable[tuple[str, str]], secret: str, digest: str = "sha1") -> str:
    """What Twilio writes into the header, for a URL in exactly this spelling."""
    return _hmac(secret, digest, url + _text_of(pairs))


def _signature(key: WebhookKey, digest: str, text: str) -> str:
    return _hmac(key.secret.get_secret_value(), digest, text)


def _hmac(secret: str, digest: str, text: str) -> str:
    signed = hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), digest).digest()
    return base64.b64encode(signed).decode()


def _digest_for(header: str | None, key: WebhookKey) -> str:
    """The hash by which this key signs. The header is not signed itself: it may only name what the key allows."""
    name, said = key.facts.get(SHARED_KEY), _said(header)
    if said is not None and name is None and "key" not in said and said.get("algorithm", SHA1) == SHA1:
        return "sha1"
    if said is not None and name and said.get("algorithm") == SHA256 and equal(said.get("key", ""), name):
        return "sha256"
    raise UnverifiedRequestError(_REFUSED)


def _said(header: str | None) -> Mapping[str, str] | None:
    """The settings in the header by name; None where one is named twice."""
    pairs = [part.strip().partition("=") for part in (header or "").split(",") if part.strip()]
    named = {name.strip(): value.strip() for name, _, value in pairs}
    return named if len(named) == len(pairs) else None


def _signed_pairs(request: InboundRequest) -> list[tuple[str, str]] | None:
    """The form fields that the signature covers. A body of another kind is covered by its hash in the URL."""
    if not request.body:
        return []
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM and request.method == "POST":
        return _pairs_in(request.body.decode("utf-8", "replace"))
    hashes = [value for name, value in _pairs_in(urlsplit(request.url).query) if name == BODY_HASH]
    if not hashes or not equal(hashes[0].lower(), hashlib.sha256(request.body).hexdigest()):
        raise UnverifiedRequestError(_REFUSED)
    return None


def _pairs_in(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UnverifiedRequestError(_REFUSED) from None


def _text_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Names sorted, each with its values, which are sorted and stand once each."""
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def _spellings(url: str) -> tuple[str, ...]:
    """The URL without a port, and with the one it has or that its scheme means: Twilio signs either."""
    found = _URL.fullmatch(url)
    if found is None:
        return (url,)
    scheme, place, rest = found.groups()
    host, port = _split_port(place)
    return (f"{scheme}://{host}{rest}", f"{scheme}://{host}:{port or _DEFAULT_PORTS[scheme]}{rest}")


def _split_port(place: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)(?::([0-9]+))?", place, re.DOTALL)
    return (found[1], found[2] or "") if found else (place, "")
