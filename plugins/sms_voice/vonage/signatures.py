"""Whether a request comes from Vonage: a signed token, or the ``sig`` parameter (protocol page section 2)."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.json_web_tokens import verified_claims
from hub.connector.models import InboundRequest
from hub.connector.signatures import any_equal, check_timestamp, equal
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.vonage.settings import SignatureMethod

API_KEY, APPLICATION_ID, METHOD = "api_key", "application_id", "method"
"""Facts of the key."""
BEARER = "bearer "
ISSUER = "Vonage"
LONGEST_NONCE = 200

_REFUSED = "The request cannot be shown to come from Vonage."
_HMACS: Mapping[SignatureMethod, Callable[..., Any]] = MappingProxyType(
    {
        SignatureMethod.MD5_HMAC: hashlib.md5,
        SignatureMethod.SHA1_HMAC: hashlib.sha1,
        SignatureMethod.SHA256_HMAC: hashlib.sha256,
        SignatureMethod.SHA512_HMAC: hashlib.sha512,
    }
)


def query_of(request: InboundRequest) -> dict[str, str]:
    """The parameters of the address, in the order in which they came."""
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def check_token(request: InboundRequest, key: WebhookKey) -> None:
    """Refuse a request whose token is not of Vonage, of this account and application, of this body, and of now.

    A token's ``jti`` is not remembered here: who repeats a request within its five minutes repeats its content too,
    whose id the hub knows already, so that nothing comes of it.
    """
    token = request.headers.get("authorization", "")
    if token[: len(BEARER)].lower() != BEARER:
        raise UnverifiedRequestError(_REFUSED)
    claims = verified_claims(token[len(BEARER) :].strip(), key.secret)
    application = key.facts.get(APPLICATION_ID)
    is_ours = (
        claims.get("iss") == ISSUER
        and claims.get("api_key") == key.facts.get(API_KEY)
        and (not application or claims.get("application_id") in (application, None))
    )
    hashed = claims.get("payload_hash")
    if not is_ours or not isinstance(hashed, str) or not any_equal(hashed.lower(), _payload_hashes(request)):
        raise UnverifiedRequestError(_REFUSED)
    issued_at = claims.get("iat")
    is_number = isinstance(issued_at, int) and not isinstance(issued_at, bool)
    check_timestamp(str(issued_at) if is_number else None, request.received_at)


def _payload_hashes(request: InboundRequest) -> tuple[str, ...]:
    """SHA-256 of the body; of a request without one, of its parameters as compact JSON in their order.

    Nothing says how that JSON writes letters beyond ASCII, so both ways are good.
    """
    if request.method == "POST":
        return (hashlib.sha256(request.body).hexdigest(),)
    texts = (json.dumps(query_of(request), separators=(",", ":"), ensure_ascii=is_ascii) for is_ascii in (True, False))
    return tuple(hashlib.sha256(each.encode("utf-8", "replace")).hexdigest() for each in texts)


def check_parameter(fields: Mapping[str, str], key: WebhookKey, now: datetime) -> None:
    """Refuse parameters of the SMS API whose ``sig`` is not that of the account's method, or that are not of now.

    The nonce must be there; a repeated one is the repetition of a message whose id is known (see ``check_token``).
    """
    nonce = fields.get("nonce", "")
    if not 0 < len(nonce) <= LONGEST_NONCE or fields.get("api-key") not in (None, key.facts.get(API_KEY)):
        raise UnverifiedRequestError(_REFUSED)
    expected = signature_of(fields, SignatureMethod(key.facts.get(METHOD, SignatureMethod.MD5_HASH)), key.secret)
    if not equal(fields.get("sig", "").lower(), expected):
        raise UnverifiedRequestError(_REFUSED)
    check_timestamp(fields.get("timestamp"), now)


def signature_of(fields: Mapping[str, str], method: SignatureMethod, secret: SecretStr) -> str:
    """The ``sig`` of these parameters, in lower-case hex."""
    pairs = sorted((name, value) for name, value in fields.items() if name != "sig")
    text = "".join(f"&{name}={value.translate(_SEPARATORS)}" for name, value in pairs).encode("utf-8", "replace")
    known = secret.get_secret_value().encode()
    if method is SignatureMethod.MD5_HASH:
        return hashlib.md5(text + known, usedforsecurity=False).hexdigest()
    return hmac.new(known, text, _HMACS[method]).hexdigest()


_SEPARATORS = str.maketrans("&=", "__")
