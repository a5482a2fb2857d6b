"""Weekly working hours of a person."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hub.core.organisations.errors import RefusedChangeError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DAY_END = 24 * 60


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When somebody works: for each day from Monday the spans in minutes after midnight, end not included."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...]

    def is_open(self, now: datetime) -> bool:
        """Whether ``now`` (aware) falls into a span, by the clock on the wall of the zone."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.week[local.weekday()])


def read_hours(spans: Mapping[str, Sequence[Sequence[str]]], time_zone: str) -> WorkingHours:
    """Working hours from their stored form, ``{"mon": [["09:00", "12:30"], ["13:00", "17:00"]], ...}``.

    A missing day is a day off. Raises ``RefusedChangeError`` for an unknown day, a malformed time, a span that
    ends before it starts, or spans that overlap.
    """
    unknown = sorted(set(spans) - set(DAYS))
    if unknown:
        raise RefusedChangeError(f"hours name an unknown day {unknown[0]!r}; use {', '.join(DAYS)}", field="hours")
    return WorkingHours(ZoneInfo(time_zone), tuple(_read_day(day, spans.get(day, ())) for day in DAYS))


def _read_day(day: str, spans: Sequence[Sequence[str]]) -> tuple[tuple[int, int], ...]:
    field = f"hours.{day}"
    read: list[tuple[int, int]] = []
    for span in spans:
        if len(span) != 2:
            raise RefusedChangeError(f"a span of {day} needs a start and an end", field=field)
        start, end = (_read_minute(text, field) for text in span)
        if start >= end:
            raise RefusedChangeError(
                f"a span of {day} ends before it starts; give a night as two spans on two days", field=field
            )
        read.append((start, end))
    read.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(read)):
        raise RefusedChangeError(f"spans of {day} overlap; join them into one", field=field)
    return tuple(read)


def _read_minute(text: str, field: str) -> int:
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else _DAY_END + 1
    if minute > _DAY_END:
        raise RefusedChangeError(f"{text!r} is not a time; write it as HH:MM from 00:00 to 24:00", field=field)
    return minute


@lru_cache(maxsize=4096)
def hours_of_text(text: str, time_zone: str) -> WorkingHours:
    """``read_hours`` of stored JSON text, remembered: teams are loaded for every batch, hours seldom change."""
    return read_hours(json.loads(text), time_zone)
