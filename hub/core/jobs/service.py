"""Adding, handing over and settling jobs. Everything here runs in the caller's transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.jobs.models import job_schedules, jobs, partition_waits
from hub.core.jobs.queries import RunningJob, held, planned_now, waits_until
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.db.upsert import insert

_OF_ALL = {ALL_ORGANISATIONS: "the engine runs the jobs of every organisation"}
_LONGEST_ERROR = 500
_UNTRIED: dict[str, object] = {"attempts": 0, "bugs": 0, "failing_since": None, "reason": None, "last_error": None}


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done once. While a job with this ``key`` is not done, another one is not added.

    ``payload`` holds ids and moments, never anything personal or secret.
    """

    kind: str
    key: str
    payload: JsonValue = None
    organisation_id: UUID | None = None
    partition: str | None = None
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class HandedJob:
    """A job that is due and now belongs to a process, for this generation."""

    id: UUID
    generation: int
    kind: str
    partition: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """What is remembered of a failed attempt: a stable code and a sentence without secrets."""

    reason: str
    sentence: str
    since: datetime
    attempts: int
    bugs: int


def add(connection: Connection, job: Job, now: datetime) -> bool:
    """Add a job unless one with its key is not done yet; says whether it was added.

    One that is running may have passed what this one is about: it runs once more when it has ended.
    """
    job_id = new_id()
    statement = insert(connection, jobs).values(
        id=job_id,
        organisation_id=job.organisation_id,
        kind=job.kind,
        key=job.key,
        payload=job.payload,
        partition=job.partition,
        state="waiting",
        created_at=now,
        due_at=now + job.delay,
    )
    stands = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"again_at": sa.func.coalesce(jobs.c.again_at, statement.excluded.due_at)},
        where=jobs.c.state == "handed",
    )
    return bool(connection.scalar(stands.returning(jobs.c.id)) == job_id)


def hand_over(connection: Connection, process: str, now: datetime, limit: int) -> list[HandedJob]:
    """Give the jobs that are due to a process, oldest first; partitions that must wait are left out."""
    waits = sa.select(partition_waits.c.partition).where(partition_waits.c.wait_until > now)
    due = connection.scalars(
        sa.select(jobs.c.id)
        .where(jobs.c.state == "waiting", jobs.c.due_at <= now)
        .where(sa.or_(jobs.c.partition.is_(None), jobs.c.partition.not_in(waits)))
        .order_by(jobs.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(**_OF_ALL)
    ).all()
    rows = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id.in_(due))
        .values(state="handed", generation=jobs.c.generation + 1, run_by=process, handed_at=now)
        .returning(jobs.c.id, jobs.c.generation, jobs.c.kind, jobs.c.partition)
        .execution_options(**_OF_ALL)
    )
    return [HandedJob(*row) for row in rows]


def begin(connection: Connection, job_id: UUID, generation: int, process: str, now: datetime) -> RunningJob | None:
    """Take a handed job up for a process; None where it is done, changed hands, or its partition must wait."""
    job = held(connection, job_id, generation)
    if job is None:
        return None
    until = waits_until(connection, job.partition, now)
    if until is not None:
        _change(connection, job_id, generation, state="waiting", due_at=until, run_by=None)
        return None
    return job if _change(connection, job_id, generation, run_by=process) else None


def finish(connection: Connection, job_id: UUID, generation: int) -> bool:
    """The job is done, and starts anew where it was added again while it ran; False where it has changed hands
    meanwhile and somebody else decides."""
    done = sa.delete(jobs).where(*_held(job_id, generation), jobs.c.again_at.is_(None))
    if connection.execute(done.execution_options(**_OF_ALL)).rowcount == 1:
        return True
    return _change(
        connection, job_id, generation, state="waiting", run_by=None, due_at=jobs.c.again_at, again_at=None, **_UNTRIED
    )


def retry(connection: Connection, job: RunningJob, failure: Failure, due_at: datetime) -> bool:
    """Let the job wait for its next attempt; False where it has changed hands meanwhile."""
    return _change(
        connection,
        job.id,
        job.generation,
        state="waiting",
        run_by=None,
        due_at=due_at,
        again_at=None,
        **_remembered(failure),
    )


def park(connection: Connection, job: RunningJob, failure: Failure, now: datetime) -> bool:
    """Give the job up until an admin redrives it; False where it has changed hands meanwhile (DG-07)."""
    return _change(
        connection,
        job.id,
        job.generation,
        state="parked",
        run_by=None,
        again_at=None,
        parked_at=now,
        **_remembered(failure),
    )


