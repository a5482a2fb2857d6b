"""Addresses as Vonage writes them: numbers are digits without a plus."""

import re

_DIGITS = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_LONGEST = 200
UNKNOWN = "unknown"
"""Stands for an address of the business that nobody told."""


def address_of(text: str) -> str:
    """A number with its plus (E.164); a short code, a word or an id of a channel as it is."""
    plain = text.strip()
    return f"+{plain}" if _DIGITS.fullmatch(plain) else plain[:_LONGEST]


def written(address: str) -> str:
    """The other way round."""
    return address.removeprefix("+")
