"""Checks of signed deliveries, for connectors: constant time, over raw bytes, with secret rotation."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError

TOLERANCE = timedelta(minutes=5)


def hmac_sha256_hex(secret: SecretStr, message: bytes) -> str:
    """Lower-case hex HMAC-SHA256 (RFC 2104)."""
    return hmac.new(secret.get_secret_value().encode(), message, hashlib.sha256).hexdigest()


def equal(left: str, right: str) -> bool:
    """Whether two texts are equal, in constant time; any characters are allowed."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def any_equal(candidate: str, accepted: Iterable[str]) -> bool:
    """Whether the candidate equals one of the accepted texts; all are compared, whatever matches."""
    found = False
    for each in accepted:
        found |= equal(candidate, each)
    return found


def check_timestamp(value: str | None, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Refuse a Unix timestamp in seconds that is not plain digits or lies outside the tolerance."""
    if value is None or not (value.isascii() and value.isdecimal() and len(value) <= 12):
        raise UnverifiedRequestError("The delivery's timestamp is missing or not a whole number of seconds.")
    if abs(now.timestamp() - int(value)) > tolerance.total_seconds():
        raise UnverifiedRequestError("The delivery's timestamp is too far from the present time.")