def hold_partition(connection: Connection, partition: str, until: datetime) -> None:
    """No job of the partition starts before ``until``; a longer wait that stands already is kept."""
    statement = insert(connection, partition_waits).values(partition=partition, wait_until=until)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["partition"],
            set_={"wait_until": statement.excluded.wait_until},
            where=partition_waits.c.wait_until < statement.excluded.wait_until,
        )
    )


def release(connection: Connection, process: str) -> int:
    """Take back every job that a process had; another one gets them at once. Says how many there were."""
    return _take_back(connection, jobs.c.run_by == process)


def release_handed(connection: Connection, held: Collection[tuple[UUID, int]]) -> int:
    """Take back jobs, each given with the generation that nobody works on any more; later ones are left alone."""
    return _take_back(connection, sa.tuple_(jobs.c.id, jobs.c.generation).in_(held))


def release_stranded(connection: Connection, job_ids: Collection[UUID], handed_before: datetime) -> int:
    """Take back handed jobs that the engine does not know (any more)."""
    return _take_back(connection, jobs.c.id.in_(job_ids), jobs.c.handed_at < handed_before)


def redrive(
    connection: Connection,
    organisation_id: UUID,
    now: datetime,
    *,
    job_ids: Collection[UUID] | None = None,
    kind: str | None = None,
    reason: str | None = None,
    partition: str | None = None,
) -> int:
    """Try parked jobs of an organisation again: some, those that match, or all. Twice equals once (DG-07)."""
    statement = sa.update(jobs).where(jobs.c.organisation_id == organisation_id, jobs.c.state == "parked")
    if job_ids is not None:
        statement = statement.where(jobs.c.id.in_(job_ids))
    if kind is not None:
        statement = statement.where(jobs.c.kind == kind)
    if reason is not None:
        statement = statement.where(jobs.c.reason == reason)
    if partition is not None:
        statement = statement.where(jobs.c.partition == partition)
    again = connection.execute(
        statement.values(state="waiting", due_at=now, parked_at=None, failing_since=None, attempts=0, bugs=0)
    )
    return again.rowcount


def purge(connection: Connection, now: datetime, parked_before: datetime) -> int:
    """Forget jobs parked before a moment and waits that are over; says how many jobs were forgotten."""
    connection.execute(sa.delete(partition_waits).where(partition_waits.c.wait_until < now))
    gone = connection.execute(
        sa.delete(jobs).where(jobs.c.state == "parked", jobs.c.parked_at < parked_before).execution_options(**_OF_ALL)
    )
    return gone.rowcount


def plan(connection: Connection, kind: str, every: timedelta, now: datetime) -> None:
    """See to it that a job of this kind is added at every interval; an edited interval counts from now on."""
    seconds = max(1, int(every.total_seconds()))
    statement = insert(connection, job_schedules).values(kind=kind, every_seconds=seconds, next_at=now)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind"],
            set_={"every_seconds": seconds, "next_at": now},
            where=job_schedules.c.every_seconds != seconds,
        )
    )


def planned_job(kind: str) -> Job:
    """The job of a planned kind; adding it by hand does now what would be done at the next interval."""
    return Job(kind, f"{kind}:planned")


def add_planned(connection: Connection, now: datetime) -> int:
    """Add the planned jobs whose moment has come, each once over all processes; says how many were added.

    A moment that passed while nothing ran is made up for once, not once per interval missed.
    """
    added = 0
    for kind, every, next_at in planned_now(connection, now):
        moved = connection.execute(
            sa.update(job_schedules)
            .where(job_schedules.c.kind == kind, job_schedules.c.next_at == next_at)
            .values(next_at=now + every)
        )
        if moved.rowcount:
            added += add(connection, planned_job(kind), now)
    return added


def _held(job_id: UUID, generation: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (jobs.c.id == job_id, jobs.c.generation == generation, jobs.c.state == "handed")


def _change(connection: Connection, job_id: UUID, generation: int, **values: object) -> bool:
    statement = sa.update(jobs).where(*_held(job_id, generation)).values(**values).execution_options(**_OF_ALL)
    return connection.execute(statement).rowcount == 1


def _take_back(connection: Connection, *which: sa.ColumnElement[bool]) -> int:
    """The generation grows here too, so that whoever still runs the job can settle nothing."""
    statement = sa.update(jobs).where(jobs.c.state == "handed", *which)
    values = {"state": "waiting", "run_by": None, "again_at": None, "generation": jobs.c.generation + 1}
    return connection.execute(statement.values(**values).execution_options(**_OF_ALL)).rowcount


def _remembered(failure: Failure) -> dict[str, object]:
    return {
        "reason": failure.reason[:60],
        "last_error": storable(failure.sentence)[:_LONGEST_ERROR],
        "failing_since": failure.since,
        "attempts": failure.attempts,
        "bugs": failure.bugs,
    }
