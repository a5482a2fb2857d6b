"""The render token: what the hub signs into a page, so that a post can show when and for what it was rendered.

``lh1.<form>.<version>.<rendered>.<issued>.<bits>.<nonce>.<signature>``: times are whole Unix seconds, the signature
is hex HMAC-SHA256 (RFC 2104) over everything before it. ``rendered`` never changes; a page that stays open long
gets a token with a new ``issued`` in exchange. A proof of work is a number whose SHA-256 together with the token
starts with ``bits`` zero bits: bound to the form, to this page and to a time.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from hub.connector.signatures import equal, hmac_sha256_hex

VALID = timedelta(hours=24)
RENEWABLE = timedelta(days=7)
PROOF_VALID = timedelta(minutes=10)
FILL_TIME = timedelta(seconds=3)
SKEW = timedelta(minutes=5)
MAX_LENGTH = 300


@dataclass(frozen=True, slots=True)
class RenderToken:
    """What a genuine token says."""

    form_key: str
    version: int
    rendered_at: datetime
    issued_at: datetime
    bits: int
    nonce: str


def issue(token: RenderToken, secret: SecretStr) -> str:
    """The signed text of a token."""
    unsigned = ".".join(
        (
            "lh1",
            token.form_key,
            str(token.version),
            str(int(token.rendered_at.timestamp())),
            str(int(token.issued_at.timestamp())),
            str(token.bits),
            token.nonce,
        )
    )
    return f"{unsigned}.{hmac_sha256_hex(secret, unsigned.encode())}"


def read(text: str, secret: SecretStr) -> RenderToken | None:
    """The token of a text, or None where it was not signed by us."""
    unsigned, _, signature = text.rpartition(".")
    if len(text) > MAX_LENGTH or not text.isascii() or not equal(signature, hmac_sha256_hex(secret, unsigned.encode())):
        return None
    parts = unsigned.split(".")
    if len(parts) != 7 or parts[0] != "lh1":
        return None
    _, form_key, version, rendered, issued, bits, nonce = parts
    return RenderToken(form_key, int(version), _moment(rendered), _moment(issued), int(bits), nonce)


def renew(text: str, now: datetime, secret: SecretStr, nonce: str | None) -> str | None:
    """The same page's token with a new time of issue, and with another nonce where one is given."""
    token = read(text, secret)
    if token is None or now - token.rendered_at > RENEWABLE:
        return None
    return issue(replace(token, issued_at=now, nonce=nonce or token.nonce), secret)


def suspicions(token: RenderToken, form_key: str, received_at: datetime) -> list[str]:
    """What is odd about the page that a post came from."""
    found = []
    if token.form_key != form_key:
        found.append("token_foreign")
    if received_at - token.issued_at > VALID:
        found.append("token_expired")
    if token.issued_at - received_at > SKEW:
        found.append("token_early")
    if received_at - token.rendered_at < FILL_TIME:
        found.append("too_fast")
    return found


def proof_suspicions(token: RenderToken, text: str, proof: str, received_at: datetime) -> list[str]:
    """What is wrong with a proof of work that came along with the token ``text``."""
    found = []
    if not solves(text, proof, token.bits):
        found.append("proof_wrong")
    if received_at - token.issued_at > PROOF_VALID:
        found.append("proof_expired")
    return found


def solves(text: str, proof: str, bits: int) -> bool:
    """Whether a number is a proof of work for a token."""
    if not (proof.isascii() and proof.isdecimal() and len(proof) <= 12):
        return False
    found = hashlib.sha256(f"{text}.{proof}".encode()).digest()
    return int.from_bytes(found[:8], "big") >> (64 - bits) == 0 if bits else True


def solve(text: str, bits: int) -> str:
    """A proof of work for a token, found by trying."""
    number = 0
    while not solves(text, str(number), bits):
        number += 1
    return str(number)


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
