"""Expiry forecast: reminders and the recovery window."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.core.connections.forecast import due_reminder, recovery_window

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.proves("X-06")
def test_each_reminder_comes_once() -> None:
    """Hour by hour over twenty days: at 14, 7, 3 and 1 days before the end, then never again."""
    until, reminded, seen = NOW + timedelta(days=20), None, []
    for hour in range(24 * 25):
        days = due_reminder(until, reminded, NOW + timedelta(hours=hour))
        if days is not None:
            reminded = days
            seen.append((days, hour / 24))
    assert seen == [(14, 6.0), (7, 13.0), (3, 17.0), (1, 19.0)]


def test_only_the_latest_of_missed_reminders_comes() -> None:
    """A hub that was away does not send three at once."""
    assert due_reminder(NOW + timedelta(days=2), None, NOW) == 3
    assert due_reminder(NOW + timedelta(days=2), 3, NOW) is None
    assert due_reminder(NOW + timedelta(days=2), 14, NOW) == 3
    assert due_reminder(None, None, NOW) is None


def test_the_window_counts_down_and_names_what_is_waiting() -> None:
    """Nineteen days after a failure, with ninety days of retention."""
    window = recovery_window(NOW - timedelta(days=19, hours=1), timedelta(days=90), 10.0, NOW)
    assert (window.days_left, window.leads_waiting, window.leads_lost) == (70, 190, 0)
    assert window.lost_from is None


def test_beyond_retention_the_loss_is_named() -> None:
    """Number and period of what cannot be recovered."""
    window = recovery_window(NOW - timedelta(days=100), timedelta(days=90), 2.0, NOW)
    assert (window.days_left, window.leads_waiting, window.leads_lost) == (0, 180, 20)
    assert (window.lost_from, window.lost_until) == (NOW - timedelta(days=100), NOW - timedelta(days=90))


def test_without_a_known_retention_nothing_is_counted_down() -> None:
    """Only the estimate of what is waiting remains."""
    window = recovery_window(NOW - timedelta(days=2), None, 3.0, NOW)
    assert (window.days_left, window.leads_waiting) == (None, 6)
