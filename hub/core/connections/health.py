"""Health facts of a connection: what went well or badly, and when the next attempt is. They never change its state."""

from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.errors import RateLimitedError
from hub.core.connections.consequences import Step, consequence_of, shown
from hub.core.connections.models import connections

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_LIMIT = timedelta(hours=24)
DELAYED_AFTER = 3
"""Failures in a row from which a connection is shown as delayed."""


def record_success(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> None:
    """A call went through: whatever failed before is over."""
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(last_ok_at=now, failures_in_row=0, last_error=None, next_attempt_at=None)
    )


def record_failure(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    error: Exception,
    now: datetime,
    random: Random,
) -> datetime | None:
    """Note a failure; returns when the next attempt may be, None where trying again is of no use.

    A submission that cannot be read, a request that cannot be trusted and a part that is out of reach say nothing
    about the connection: they are not counted here.
    """
    step = consequence_of(error).step
    if step in (Step.QUARANTINE, Step.REFUSE, Step.LIMIT_PART):
        return None
    row = (connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
    failures = connection.scalar(
        sa.update(connections)
        .where(*row)
        .values(failures_in_row=connections.c.failures_in_row + 1, last_error=shown(error), last_error_at=now)
        .returning(connections.c.failures_in_row)
    )
    next_attempt_at = now + wait(error, failures or 1, random) if step in (Step.RETRY, Step.WAIT) else None
    connection.execute(sa.update(connections).where(*row).values(next_attempt_at=next_attempt_at))
    return next_attempt_at


def wait(error: Exception, failures: int, random: Random) -> timedelta:
    """How long to wait after so many failures in a row.

    Doubling from 30 s to an hour, of which a random half is taken off, so that connections that failed together
    do not come back together. What a platform asks for is never shortened, but capped at a day.
    """
    usual = min(FIRST_WAIT * (1 << min(failures - 1, 20)), LONGEST_WAIT)
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        return min(error.retry_after * (1 + random.random() / 10), LONGEST_LIMIT)
    return usual * (1 - random.random() / 2)
