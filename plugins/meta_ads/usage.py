"""What Meta says about our use of it in three headers (protocol page section 2.5)."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from hub.connector.errors import ApiAnswer

BUSINESS = "x-business-use-case-usage"
APP = "x-app-usage"
AD_ACCOUNT = "x-ad-account-usage"

SLOW_FROM = 80
"""Percent of a bucket from which we go slower of our own accord."""
FULL = 100
LONGEST = timedelta(hours=24)
PERCENTAGES = ("call_count", "total_cputime", "total_time", "acc_id_util_pct")


def percent_used(headers: Mapping[str, str]) -> float:
    """How full the fullest bucket is; 0 where Meta does not say."""
    return max((_number(row.get(name)) for row in _rows(headers) for name in PERCENTAGES), default=0.0)


def regain_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long until calls are taken again, as far as a header says: minutes in one, seconds in another."""
    waits = [
        max(
            timedelta(minutes=_number(row.get("estimated_time_to_regain_access"))),
            timedelta(seconds=_number(row.get("reset_time_duration"))),
        )
        for row in _rows(headers)
    ]
    longest = min(max(waits, default=timedelta()), LONGEST)
    return longest or None


def wait_or(otherwise: timedelta) -> Callable[[ApiAnswer], timedelta]:
    """The wait of an error rule: what the headers say, else ``otherwise``; there is no Retry-After."""
    return lambda answer: regain_after(answer.headers) or otherwise


def _rows(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The counters of all three headers; each of them is JSON, and one holds lists by object id."""
    for name in (APP, AD_ACCOUNT, BUSINESS):
        try:
            found = json.loads(headers.get(name, "null"))
        except (ValueError, RecursionError):
            continue
        if not isinstance(found, dict):
            continue
        lists = found.values() if name == BUSINESS else ([found],)
        yield from (row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, dict))


def _number(value: object) -> float:
    """A counter as a number within sane bounds; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        return 0.0
    return float(min(value, 1_000_000))
