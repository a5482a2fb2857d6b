"""Days and moments as people write them, read by strict rules and never by a locale."""

import re
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from mapping.text import with_ascii_digits

_ISO = re.compile(r"(\d{4})(?:-(\d\d)-(\d\d)|/(\d{1,2})/(\d{1,2})|(\d\d)(\d\d))")
_POINTED = re.compile(r"(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})")
_EITHER = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})")
_TIME = re.compile(
    r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)? ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?"
)
_MOMENT = re.compile(r"(\d{1,4}[-/. ]*\d{1,2}[-/. ]*\d{1,4})(?:[Tt]|,? +)(\d.*)")
_LONGEST = 60


def read_date(text: str, order: str | None = None) -> tuple[str | None, str]:
    """The day as ``2026-05-06``, or None and the code of the reason.

    Read are ISO dates (also with slashes or without signs), days with points (always day first, as where they
    are in use), and days with slashes or hyphens where only one order makes a day; ``order`` (``dmy`` or
    ``mdy``) settles the others. Of a moment its day is taken. Codes: ``not_a_date``, ``ambiguous_date``.
    """
    if len(text) > _LONGEST:
        return None, "not_a_date"
    plain = with_ascii_digits(text).strip()
    found, code = _day(plain, order)
    if found is None and code == "not_a_date" and (moment := _MOMENT.fullmatch(plain)) and _clock(moment[2]):
        found, code = _day(moment[1], order)
    return (found.isoformat(), "") if found else (None, code)


def read_date_time(text: str, order: str | None = None, zone: str | None = None) -> tuple[str | None, str]:
    """The moment as ISO 8601 with its offset kept, or None and the code of the reason.

    ``zone`` (IANA name) is for a time without an offset. Codes: ``not_a_date_time``, ``ambiguous_date``,
    ``time_without_zone``.
    """
    if len(text) > _LONGEST:
        return None, "not_a_date_time"
    plain = with_ascii_digits(text).strip()
    moment = _MOMENT.fullmatch(plain)
    clock = _clock(moment[2]) if moment else None
    if moment is None or clock is None:
        return None, "not_a_date_time"
    day, code = _day(moment[1].strip(), order)
    if day is None:
        return None, code if code == "ambiguous_date" else "not_a_date_time"
    if clock.tzinfo is not None:
        return datetime.combine(day, clock).isoformat(), ""
    if zone is None:
        return None, "time_without_zone"
    try:
        return datetime.combine(day, clock, _zone(zone)).isoformat(), ""
    except (ValueError, OverflowError, KeyError):
        return None, "not_a_date_time"


def is_zone(name: str) -> bool:
    """Whether a time zone of that IANA name is known here."""
    try:
        _zone(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _day(text: str, order: str | None) -> tuple[date | None, str]:
    if match := _ISO.fullmatch(text):
        year, *rest = (int(part) for part in match.groups() if part)
        return _date(year, *rest), "not_a_date"
    if match := _POINTED.fullmatch(text):
        return _date(int(match[3]), int(match[2]), int(match[1])), "not_a_date"
    if not (match := _EITHER.fullmatch(text)):
        return None, "not_a_date"
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    day_first, month_first = _date(year, second, first), _date(year, first, second)
    if order:
        return (day_first if order == "dmy" else month_first), "not_a_date"
    if day_first and month_first and day_first != month_first:
        return None, "ambiguous_date"
    return day_first or month_first, "not_a_date"


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _clock(text: str) -> time | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction, half, offset = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    micros = (fraction or "0")[:6].ljust(6, "0")
    try:
        return time.fromisoformat(f"{hours:02}:{minute}:{second or '00'}.{micros}{_offset(offset)}")
    except ValueError:
        return None


def _offset(written: str | None) -> str:
    if written is None:
        return ""
    if written[0] not in "+-":
        return "+00:00"
    digits = written[1:].replace(":", "").ljust(4, "0")
    return f"{written[0]}{digits[:2]}:{digits[2:]}"
