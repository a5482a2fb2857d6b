"""Quiet hours: the next allowed moment, on every clock of the world."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.outbound.quiet_hours import ANSWER_WINDOW, DEFAULT, QuietHours, is_answer, next_allowed

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Santiago",
)
START = datetime(2020, 1, 1, tzinfo=UTC)
LONGEST_GAP = timedelta(hours=1)
moments = st.integers(0, 16 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
hours = st.builds(QuietHours, times, times)
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])


def is_quiet(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> bool:
    """What a person sees on the wall."""
    return quiet.hold(moment.astimezone(zone).time())


@given(moments, hours, zones)
def test_allowed_is_never_earlier_never_quiet_and_within_a_day(
    moment: datetime, quiet: QuietHours, zone: ZoneInfo
) -> None:
    """The answer is a moment from now on, at most a day and a change of clocks away, at which it is not quiet."""
    allowed = next_allowed(moment, quiet, zone)
    assert moment <= allowed <= moment + timedelta(hours=25)
    assert not is_quiet(allowed, quiet, zone)
    assert allowed.utcoffset() == timedelta(0)


@given(moments, hours, zones)
def test_nobody_waits_longer_than_it_is_quiet(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> None:
    """Before the answer it is quiet at every minute, but for the hour that clocks may skip."""
    allowed = next_allowed(moment, quiet, zone)
    minute = moment
    while minute < allowed - LONGEST_GAP:
        assert is_quiet(minute, quiet, zone)
        minute += timedelta(minutes=1)


@given(moments, hours, zones)
def test_asking_again_changes_nothing(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> None:
    """An allowed moment is its own next one."""
    allowed = next_allowed(moment, quiet, zone)
    assert next_allowed(allowed, quiet, zone) == allowed


@given(moments, zones)
def test_without_quiet_hours_every_moment_is_allowed(moment: datetime, zone: ZoneInfo) -> None:
    """Switched off, or ending when they start: never quiet."""
    assert next_allowed(moment, None, zone) == moment
    assert next_allowed(moment, QuietHours(time(9), time(9)), zone) == moment


@pytest.mark.parametrize(
    ("local", "allowed"),
    [
        ("2026-06-15T20:59", "2026-06-15T20:59"),
        ("2026-06-15T21:00", "2026-06-16T08:00"),
        ("2026-06-16T07:59", "2026-06-16T08:00"),
        ("2026-06-16T08:00", "2026-06-16T08:00"),
        ("2026-03-28T23:00", "2026-03-29T08:00"),
        ("2026-10-24T23:00", "2026-10-25T08:00"),
    ],
)
def test_the_night_of_a_town(local: str, allowed: str) -> None:
    """From nine to eight on the wall, also in the nights in which the clocks are changed."""
    zone = ZoneInfo("Europe/Berlin")
    moment = datetime.fromisoformat(local).replace(tzinfo=zone)
    assert next_allowed(moment, DEFAULT, zone) == datetime.fromisoformat(allowed).replace(tzinfo=zone)


def test_an_end_that_the_clocks_skip_is_not_moved_forward() -> None:
    """At 02:30 in the night of the spring: the hour is skipped, and nobody is written to earlier than it ends."""
    zone = ZoneInfo("Europe/Berlin")
    asked = datetime(2026, 3, 29, 1, 0, tzinfo=zone)
    allowed = next_allowed(asked, QuietHours(time(21), time(2, 30)), zone)
    assert allowed.astimezone(zone).time() == time(3, 30)


@pytest.mark.parametrize(
    ("ago", "answers"),
    [
        (timedelta(0), True),
        (ANSWER_WINDOW, True),
        (ANSWER_WINDOW + timedelta(seconds=1), False),
        (None, False),
    ],
)
def test_what_follows_a_message_within_a_day_is_an_answer(ago: timedelta | None, answers: bool) -> None:
    """To the second; without any message there is nothing to answer."""
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert is_answer(now, None if ago is None else now - ago) is answers
