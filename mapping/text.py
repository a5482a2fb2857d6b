"""Text as people type it, made safe to store and plain enough to read."""

import unicodedata

from hub.connector.text import REPLACEMENT, storable

__all__ = ["REPLACEMENT", "storable", "with_ascii_digits", "without_invisible"]

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)],
)
"""Soft hyphen, zero-width and direction marks: they come along when a number or an address is copied."""


def without_invisible(text: str) -> str:
    """The text without invisible marks and outer white space; for contact addresses and numbers only."""
    return text.strip() if text.isascii() else text.translate(_INVISIBLE).strip()


def with_ascii_digits(text: str) -> str:
    """The text with the decimal digits of any script (Arabic, Devanagari, full-width ...) as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
