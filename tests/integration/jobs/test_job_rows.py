"""Job rows: fencing by generation, hand-over among processes, redrive."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from job_rows import advance, rows

from hub.core.jobs import queries, service
from hub.core.jobs.service import Failure, Job
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.testing.clock import VirtualClock


def make_organisation(database: Database, clock: VirtualClock) -> UUID:
    """An organisation to own jobs."""
    organisation_id = new_id()
    row = {"name": "A", "country": "DE", "language": "de", "time_zone": "Europe/Berlin", "created_at": clock.now()}
    database.write_now(
        lambda connection: connection.execute(sa.insert(organisations).values(id=organisation_id, **row))
    )
    return organisation_id


def take(database: Database, clock: VirtualClock, process: str) -> queries.RunningJob:
    """Hand the one due job over and begin it."""
    (handed,) = database.write_now(service.hand_over, process, clock.now(), 10)
    job = database.write_now(service.begin, handed.id, handed.generation, process, clock.now())
    assert job is not None
    return job


@pytest.mark.proves("DG-06")
@pytest.mark.parametrize("settle", ["finish", "retry", "park"])
def test_who_lost_its_job_can_settle_nothing(database: Database, clock: VirtualClock, settle: str) -> None:
    """A worker that was paused beyond its lease changes neither row nor schedule when it wakes."""
    now = clock.now()
    database.write_now(service.add, Job("note", "a"), now)
    stale = take(database, clock, "one")
    assert database.write_now(service.release, "one") == 1
    taken = take(database, clock, "two")
    before = rows(database)
    failure = Failure("x", "x", now, 9, 9)
    attempts: dict[str, Callable[[], bool]] = {
        "finish": lambda: database.write_now(service.finish, stale.id, stale.generation),
        "retry": lambda: database.write_now(service.retry, stale, failure, now),
        "park": lambda: database.write_now(service.park, stale, failure, now),
    }
    assert attempts[settle]() is False
    assert rows(database) == before
    assert database.write_now(service.finish, taken.id, taken.generation) is True


def test_a_released_job_is_gone_for_its_holder_before_another_takes_it(database: Database, clock: VirtualClock) -> None:
    """Between the release and the next hand-over the old holder is refused already."""
    database.write_now(service.add, Job("note", "a"), clock.now())
    stale = take(database, clock, "one")
    database.write_now(service.release, "one")
    assert not database.write_now(service.finish, stale.id, stale.generation)
    assert [row.state for row in rows(database)] == ["waiting"]


def test_each_due_job_is_handed_to_one_process(database: Database, clock: VirtualClock) -> None:
    """Four processes that look at the same moment share the jobs out without overlap."""
    for number in range(60):
        database.write_now(service.add, Job("note", f"{number}"), clock.now())
    taken: list[UUID] = []

    def work(process: str) -> None:
        while handed := database.write_now(service.hand_over, process, clock.now(), 7):
            taken.extend(job.id for job in handed)

    threads = [threading.Thread(target=work, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = database.write_now(service.hand_over, "last", clock.now(), 60)
    assert len(taken) + len(left) == 60
    assert len({*taken, *(job.id for job in left)}) == 60


@pytest.mark.proves("DG-07")
def test_redriving_twice_equals_once(database: Database, clock: VirtualClock) -> None:
    """A parked job keeps reason and attempts, shows only to its organisation, and runs again once."""
    mine, other = make_organisation(database, clock), make_organisation(database, clock)
    for key, owner in (("a", mine), ("b", mine), ("c", other)):
        database.write_now(service.add, Job("note", key, {"n": key}, owner), clock.now())
    for handed in database.write_now(service.hand_over, "one", clock.now(), 10):
        job = database.write_now(service.begin, handed.id, handed.generation, "one", clock.now())
        assert job is not None
        database.write_now(service.park, job, Failure("app_gone", "Gone.", clock.now(), 5, 0), clock.now())
    seen = database.read_now(queries.parked, mine)
    assert [(each.payload, each.reason, each.attempts) for each in seen] == [
        ({"n": "a"}, "app_gone", 5),
        ({"n": "b"}, "app_gone", 5),
    ]
    redrive = service.redrive
    assert database.write_now(redrive, mine, clock.now(), job_ids=[seen[0].id]) == 1
    assert database.write_now(redrive, mine, clock.now(), job_ids=[seen[0].id]) == 0
    assert database.write_now(redrive, mine, clock.now(), reason="another") == 0
    assert database.write_now(redrive, mine, clock.now(), reason="app_gone") == 1
    assert len(database.write_now(service.hand_over, "one", clock.now(), 10)) == 2
    assert len(database.read_now(queries.parked, other)) == 1


def test_a_held_partition_keeps_the_longer_wait(database: Database, clock: VirtualClock) -> None:
    """A shorter wait that comes later does not shorten what a source asked for."""
    now = clock.now()
    database.write_now(service.hold_partition, "c1", now + timedelta(minutes=10))
    database.write_now(service.hold_partition, "c1", now + timedelta(minutes=1))
    database.write_now(service.add, Job("note", "a", partition="c1"), now)
    advance(clock, minutes=5)
    assert database.write_now(service.hand_over, "one", clock.now(), 10) == []
    advance(clock, minutes=5)
    assert len(database.write_now(service.hand_over, "one", clock.now(), 10)) == 1


def test_a_job_handed_over_just_before_its_partition_was_held_waits_too(
    database: Database, clock: VirtualClock
) -> None:
    """What is under way in the engine is stopped at its start."""
    database.write_now(service.add, Job("note", "a", partition="c1"), clock.now())
    (handed,) = database.write_now(service.hand_over, "one", clock.now(), 10)
    until = clock.now() + timedelta(minutes=10)
    database.write_now(service.hold_partition, "c1", until)
    assert database.read_now(queries.ready, handed.id, handed.generation, "one", clock.now()) is None
    assert database.write_now(service.begin, handed.id, handed.generation, "one", clock.now()) is None
    assert [(row.state, row.due_at, row.attempts) for row in rows(database)] == [("waiting", until, 0)]


def test_old_parked_jobs_and_waits_are_forgotten(database: Database, clock: VirtualClock) -> None:
    """Nothing of ours grows for ever either."""
    database.write_now(service.add, Job("note", "a"), clock.now())
    job = take(database, clock, "one")
    database.write_now(service.park, job, Failure("x", "x", clock.now(), 1, 0), clock.now())
    advance(clock, days=91)
    assert database.write_now(service.purge, clock.now(), clock.now() - timedelta(days=92)) == 0
    assert database.write_now(service.purge, clock.now(), clock.now() - timedelta(days=90)) == 1


@pytest.mark.proves("X-02")
@pytest.mark.parametrize("settle", ["finish", "retry"])
def test_a_job_added_while_it_runs_runs_once_more(database: Database, clock: VirtualClock, settle: str) -> None:
    """It may have passed what it was added for; a job that still waits needs no second run."""
    now = clock.now()
    assert database.write_now(service.add, Job("note", "a"), now)
    assert not database.write_now(service.add, Job("note", "a"), now)
    job = take(database, clock, "one")
    assert not database.write_now(service.add, Job("note", "a"), now)
    assert not database.write_now(service.add, Job("note", "a", delay=timedelta(hours=1)), now)
    if settle == "finish":
        assert database.write_now(service.finish, job.id, job.generation)
    else:
        assert database.write_now(service.retry, job, Failure("x", "x", now, 1, 0), now)
    second = take(database, clock, "two")
    assert second.id == job.id
    assert database.write_now(service.finish, second.id, second.generation)
    assert rows(database) == []


def test_adding_and_finishing_at_the_same_moment_loses_no_run(database: Database, clock: VirtualClock) -> None:
    """Whoever comes first: after the addition there is a job, or one that runs again."""
    for _ in range(30):
        database.write_now(service.add, Job("note", "a"), clock.now())
        job = take(database, clock, "one")
        both = threading.Barrier(2)

        def finish(job: queries.RunningJob = job, both: threading.Barrier = both) -> None:
            both.wait()
            database.write_now(service.finish, job.id, job.generation)

        other = threading.Thread(target=finish)
        other.start()
        both.wait()
        database.write_now(service.add, Job("note", "a"), clock.now())
        other.join()
        again = take(database, clock, "one")
        assert database.write_now(service.finish, again.id, again.generation)
