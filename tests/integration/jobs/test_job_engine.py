"""The engine runs what our rows say, once, and settles it in them."""

import asyncio
import logging
import threading
from datetime import timedelta

import pytest
from job_rows import advance, rows, until
from pydantic import JsonValue

from hub.connector.errors import PermanentError, RateLimitedError, RetryableError
from hub.core.jobs import service
from hub.core.jobs.service import Job
from hub.db.engine import Database
from hub.jobs.engine import JobEngine
from hub.testing.clock import VirtualClock


class Recorder:
    """A handler that notes its payloads and raises what it is told to."""

    def __init__(self, *errors: Exception | None) -> None:
        self.payloads: list[JsonValue] = []
        self.errors = list(errors)

    async def __call__(self, payload: JsonValue) -> None:
        self.payloads.append(payload)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


async def test_a_job_runs_once_however_often_it_is_added(database: Database, engine: JobEngine) -> None:
    """While a job with its key is not done, another one is not added."""
    handler = Recorder()
    engine.register("note", handler)
    assert await engine.enqueue(Job("note", "a", {"n": 1}))
    assert not await engine.enqueue(Job("note", "a", {"n": 2}))
    await engine.start()
    await until(lambda: rows(database) == [])
    assert handler.payloads == [{"n": 1}]
    assert await engine.enqueue(Job("note", "a", {"n": 3}))
    await until(lambda: len(handler.payloads) == 2)


async def test_a_job_shares_the_fate_of_the_callers_transaction(database: Database, engine: JobEngine) -> None:
    """What is rolled back leaves no job; what is committed does, on either database."""
    handler = Recorder()
    engine.register("note", handler)
    await engine.start()

    def broken(connection: object) -> None:
        engine.enqueue_in(connection, Job("note", "lost"))  # type: ignore[arg-type]
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(broken)
    await database.write(engine.enqueue_in, Job("note", "kept", 7))
    await until(lambda: handler.payloads == [7] and rows(database) == [])


async def test_a_delayed_job_waits_for_our_clock(database: Database, engine: JobEngine, clock: VirtualClock) -> None:
    """Moments are those of the clock that is handed in."""
    handler = Recorder()
    engine.register("note", handler)
    await engine.start()
    await engine.enqueue(Job("note", "later", delay=timedelta(days=3)))
    await asyncio.sleep(0.1)
    assert handler.payloads == []
    advance(clock, days=3)
    await until(lambda: len(handler.payloads) == 1)


