"""Reaching the database: one way for SQLite and PostgreSQL.

Work is a plain function that takes a SQLAlchemy Core ``Connection``; here it is decided on which thread and in
which transaction it runs. SQLite has one writer at a time (a second one would only wait for the first), so
writes never meet "database is locked" inside a process; PostgreSQL has several.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.db import guard

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
WRITERS = 4
BUSY_TIMEOUT_MS = 15_000
_SERVER_SIDE = {
    "timezone": "UTC",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
POSTGRES_CONNECTION = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER_SIDE.items()),
}
"""How both ends notice that the other one silently went away, or stands still in the midst of a transaction. Without
this we would wait for a lost server for a quarter of an hour, and everybody for the locks of a lost process."""
_WRITES = "leadhub_writes"
_AT_ONCE = "leadhub_at_once"
TRIES = 4
_ENTANGLED = ("40P01", "40001")
"""PostgreSQL's codes of a deadlock and of a conflict between transactions (its manual, appendix A)."""
QUICK = 0.008
"""Seconds that a write at once may take on average."""
REST = 2.0
"""Seconds until a disk that was slow is tried again."""


class DatabaseUnavailableError(Exception):
    """The database did not take the work; nothing was written. The same work may be tried again."""


class Database:
    """One database, with its threads. ``url`` is ``sqlite:////path`` or ``postgresql+psycopg://...``."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        guard.install(self.engine)
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})
        self._engine_at_once = self.engine.execution_options(**{_WRITES: True, _AT_ONCE: True})
        self._writing = threading.Lock()
        self._disk = _Disk()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else WRITERS, thread_name_prefix="db-write")

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` in a transaction of its own that is rolled back."""
        run = partial(self.read_now, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` in a writing transaction; when this returns, what it wrote is on the disk.

        Raises ``DatabaseUnavailableError`` when the database could not be reached or could not commit.
        """
        run = partial(self.write_now, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writers, run)

    async def write_at_once(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``write`` for work of a millisecond, such as the insert of a few rows.

        On SQLite it runs on the event loop itself while nobody else writes and the disk is quick: handing so little
        to a thread and back takes longer than doing it. Otherwise, and on PostgreSQL, it is ``write``.
        """
        if self.is_sqlite and self._disk.is_quick() and self._writing.acquire(blocking=False):
            try:
                return self.write_here(work, *args, **kwargs)
            except _WriterElsewhereError:
                pass
            finally:
                self._writing.release()
        return await self.write(work, *args, **kwargs)

    def write_here(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The short way of ``write_at_once``; raises at once where another process writes."""
        started = perf_counter()
        try:
            with _named_failures(), self._engine_at_once.begin() as connection:
                return work(connection, *args, **kwargs)
        finally:
            self._disk.note(perf_counter() - started)

    def read_now(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``read`` on the calling thread."""
        with _named_failures(), self.engine.connect() as connection:
            return work(connection, *args, **kwargs)

    def write_now(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``write`` on the calling thread (commands, migrations and tests; a server uses ``write``).

        Two transactions that waited for each other cost nobody an answer: the one that the database ended is done
        again, a few times. So ``work`` must not change anything but the database.
        """
        for _ in range(TRIES - 1):
            try:
                return self._write_once(work, *args, **kwargs)
            except DatabaseUnavailableError as failure:
                if not _was_entangled(failure):
                    raise
        return self._write_once(work, *args, **kwargs)

    def _write_once(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with _named_failures(), self._turn(), self._writing_engine.begin() as connection:
            return work(connection, *args, **kwargs)

    def _turn(self) -> AbstractContextManager[object]:
        return self._writing if self.is_sqlite else nullcontext()

    def close(self) -> None:
        """Finish what runs, then close threads and connections."""
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


class _Disk:
    """How long writes at once took lately: the event loop must not wait for a slow disk."""

    def __init__(self) -> None:
        self._average = 0.0
        self._rests_until = 0.0

    def is_quick(self) -> bool:
        return perf_counter() >= self._rests_until

    def note(self, seconds: float) -> None:
        self._average = 0.8 * self._average + 0.2 * seconds
        if self._average > QUICK:
            self._average = QUICK / 2
            self._rests_until = perf_counter() + REST


def _was_entangled(failure: DatabaseUnavailableError) -> bool:
    """Whether the transaction was ended for the sake of another one; all of it was taken back."""
    return getattr(getattr(failure.__cause__, "orig", None), "sqlstate", None) in _ENTANGLED


class _WriterElsewhereError(Exception):
    """Another process writes; nothing was done."""


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as failure:
        raise DatabaseUnavailableError(f"the database did not take the work: {type(failure).__name__}") from failure
    except DBAPIError as failure:
        if not failure.connection_invalidated:
            raise
        raise DatabaseUnavailableError(f"the database ended the connection: {type(failure).__name__}") from failure


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=READERS + 2,
        max_overflow=8,
        # The connection used last goes out first: statements and pages are kept by few connections, not by all.
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000, "cached_statements": 256},
    )
    engine.dialect.use_insertmanyvalues_wo_returning = True
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    """WAL below synchronous=FULL loses acknowledged rows in a power cut (DG-02)."""
    dbapi_connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-2048",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock at once: a reader that turns into a writer could be refused half-way."""
    options = connection.get_execution_options()
    if options.get(_AT_ONCE):
        _begin_at_once(connection)
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")


def _begin_at_once(connection: Connection) -> None:
    """Take the lock without waiting for it. By the driver alone: this runs on the event loop."""
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0").close()
    try:
        driver.execute("BEGIN IMMEDIATE").close()
    except sqlite3.OperationalError as failure:
        if failure.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise _WriterElsewhereError from failure
        raise DatabaseUnavailableError(f"the database did not take the work: {type(failure).__name__}") from failure
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()


def _postgres_engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=READERS + WRITERS,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args=POSTGRES_CONNECTION,
    )
