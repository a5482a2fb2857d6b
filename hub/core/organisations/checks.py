"""Checks of single values that several subjects share."""

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.connector.text import storable
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError

MAX_NAME = 200
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def named(text: str, *, field: str = "name") -> str:
    """The text trimmed; refused when empty or longer than 200 characters."""
    trimmed = storable(text).strip()
    if not trimmed:
        raise RefusedChangeError(f"{field} is empty; enter a text", field=field, code="missing")
    if len(trimmed) > MAX_NAME:
        raise RefusedChangeError(f"{field} is longer than {MAX_NAME} characters; shorten it", field=field)
    return trimmed


def coded(text: str, taken: Iterable[str], *, field: str = "code") -> str:
    """The code trimmed; refused when malformed or, in any letter case, already in ``taken``."""
    code = text.strip()
    if not _CODE.fullmatch(code):
        message = (
            f"{field} must be 1 to 40 letters, digits, dots, dashes or underscores and start with a letter or digit"
        )
        raise RefusedChangeError(message, field=field)
    if code.casefold() in {other.casefold() for other in taken}:
        raise ConflictingChangeError(f"{field} {code} is already in use; choose another", field=field)
    return code


def coloured(text: str, *, field: str = "color") -> str:
    """A colour as ``#RRGGBB``."""
    if not _COLOR.fullmatch(text):
        raise RefusedChangeError(f"{field} must be written as #RRGGBB, for example #2F80ED", field=field)
    return text.upper()


def zoned(name: str, *, field: str = "time_zone") -> str:
    """The name of a time zone of the IANA database, such as ``Europe/Lisbon``."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{field} is not a known time zone; use a name such as Europe/Lisbon"
        raise RefusedChangeError(message, field=field) from None
    return name


def unused(name: str, taken: Iterable[str], *, field: str = "name") -> str:
    """The name trimmed; refused when, in any letter case, already in ``taken``."""
    trimmed = named(name, field=field)
    if trimmed.casefold() in {other.casefold() for other in taken}:
        raise ConflictingChangeError(f"{field} {trimmed} is already in use; choose another", field=field)
    return trimmed
