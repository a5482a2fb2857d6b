"""Reading jobs: what pages and the engine look at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.core.jobs.models import job_schedules, jobs, partition_waits
from hub.db.guard import ALL_ORGANISATIONS

_OF_ALL = {ALL_ORGANISATIONS: "the engine runs the jobs of every organisation"}


@dataclass(frozen=True, slots=True)
class ParkedJob:
    """A job that was given up, as a page shows it."""

    id: UUID
    kind: str
    key: str
    payload: JsonValue
    partition: str | None
    reason: str
    last_error: str
    attempts: int
    failing_since: datetime
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job whose handler is about to run, and how it fared before."""

    id: UUID
    generation: int
    kind: str
    payload: JsonValue
    partition: str | None
    run_by: str | None
    attempts: int
    bugs: int
    failing_since: datetime | None


def held(connection: Connection, job_id: UUID, generation: int) -> RunningJob | None:
    """A handed job; None where it is done or changed hands."""
    columns = [jobs.c[name] for name in RunningJob.__slots__]
    row = connection.execute(
        sa.select(*columns)
        .where(jobs.c.id == job_id, jobs.c.generation == generation, jobs.c.state == "handed")
        .execution_options(**_OF_ALL)
    ).first()
    return RunningJob(*row) if row else None


def ready(connection: Connection, job_id: UUID, generation: int, process: str, now: datetime) -> RunningJob | None:
    """A handed job that this process has already and may start without writing anything; else None."""
    job = held(connection, job_id, generation)
    if job is None or job.run_by != process or waits_until(connection, job.partition, now) is not None:
        return None
    return job


def waits_until(connection: Connection, partition: str | None, now: datetime) -> datetime | None:
    """Until when a partition must still wait, if it must."""
    if partition is None:
        return None
    return connection.scalar(
        sa.select(partition_waits.c.wait_until).where(
            partition_waits.c.partition == partition, partition_waits.c.wait_until > now
        )
    )


def parked(
    connection: Connection,
    organisation_id: UUID,
    *,
    kind: str | None = None,
    reason: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[ParkedJob]:
    """Parked jobs of an organisation, oldest first; ``after`` is the last id of the page before."""
    columns = [jobs.c[name] for name in ParkedJob.__slots__]
    statement = sa.select(*columns).where(jobs.c.organisation_id == organisation_id, jobs.c.state == "parked")
    if kind is not None:
        statement = statement.where(jobs.c.kind == kind)
    if reason is not None:
        statement = statement.where(jobs.c.reason == reason)
    if after is not None:
        statement = statement.where(jobs.c.id > after)
    return [ParkedJob(*row) for row in connection.execute(statement.order_by(jobs.c.id).limit(limit))]


def is_anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a hand-over would find a job."""
    waits = sa.select(partition_waits.c.partition).where(partition_waits.c.wait_until > now)
    due = (
        sa.select(sa.literal(1))
        .where(jobs.c.state == "waiting", jobs.c.due_at <= now)
        .where(sa.or_(jobs.c.partition.is_(None), jobs.c.partition.not_in(waits)))
        .limit(1)
        .execution_options(**_OF_ALL)
    )
    return connection.scalar(due) is not None


def planned_now(connection: Connection, now: datetime) -> list[tuple[str, timedelta, datetime]]:
    """Kind, interval and stored moment of the planned jobs whose moment has come.

    A moment that lies further ahead than a whole interval was set by a clock that has since been put back, and
    counts as come.
    """
    rows = [
        (row.kind, timedelta(seconds=row.every_seconds), row.next_at)
        for row in connection.execute(sa.select(job_schedules))
    ]
    return [(kind, every, next_at) for kind, every, next_at in rows if not now < next_at <= now + every]


def handed_before(connection: Connection, moment: datetime, limit: int) -> list[tuple[UUID, int]]:
    """Ids and generations of jobs handed to the engine before a moment and not settled since."""
    statement = (
        sa.select(jobs.c.id, jobs.c.generation)
        .where(jobs.c.state == "handed", jobs.c.handed_at < moment)
        .order_by(jobs.c.handed_at)
        .limit(limit)
        .execution_options(**_OF_ALL)
    )
    return [(row.id, row.generation) for row in connection.execute(statement)]


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many jobs wait, run and are parked, over all organisations (for metrics)."""
    statement = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state).execution_options(**_OF_ALL)
    return {row[0]: row[1] for row in connection.execute(statement)}
