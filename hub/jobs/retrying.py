"""What follows from a failed job: the one table of consequences for work behind the intake (DG-05).

================================  ==========================================================================
The handler raised                Then
================================  ==========================================================================
``RateLimitedError``              the whole partition waits as long as asked (at most a day)
``RetryableError``                tried again with growing, jittered waits for 72 hours, then parked
no database, handler took too long  like ``RetryableError``
any other ``ConnectorError``      parked at once: trying again would not help
anything else                     a bug: three more tries, then parked
================================  ==========================================================================
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.connector.errors import ConnectorError, RateLimitedError, RetryableError
from hub.core.jobs.queries import RunningJob
from hub.core.jobs.service import Failure
from hub.db.engine import DatabaseUnavailableError

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_HOLD = timedelta(hours=24)
GIVE_UP_AFTER = timedelta(hours=72)
TRIES_AFTER_A_BUG = 3
BUG = "bug"

Jitter = Callable[[], float]
"""A number from 0 up to 1, drawn anew at each call."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at ``due_at``. Until ``hold_until``, if set, the whole partition waits."""

    failure: Failure
    due_at: datetime
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Give up until an admin redrives the job."""

    failure: Failure


def decide(job: RunningJob, error: Exception, now: datetime, jitter: Jitter) -> Retry | Park:
    """The consequence of a failed attempt."""
    is_bug = not _is_named(error)
    failure = Failure(
        reason=_reason(error),
        sentence=_sentence(error),
        since=job.failing_since or now,
        attempts=job.attempts + 1,
        bugs=job.bugs + is_bug,
    )
    if is_bug:
        tries_left = failure.bugs <= TRIES_AFTER_A_BUG
        return Retry(failure, now + backoff(failure.bugs, jitter)) if tries_left else Park(failure)
    if isinstance(error, ConnectorError) and not isinstance(error, RetryableError):
        return Park(failure)
    give_up_at = failure.since + GIVE_UP_AFTER
    if now >= give_up_at:
        return Park(failure)
    if isinstance(error, RateLimitedError):
        hold_until = now + hold(error, failure.attempts, jitter)
        return Retry(failure, hold_until, hold_until)
    return Retry(failure, min(now + backoff(failure.attempts, jitter), give_up_at))


def backoff(failures: int, jitter: Jitter) -> timedelta:
    """How long to wait after so many failures in a row: doubling up to an hour, each between half and whole."""
    doubled = FIRST_WAIT * (1 << min(failures - 1, 20))
    return min(doubled, LONGEST_WAIT) * (0.5 + jitter() / 2)


def hold(error: RateLimitedError, failures: int, jitter: Jitter) -> timedelta:
    """How long a partition waits: what the source asked for and a little more, or our own backoff."""
    if error.retry_after is None:
        return backoff(failures, jitter)
    return min(max(error.retry_after, timedelta(0)), LONGEST_HOLD) * (1 + jitter() / 20) + timedelta(seconds=jitter())


def _is_named(error: Exception) -> bool:
    return isinstance(error, ConnectorError | DatabaseUnavailableError | TimeoutError)


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectorError):
        return error.code
    if isinstance(error, DatabaseUnavailableError):
        return "database_unavailable"
    return "took_too_long" if isinstance(error, TimeoutError) else BUG


def _sentence(error: Exception) -> str:
    """The text of an unknown error may hold anything, so only its type is kept."""
    return error.user_message if isinstance(error, ConnectorError) else type(error).__name__