async def test_a_transient_failure_is_tried_again_and_succeeds(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """The schedule of tries stands in the database."""
    handler = Recorder(RetryableError("not now"), RetryableError("not now"))
    engine.register("note", handler)
    await engine.start()
    await engine.enqueue(Job("note", "a"))
    await until(lambda: [row.attempts for row in rows(database)] == [1] and rows(database)[0].state == "waiting")
    assert timedelta(seconds=2) <= rows(database)[0].due_at - clock.now() <= timedelta(seconds=5)
    advance(clock, minutes=1)
    await until(lambda: len(handler.payloads) == 2)
    await until(lambda: [(row.attempts, row.state) for row in rows(database)] == [(2, "waiting")])
    advance(clock, minutes=1)
    await until(lambda: rows(database) == [])


async def test_a_permanent_failure_is_parked_and_can_be_redriven(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """A parked job keeps its reason; once its cause is gone it runs."""
    handler = Recorder(PermanentError("The app was removed.", code="app_gone"))
    engine.register("note", handler)
    await engine.start()
    await engine.enqueue(Job("note", "a"))
    await until(lambda: [row.state for row in rows(database)] == ["parked"])
    assert rows(database)[0].reason == "app_gone"
    assert rows(database)[0].last_error == "The app was removed."


async def test_a_bug_is_tried_three_times_more_then_parked_without_its_text(
    database: Database, engine: JobEngine, clock: VirtualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text of an unknown error may hold anything, so neither row nor log show it."""
    handler = Recorder(*[ValueError("anna@example.com") for _ in range(9)])
    engine.register("note", handler)
    await engine.start()
    await engine.enqueue(Job("note", "a"))
    for attempt in range(1, 4):
        await until(lambda at=attempt: [(row.bugs, row.state) for row in rows(database)] == [(at, "waiting")])  # type: ignore[misc]
        advance(clock, hours=1)
    await until(lambda: [row.state for row in rows(database)] == ["parked"])
    assert len(handler.payloads) == 4
    assert rows(database)[0].last_error == "ValueError"
    told = capsys.readouterr().out
    assert "a job met a bug" in told
    assert "anna@example.com" not in told


async def test_a_rate_limit_holds_its_whole_partition_and_no_other(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """Everything for one connection waits as long as asked; other connections go on."""
    limited, other = Recorder(RateLimitedError("slow", retry_after=timedelta(minutes=10))), Recorder()
    engine.register("limited", limited)
    engine.register("other", other)
    await engine.start()
    await engine.enqueue(Job("limited", "a", partition="c1"))
    await until(lambda: [row.attempts for row in rows(database)] == [1])
    await engine.enqueue(Job("other", "b", "same partition", partition="c1"))
    await engine.enqueue(Job("other", "c", "another partition", partition="c2"))
    await until(lambda: other.payloads == ["another partition"])
    advance(clock, minutes=9)
    await asyncio.sleep(0.1)
    assert (len(limited.payloads), len(other.payloads)) == (1, 1)
    advance(clock, minutes=2)
    await until(lambda: len(limited.payloads) == 2 and len(other.payloads) == 2)


async def test_one_kind_runs_one_at_a_time_in_a_partition(engine: JobEngine) -> None:
    """Two polls of one connection never overlap; those of two connections do."""
    running: dict[str, int] = {"c1": 0, "c2": 0}
    most = {"c1": 0, "all": 0}

    async def handler(payload: JsonValue) -> None:
        name = str(payload)
        running[name] += 1
        most["c1"] = max(most["c1"], running["c1"])
        most["all"] = max(most["all"], sum(running.values()))
        await asyncio.sleep(0.05)
        running[name] -= 1
        done.append(name)

    done: list[str] = []
    engine.register("poll", handler)
    await engine.start()
    for number in range(6):
        name = f"c{1 + number % 2}"
        await engine.enqueue(Job("poll", f"{number}", name, partition=name))
    await until(lambda: len(done) == 6)
    assert most == {"c1": 1, "all": 2}


async def test_a_handler_past_its_limit_is_ended_and_tried_again(database: Database, engine: JobEngine) -> None:
    """One that hangs does not hold its place for ever."""
    engine.register("hangs", lambda payload: asyncio.Event().wait(), limit=timedelta(milliseconds=50))
    await engine.start()
    await engine.enqueue(Job("hangs", "a"))
    await until(lambda: [row.reason for row in rows(database)] == ["took_too_long"])


async def test_a_planned_job_is_added_once_per_interval(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """A whole day missed is made up for by one run, and a clock put back stops nothing."""
    handler = Recorder()
    engine.every(timedelta(minutes=5), "sweep", handler)
    await engine.start()
    await until(lambda: len(handler.payloads) == 1 and rows(database) == [])
    await asyncio.sleep(0.1)
    assert len(handler.payloads) == 1
    advance(clock, days=1)
    await until(lambda: len(handler.payloads) == 2 and rows(database) == [])
    advance(clock, days=-2)
    await until(lambda: len(handler.payloads) == 3)


async def test_a_recurring_job_is_dropped_where_another_is_parked(database: Database, engine: JobEngine) -> None:
    """Its successor comes by schedule, so nobody has to redrive it."""
    handler = Recorder(PermanentError("no"))
    engine.register("tick", handler, recurring=True)
    await engine.start()
    await engine.enqueue(Job("tick", "a"))
    await until(lambda: len(handler.payloads) == 1 and rows(database) == [])


async def test_a_job_that_the_engine_lost_is_found_again(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """A row that says handed while the engine knows nothing of it goes back to waiting."""
    handler = Recorder()
    engine.register("note", handler)
    await database.write(service.add, Job("note", "a"), clock.now())
    await database.write(service.hand_over, "test-serve-1", clock.now(), 10)
    await engine.start()
    advance(clock, minutes=5)
    await until(lambda: len(handler.payloads) == 1 and rows(database) == [])


async def test_ended_work_leaves_nothing_in_the_engines_tables(engine: JobEngine) -> None:
    """The engine's tables do not grow for ever."""
    handler = Recorder()
    engine.register("note", handler)
    await engine.start()
    for number in range(5):
        await engine.enqueue(Job("note", f"{number}"))
    await until(lambda: len(handler.payloads) == 5)
    client = engine._dbos_client
    assert await asyncio.to_thread(lambda: len(client.list_workflows())) > 0
    await until(lambda: client.list_workflows() == [])


async def test_stop_ends_every_thread_and_gives_unfinished_work_back(
    database: Database, engine: JobEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that does not finish within the grace is cancelled; its job waits for another process (OP-01)."""
    before = set(threading.enumerate())
    started = asyncio.Event()

    async def handler(payload: JsonValue) -> None:
        started.set()
        await asyncio.Event().wait()

    engine.register("long", handler)
    await engine.start()
    await engine.enqueue(Job("long", "a"))
    await started.wait()
    with caplog.at_level(logging.WARNING):
        await engine.stop()
    assert [(row.state, row.run_by) for row in rows(database)] == [("waiting", None)]
    assert caplog.records == []
    await until(lambda: not {t for t in set(threading.enumerate()) - before if not _is_ours(t)})


def _is_ours(thread: threading.Thread) -> bool:
    """Threads of the database and of the test's own event loop live on after the engine."""
    return thread.name.startswith(("db-", "asyncio_"))


@pytest.mark.parametrize("turns", range(5))
async def test_stop_ends_an_engine_that_is_being_woken(engine: JobEngine, turns: int) -> None:
    """A wake and a stop in the same moment: whichever turn of the event loop it hits, the stop is not lost."""
    await engine.start()
    await asyncio.sleep(0.05)
    engine.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await engine.stop()
