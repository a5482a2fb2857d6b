"""Kinds of values that many routes read."""

from typing import Annotated
from zoneinfo import available_timezones

import pycountry
from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, EmailStr, Field, StringConstraints

_ZONES = frozenset(available_timezones())


def _plain(text: str) -> str:
    if any(ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 for one in text):
        raise ValueError("line breaks and control characters are not allowed here; remove them")
    return text


def _zone(text: str) -> str:
    if text not in _ZONES:
        raise ValueError("this is not an IANA time zone; write for example Europe/Berlin")
    return text


def _country(text: str) -> str:
    if pycountry.countries.get(alpha_2=text) is None:
        raise ValueError("this is not an ISO 3166-1 country code; write for example DE")
    return text


def _language(text: str) -> str:
    try:
        Locale.parse(text, sep="-")
    except (UnknownLocaleError, ValueError):
        raise ValueError("this is not a known language tag; write for example en or de-AT") from None
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_plain)]
"""One line of text that a person gives to something."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}$")]
"""A short name for programs."""

Password = Annotated[str, Field(min_length=1, max_length=128)]
"""A password as typed; whether it may be chosen is decided by ``accounts.passwords``."""

Secret = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_\-]+$")]
"""The secret part of a one-time link."""

Email = Annotated[EmailStr, Field(max_length=254)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_country)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"), AfterValidator(_language)]
