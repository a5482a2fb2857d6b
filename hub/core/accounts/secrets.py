"""Unguessable values: handed out once, kept only as their SHA-256.

A plain hash is enough here: with 256 random bits there is nothing to guess, unlike with a password.
"""

import hashlib
from secrets import token_urlsafe

_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A new random value of 256 bits, as URL-safe text."""
    return prefix + token_urlsafe(_BYTES)


def fingerprint(secret: str) -> str:
    """What is stored and looked up instead of the secret: 64 hex digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
