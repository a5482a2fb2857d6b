"""JSON web tokens, for connectors whose platform signs deliveries or wants calls signed with them (RFC 7519, 7515).

Two algorithms, each asked for by name and never chosen by the token: HS256 to check, RS256 to sign.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import JsonValue, SecretStr

from hub.connector.errors import PermanentError, UnverifiedRequestError

LONGEST_TOKEN = 8_000
_REFUSED = "The token cannot be shown to come from the source."


def verified_claims(token: str, secret: SecretStr) -> dict[str, JsonValue]:
    """The claims of an HS256 token signed with this secret. Times among them are for the caller to look at.

    Raises ``UnverifiedRequestError`` for any other algorithm (``none`` too), form or signature, and for a token with
    critical headers (RFC 7515 section 4.1.11), which nobody here would heed.
    """
    parts = token.split(".")
    if len(token) > LONGEST_TOKEN or len(parts) != 3:
        raise UnverifiedRequestError(_REFUSED)
    header = _object(parts[0])
    if header.get("alg") != "HS256" or "crit" in header:
        raise UnverifiedRequestError(_REFUSED)
    signed = f"{parts[0]}.{parts[1]}".encode("utf-8", "replace")
    expected = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest()
    if not hmac.compare_digest(_decoded(parts[2]), expected):
        raise UnverifiedRequestError(_REFUSED)
    return _object(parts[1])


def signed_rs256(claims: Mapping[str, JsonValue], private_key: SecretStr) -> SecretStr:
    """A token with these claims, signed with an RSA key in PEM form without a password.

    Raises ``PermanentError`` where the text is no such key.
    """
    try:
        key = serialization.load_pem_private_key(private_key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise PermanentError(
            "The private key cannot be read. Paste the whole file, with its BEGIN and END lines.", code="bad_key"
        )
    head = _encoded(json.dumps({"alg": "RS256", "typ": "JWT"}, separators=(",", ":")).encode())
    body = _encoded(json.dumps(dict(claims), separators=(",", ":")).encode())
    signature = key.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return SecretStr(f"{head}.{body}.{_encoded(signature)}")


def _object(text: str) -> dict[str, JsonValue]:
    try:
        found = json.loads(_decoded(text))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnverifiedRequestError(_REFUSED)
    return found


def _decoded(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UnverifiedRequestError(_REFUSED) from None


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
