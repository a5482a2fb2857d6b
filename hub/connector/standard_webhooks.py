"""Deliveries signed after Standard Webhooks 1.0.0 (its specification, sections "Signature scheme" and "Verifying"):
a verifier for connectors, and the signer for senders and simulators.

Signed are the bytes ``webhook-id.webhook-timestamp.body``. Version ``v1`` is HMAC-SHA256 under a shared secret
(``whsec_`` and Base64), ``v1a`` is ed25519 under a key pair (``whsk_`` and ``whpk_``). The header may hold several
signatures, so that keys can change while deliveries are under way.

Stricter than the reference library where that is safe: the timestamp is plain digits, signatures are compared as
text (two spellings of the same Base64 are not the same), an empty secret never fits. Laxer where strictness would
lose a delivery: unknown versions and broken entries of the header are skipped, and the body may be any bytes.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.signatures import any_equal, check_timestamp

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
SECRET_PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"
SEED_BYTES = 32
"""Of an ed25519 private key; a longer one repeats the public key behind it."""

_REFUSED = "The delivery cannot be shown to come from its sender."
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[SecretStr],
    now: datetime,
    public_keys: Sequence[str] = (),
) -> str:
    """The ``webhook-id`` of a delivery that any of the secrets or public keys vouches for: the idempotency key.

    ``body`` are the bytes as received, ``now`` may be 5 minutes before or after the timestamp. Raises
    ``UnverifiedRequestError`` and nothing else, whatever the headers, the body or the keys hold; a key that cannot
    be read fits nothing.
    """
    named = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = named.get(ID, ""), named.get(TIMESTAMP)
    check_timestamp(timestamp, now)
    if not message_id.isascii() or not message_id:
        raise UnverifiedRequestError(_REFUSED)
    content = _content(message_id, str(timestamp), body)
    entries = named.get(SIGNATURE, "").split(" ")
    accepted = [_shared_signature(key, content) for key in _keys(secrets)]
    is_known = False
    for entry in entries:
        is_known |= any_equal(entry, accepted)
    if not is_known and not _any_public_key_fits(entries, content, public_keys):
        raise UnverifiedRequestError(_REFUSED)
    return message_id


def sign(
    message_id: str,
    body: bytes,
    secrets: Sequence[SecretStr],
    now: datetime,
    private_keys: Sequence[SecretStr] = (),
) -> dict[str, str]:
    """The three headers of one attempt to deliver ``body``, signed with every key given.

    ``message_id`` is the same in every attempt; letters, digits, ``_`` and ``-``. Raises ``ValueError`` for another
    id, without any key, and for a key that cannot be read.
    """
    if not _SAFE_ID.fullmatch(message_id):
        raise ValueError("message_id may hold letters, digits, _ and - only")
    timestamp = str(int(now.timestamp()))
    content = _content(message_id, timestamp, body)
    entries = [_shared_signature(_required(key, SECRET_PREFIX), content) for key in secrets]
    for key in private_keys:
        signer = Ed25519PrivateKey.from_private_bytes(_required(key, PRIVATE_PREFIX)[:SEED_BYTES])
        entries.append(f"v1a,{_base64(signer.sign(content))}")
    if not entries:
        raise ValueError("a delivery is signed with at least one key")
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: " ".join(entries)}


def _content(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _shared_signature(key: bytes, content: bytes) -> str:
    return f"v1,{_base64(hmac.new(key, content, hashlib.sha256).digest())}"


def _any_public_key_fits(entries: Iterable[str], content: bytes, public_keys: Sequence[str]) -> bool:
    readable = [key for text in public_keys if (key := _public_key(text)) is not None]
    signatures = [_decoded(entry.removeprefix("v1a,")) for entry in entries if entry.startswith("v1a,")]
    return any(_fits(key, each, content) for key in readable for each in signatures if each)


def _fits(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _public_key(text: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(_decoded(text.removeprefix(PUBLIC_PREFIX)) or b"")
    except ValueError:
        return None


def _keys(secrets: Iterable[SecretStr]) -> Iterator[bytes]:
    for secret in secrets:
        if key := _key(secret, SECRET_PREFIX):
            yield key


def _required(secret: SecretStr, prefix: str) -> bytes:
    key = _key(secret, prefix)
    if not key:
        raise ValueError(f"a key must be {prefix} and Base64")
    return key


def _key(secret: SecretStr, prefix: str) -> bytes:
    """The bytes of a key as people paste it, with or without prefix and padding; none where it is no Base64."""
    text = secret.get_secret_value().strip().removeprefix(prefix)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes | None:
    """The bytes of Base64 text in its one right spelling; None for anything else."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content if _base64(content) == text else None
