"""Tokens with which an application calls Vonage, checked as Vonage checks them (protocol page vonage, section 1)."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

LONGEST_LIFE = timedelta(hours=24)
SKEW = timedelta(minutes=1)


def new_private_key() -> SecretStr:
    """A key as the dashboard hands it out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SecretStr(pem.decode())


def application_claims(token: str, private_key: SecretStr) -> dict[str, Any] | None:
    """The claims of an RS256 token made with this key; None for any other."""
    parts = token.split(".")
    key = serialization.load_pem_private_key(private_key.get_secret_value().encode(), password=None)
    if len(parts) != 3 or not isinstance(key, rsa.RSAPrivateKey) or _json(parts[0]).get("alg") != "RS256":
        return None
    try:
        signed = f"{parts[0]}.{parts[1]}".encode()
        key.public_key().verify(_bytes(parts[2]), signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return None
    return _json(parts[1])


def is_of_now(claims: dict[str, Any], now: datetime) -> bool:
    """Whether the token was made before, ends later, and does not live too long."""
    issued_at, expires_at = (datetime.fromtimestamp(claims[name], now.tzinfo) for name in ("iat", "exp"))
    return issued_at <= now + SKEW and now < expires_at and expires_at - issued_at <= LONGEST_LIFE


def _json(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(part))
    return found


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
