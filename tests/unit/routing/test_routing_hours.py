"""Weekly working hours."""

from datetime import UTC, datetime

import pytest

from hub.core.organisations.errors import RefusedChangeError
from hub.core.routing.hours import read_hours


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (datetime(2026, 3, 27, 8, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 27, 7, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 30, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 6, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 30, 15, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), False),
    ],
)
def test_hours_follow_the_clock_on_the_wall(moment: datetime, is_open: bool) -> None:
    """Nine in Berlin is 8:00 UTC before the last Sunday of March 2026 and 7:00 UTC after it."""
    hours = read_hours({"fri": [["09:00", "17:00"]], "mon": [["09:00", "12:00"]]}, "Europe/Berlin")
    assert hours.is_open(moment) is is_open


def test_a_day_may_last_until_midnight() -> None:
    """``24:00`` is the end of the day."""
    hours = read_hours({"wed": [["22:00", "24:00"]]}, "UTC")
    assert hours.is_open(datetime(2026, 1, 7, 23, 59, tzinfo=UTC))
    assert not hours.is_open(datetime(2026, 1, 8, 0, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    "spans",
    [
        {"someday": [["09:00", "17:00"]]},
        {"mon": [["17:00", "09:00"]]},
        {"mon": [["9:00", "17:00"]]},
        {"mon": [["09:00", "24:30"]]},
        {"mon": [["09:00"]]},
        {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]},
    ],
)
def test_hours_that_make_no_sense_are_refused(spans: dict[str, list[list[str]]]) -> None:
    """A wrong day, time, order or overlap is named."""
    with pytest.raises(RefusedChangeError):
        read_hours(spans, "UTC")
