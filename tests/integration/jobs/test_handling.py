"""The schedule of tries stands in the database: it outlives restarts and clock jumps."""

import random
from datetime import timedelta

import pytest
from job_rows import rows
from pydantic import JsonValue

from hub.connector.errors import RetryableError
from hub.core.jobs import service
from hub.core.jobs.service import Job
from hub.db.engine import Database
from hub.jobs.handling import Handlers
from hub.testing.clock import VirtualClock


async def attempt(database: Database, clock: VirtualClock, process: str, error: Exception) -> bool:
    """Run the job if it is due, in a process of that name; says whether it ran."""
    ran = False

    async def handler(payload: JsonValue) -> None:
        nonlocal ran
        ran = True
        raise error

    handlers = Handlers(database, clock, process, jitter=random.Random(1).random)
    handlers.register("note", handler, limit=timedelta(minutes=1), recurring=False)
    for job in await database.write(service.hand_over, process, clock.now(), 10):
        await handlers.run(job.id, job.generation)
    return ran


@pytest.mark.proves("DG-05")
async def test_tries_go_on_over_restarts_and_clock_jumps_until_72_hours(database_url: str, clock: VirtualClock) -> None:
    """80 virtual hours, five restarts, the clock set forward and back: no try is lost, and the end is a parked job."""
    start, tries = clock.now(), 0
    database = Database(database_url)
    await database.write(service.add, Job("note", "a"), clock.now())
    restarts = {12, 24, 36, 48, 60}
    jumps = {20: timedelta(hours=2), 50: timedelta(hours=-2)}
    hours = 0.0
    while clock.now() - start < timedelta(hours=80):
        hour = int(hours)
        if hour in restarts:
            restarts.remove(hour)
            database.close()
            database = Database(database_url)
        clock.advance(jumps.pop(hour, timedelta(0)))
        tries += await attempt(database, clock, f"serve-{len(restarts)}", RetryableError("away", code="away"))
        clock.advance(timedelta(minutes=10))
        hours += 1 / 6
    (row,) = rows(database)
    database.close()
    assert (row.state, row.reason) == ("parked", "away")
    assert timedelta(hours=72) <= row.parked_at - start <= timedelta(hours=74)
    assert 70 <= tries <= 130
    assert row.attempts == tries


async def test_a_job_of_an_unknown_kind_waits_for_a_version_that_knows_it(
    database: Database, clock: VirtualClock
) -> None:
    """During an upgrade old processes meet jobs of new ones."""
    await database.write(service.add, Job("new", "a"), clock.now())
    (job,) = await database.write(service.hand_over, "serve-1", clock.now(), 10)
    await Handlers(database, clock, "serve-1").run(job.id, job.generation)
    assert [(row.state, row.reason) for row in rows(database)] == [("waiting", "unknown_kind")]


def test_a_kind_has_one_handler(database: Database, clock: VirtualClock) -> None:
    """Two would hide one another."""

    async def handler(payload: JsonValue) -> None:
        """Does nothing."""

    handlers = Handlers(database, clock, "serve-1")
    handlers.register("note", handler, limit=timedelta(minutes=1), recurring=False)
    with pytest.raises(ValueError, match="note"):
        handlers.register("note", handler, limit=timedelta(minutes=1), recurring=False)
