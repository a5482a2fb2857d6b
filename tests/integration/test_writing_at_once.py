"""Short writes on the event loop: only while the writer is free and the disk is quick."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from hub.db import engine as engine_module
from hub.db.engine import Database


@pytest.fixture
def sqlite(tmp_path: Path, sqlite_template: Path) -> Database:
    """A database of this module's kind; on PostgreSQL there is nothing of this."""
    path = tmp_path / "hub.db"
    path.write_bytes(sqlite_template.read_bytes())
    return Database(f"sqlite:///{path}")


def where_it_runs(_: Connection) -> str:
    """The name of the thread that does the work."""
    return threading.current_thread().name


async def test_a_short_write_runs_where_it_was_asked_for(sqlite: Database) -> None:
    """Nobody writes and the disk is quick: no thread is involved."""
    assert await sqlite.write_at_once(where_it_runs) == threading.current_thread().name
    sqlite.close()


async def test_it_waits_elsewhere_while_another_thread_writes(sqlite: Database) -> None:
    """The event loop never waits for the writer."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        begun.set()
        go_on.wait(5)

    holding = asyncio.create_task(sqlite.write(hold))
    await asyncio.to_thread(begun.wait, 5)
    waiting = asyncio.create_task(sqlite.write_at_once(where_it_runs))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    assert (await waiting).startswith("db-write")
    await holding
    sqlite.close()


async def test_it_waits_elsewhere_while_another_process_writes(sqlite: Database) -> None:
    """A command beside the server holds the lock of the file: the write comes after it, off the event loop."""
    other = sqlite3.connect(str(sqlite.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(sqlite.write_at_once(where_it_runs))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert (await waiting).startswith("db-write")
    assert await sqlite.write_at_once(where_it_runs) == threading.current_thread().name
    sqlite.close()


async def test_a_slow_disk_is_left_to_the_thread_for_a_while(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """While writes at once are slow on average they go to the thread; after a rest the short way is tried again."""
    now = 0.0
    monkeypatch.setattr(engine_module, "perf_counter", lambda: now)

    def slow(_: Connection) -> None:
        nonlocal now
        now += 0.05

    own = threading.current_thread().name
    while await sqlite.write_at_once(where_it_runs) == own:
        await sqlite.write_at_once(slow)
        assert now < 1
    now += engine_module.REST + 0.01
    assert await sqlite.write_at_once(where_it_runs) == own
    sqlite.close()
