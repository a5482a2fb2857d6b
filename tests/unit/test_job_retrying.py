"""What follows from a failed job, over virtual days."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.errors import (
    BadPayloadError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.core.jobs.queries import RunningJob
from hub.db.engine import DatabaseUnavailableError
from hub.jobs.retrying import Park, Retry, backoff, decide

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def job(**fields: object) -> RunningJob:
    """A job that never failed."""
    values = {"attempts": 0, "bugs": 0, "failing_since": None, "run_by": "p", "partition": "c", "payload": None}
    return RunningJob(id=uuid4(), generation=1, kind="k", **(values | fields))  # type: ignore[arg-type]


def after(verdict: Retry) -> RunningJob:
    """The same job at its next attempt."""
    failure = verdict.failure
    return job(attempts=failure.attempts, bugs=failure.bugs, failing_since=failure.since)


@pytest.mark.proves("DG-05")
@given(seed=st.integers(), jumps=st.lists(st.integers(-7200, 7200), min_size=2, max_size=2))
def test_transient_failures_are_retried_for_72_hours_and_no_longer(seed: int, jumps: list[int]) -> None:
    """Over 80 virtual hours with two clock jumps: waits grow to at most an hour, the end comes once, near 72 hours."""
    draw, now, running, tries = random.Random(seed).random, NOW, job(), 0
    pending = [timedelta(seconds=jump) for jump in jumps]
    while True:
        verdict = decide(running, RetryableError("not now"), now, draw)
        tries += 1
        if isinstance(verdict, Park):
            break
        assert timedelta(0) <= verdict.due_at - now <= timedelta(hours=1)
        now, running = verdict.due_at, after(verdict)
        if pending and tries % 20 == 0:
            now += pending.pop()
        assert now - NOW < timedelta(hours=80)
    assert timedelta(hours=72) <= now - NOW <= timedelta(hours=76)
    assert 70 <= tries <= 200


@pytest.mark.parametrize(
    "error", [PermanentError("x"), ReauthorizationNeededError("x"), BadPayloadError("x", path="a")]
)
def test_a_failure_that_time_does_not_cure_is_parked_at_once(error: Exception) -> None:
    """None of these is tried again by the hub alone."""
    assert isinstance(decide(job(), error, NOW, random.random), Park)


@pytest.mark.parametrize("error", [DatabaseUnavailableError("x"), TimeoutError(), RetryableError("x")])
def test_our_own_trouble_counts_as_transient(error: Exception) -> None:
    """A database that is away and a handler that took too long are no bugs."""
    verdict = decide(job(), error, NOW, random.random)
    assert isinstance(verdict, Retry)
    assert verdict.failure.bugs == 0


@pytest.mark.proves("DG-05")
@given(st.integers(-10, 200_000), st.floats(0, 0.999))
def test_a_source_that_names_a_wait_gets_it(seconds: int, drawn: float) -> None:
    """Retry-After is obeyed up to a day, with a little jitter on top and never less."""
    error = RateLimitedError("slow", retry_after=timedelta(seconds=seconds))
    verdict = decide(job(), error, NOW, lambda: drawn)
    assert isinstance(verdict, Retry)
    assert verdict.hold_until is not None
    asked = min(max(seconds, 0), 86_400)
    assert asked <= (verdict.hold_until - NOW).total_seconds() <= asked * 1.05 + 1
    assert verdict.due_at == verdict.hold_until


def test_a_bug_is_tried_three_times_more() -> None:
    """Then somebody has to look at it."""
    running, verdicts = job(), []
    for _ in range(4):
        verdict = decide(running, KeyError("anna@example.com"), NOW, random.random)
        verdicts.append(verdict)
        assert "anna" not in verdict.failure.sentence
        if isinstance(verdict, Retry):
            running = after(verdict)
    assert [isinstance(each, Retry) for each in verdicts] == [True, True, True, False]


@given(st.integers(1, 10_000), st.floats(0, 0.999))
def test_the_wait_doubles_up_to_an_hour(failures: int, drawn: float) -> None:
    """Whatever the number of failures, the wait is positive and at most an hour."""
    wait = backoff(failures, lambda: drawn)
    assert timedelta(seconds=2.5) <= wait <= timedelta(hours=1)
