"""Processes: names held by locks, heartbeats, and exactly one successor of a dead one."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from job_rows import until

from hub.core.processes import service
from hub.core.processes.identity import HeldName, NameLostError, take_name
from hub.core.processes.models import processes
from hub.core.processes.queries import heartbeats, last_beats
from hub.core.processes.watch import Heartbeat, Watch
from hub.db.engine import Database
from hub.jobs.presence import Presence, Rhythm
from hub.testing.clock import VirtualClock

QUICK = Rhythm(beat_every=0.02, look_every=0.02, silence=0.2)


def test_two_processes_of_a_role_have_two_names(database: Database) -> None:
    """The lowest free slot is taken, and a name let go is free at once."""
    first, second = take_name(database, "host", "serve"), take_name(database, "host", "serve")
    other = take_name(database, "host", "worker")
    host = "local" if database.is_sqlite else "host"
    assert [first.name, second.name, other.name] == [f"{host}-serve-1", f"{host}-serve-2", f"{host}-worker-1"]
    first.close()
    again = take_name(database, "host", "serve")
    assert again.name == f"{host}-serve-1"
    for held in (second, other, again):
        held.close()


@pytest.mark.proves("DG-06")
def test_a_restart_after_kill_9_has_the_same_name(database: Database) -> None:
    """The lock ends with the process, however it ends."""
    code = (
        "import sys; from hub.db.engine import Database; from hub.core.processes.identity import take_name\n"
        "held = take_name(Database(sys.argv[1]), 'host', 'serve'); print(held.name, flush=True); sys.stdin.read()"
    )
    url = database.url.render_as_string(hide_password=False)
    child = subprocess.Popen(
        [sys.executable, "-c", code, url], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    assert child.stdin is not None
    name = child.stdout.readline().strip()
    assert name.endswith("-serve-1")
    beside = take_name(database, "host", "serve")
    assert beside.name.endswith("-serve-2")
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    again = _take_soon(database)
    assert again.name == name
    beside.close()
    again.close()


def _take_soon(database: Database) -> HeldName:
    """The server notices a closed connection within moments."""
    for _ in range(100):
        held = take_name(database, "host", "serve")
        if held.name.endswith("-1"):
            return held
        held.close()
        threading.Event().wait(0.02)
    raise AssertionError("the name did not become free")


def test_a_name_survives_a_restart_of_the_database(database: Database) -> None:
    """The lock is taken again; if another process was faster, this one must end."""
    if database.is_sqlite:
        held = take_name(database, "host", "serve")
        held.confirm()
        held.close()
        return
    held = take_name(database, "host", "serve")
    _cut_sessions(database)
    held.confirm()
    _cut_sessions(database)
    thief = take_name(database, "host", "serve")
    assert thief.name == held.name
    with pytest.raises(NameLostError):
        held.confirm()
    thief.close()
    held.close()


def _cut_sessions(database: Database) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    database.read_now(lambda connection: connection.execute(sa.text(cut)).all())


def test_a_process_is_dead_only_after_enough_silent_looks() -> None:
    """A beat, a new incarnation, or a look less keeps it alive; no clock is asked."""
    watch = Watch(looks=3)
    silent = Heartbeat("a", "1", 5)
    assert [watch.look([silent]) for _ in range(3)] == [[], [], []]
    assert watch.look([Heartbeat("a", "1", 6)]) == []
    assert [watch.look([silent]) for _ in range(3)] == [[], [], []]
    assert watch.look([Heartbeat("a", "2", 5)]) == []
    assert [watch.look([silent]) for _ in range(3)] == [[], [], []]
    assert watch.look([silent]) == [silent]


@pytest.mark.proves("DG-06")
def test_exactly_one_process_takes_over(database: Database, clock: VirtualClock) -> None:
    """Eight claim at once; the dead one's work is released once."""
    database.write_now(service.register, "dead", "1", clock.now())
    (seen,) = database.read_now(heartbeats)
    released: list[str] = []
    claims: list[bool] = []

    def claim() -> None:
        claims.append(database.write_now(service.take_over, seen, [lambda connection, name: released.append(name)]))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == [False] * 7 + [True]
    assert released == ["dead"]


def test_a_claim_that_fails_half_way_has_claimed_nothing(database: Database, clock: VirtualClock) -> None:
    """Claim and release are one transaction."""
    database.write_now(service.register, "dead", "1", clock.now())
    (seen,) = database.read_now(heartbeats)

    def broken(connection: object, name: str) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        database.write_now(service.take_over, seen, [broken])
    assert database.write_now(service.take_over, seen, []) is True


def test_a_process_that_beats_again_is_left_alone(database: Database, clock: VirtualClock) -> None:
    """It was only slow."""
    database.write_now(service.register, "slow", "1", clock.now())
    (seen,) = database.read_now(heartbeats)
    assert database.write_now(service.beat, "slow", "1", clock.now())
    assert not database.write_now(service.take_over, seen, [])


async def test_the_living_take_over_from_the_silent(database: Database, clock: VirtualClock) -> None:
    """One that registered and never beats is claimed; one that beats is not; one that leaves is gone."""
    told: list[str] = []
    released: list[str] = []

    async def on_taken_over(name: str) -> None:
        told.append(name)

    def presence() -> Presence:
        return Presence(
            database,
            clock,
            take_name(database, "host", "serve"),
            releases=[lambda connection, name: released.append(name)],
            gives_back=[],
            on_taken_over=on_taken_over,
            on_name_lost=lambda: None,
            rhythm=QUICK,
        )

    await database.write(service.register, "dead", "1", clock.now())
    one, two = presence(), presence()
    await one.start()
    await two.start()
    await until(lambda: told == ["dead"])
    await asyncio.sleep(0.5)
    assert told == ["dead"]
    assert released == [one.name, two.name, "dead"]
    assert set(database.read_now(last_beats)) == {one.name, two.name}
    await one.stop()
    await two.stop()
    assert database.read_now(last_beats) == {}


async def test_one_that_was_taken_for_dead_registers_again(database: Database, clock: VirtualClock) -> None:
    """After a pause it goes on living, without its former work."""

    async def ignore(name: str) -> None:
        """Nobody dies here."""

    presence = Presence(
        database,
        clock,
        take_name(database, "host", "serve"),
        releases=[],
        gives_back=[],
        on_taken_over=ignore,
        on_name_lost=lambda: None,
        rhythm=QUICK,
    )
    await presence.start()
    database.write_now(lambda connection: connection.execute(sa.delete(processes)))
    await until(lambda: set(database.read_now(last_beats)) == {presence.name})
    await presence.stop()
