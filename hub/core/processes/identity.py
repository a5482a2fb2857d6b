"""A process's name, held by a lock that ends with the process.

``<host>-<role>-<slot>``: the lowest slot that is free. After kill -9 the lock is free at once, so a restart has the
name of its predecessor and finds that one's work. On PostgreSQL the lock is a session's advisory lock, on SQLite a
locked file beside the database.
"""

import fcntl
import hashlib
import os
import time
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.db.engine import POSTGRES_CONNECTION, Database

SLOTS = 64
LOCAL = "local"
TRIES, PAUSE = 20, 0.1
_OWN_SESSION = sa.text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
_END_SESSION = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND backend_start = :began"
)


class NoFreeSlotError(Exception):
    """Every slot of this role is taken on this host."""


class NameLostError(Exception):
    """Another process took this one's name while the database was out of reach; this one must end."""


class HeldName(Protocol):
    """A name that no other living process has."""

    name: str

    def confirm(self) -> None:
        """See that the name is still held, and take it again if the database was restarted. Blocks.

        Raises ``NameLostError`` when another process has it now, ``sqlalchemy.exc.SQLAlchemyError`` when the
        database cannot be reached.
        """
        ...

    def close(self) -> None:
        """Let the name go."""
        ...


def take_name(database: Database, host: str, role: str) -> HeldName:
    """Take the lowest free name. Blocks shortly; raises ``NoFreeSlotError`` when there is none.

    An SQLite database has one host whatever it calls itself (a container's host name changes with each start).
    """
    if database.is_sqlite:
        return _take_file(Path(database.url.database or "hub.db"), f"{LOCAL}-{role}")
    return _take_session(database.url, f"{host}-{role}")


class _FileLock:
    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor: int | None = descriptor

    def confirm(self) -> None:
        """A file lock lasts as long as the process."""

    def close(self) -> None:
        """Close the file; the file itself stays, or two processes could hold two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take_file(database_file: Path, prefix: str) -> _FileLock:
    folder = database_file.with_name(f"{database_file.name}-processes")
    folder.mkdir(mode=0o700, exist_ok=True)
    for slot in range(1, SLOTS + 1):
        name = f"{prefix}-{slot}"
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return _FileLock(name, descriptor)
    raise NoFreeSlotError(f"{SLOTS} processes called {prefix} run already. End some of them first.")


class _SessionLock:
    def __init__(self, engine: sa.Engine, connection: Connection, name: str) -> None:
        self.name = name
        self._engine = engine
        self._connection = connection
        self._session = _session_of(connection)

    def confirm(self) -> None:
        """Ask the session; a new one has to take the lock again."""
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            self._connection.close()
            self._connection = self._engine.connect()
            self._take_again()
            self._session = _session_of(self._connection)

    def _take_again(self) -> None:
        """Where the network broke, the server may keep our former session, and with it the lock, for a while."""
        if _lock(self._connection, self.name):
            return
        if self._connection.scalar(_END_SESSION, self._session):
            for _ in range(TRIES):
                time.sleep(PAUSE)
                if _lock(self._connection, self.name):
                    return
        raise NameLostError(
            f"Another process is called {self.name} since the database was out of reach; this one has ended. "
            "Start it again: it takes the next free name."
        )

    def close(self) -> None:
        """Closing the session frees the lock."""
        self._connection.close()
        self._engine.dispose()


def _session_of(connection: Connection) -> dict[str, Any]:
    """What names this session and no later one."""
    row = connection.execute(_OWN_SESSION).one()
    return {"pid": row.pid, "began": row.backend_start}


def _take_session(url: sa.URL, prefix: str) -> _SessionLock:
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", connect_args=POSTGRES_CONNECTION
    )
    connection = engine.connect()
    for slot in range(1, SLOTS + 1):
        name = f"{prefix}-{slot}"
        if _lock(connection, name):
            return _SessionLock(engine, connection, name)
    connection.close()
    engine.dispose()
    raise NoFreeSlotError(f"{SLOTS} processes called {prefix} run already. End some of them first.")


def _lock(connection: Connection, name: str) -> bool:
    number = int.from_bytes(hashlib.sha256(f"leadhub process {name}".encode()).digest()[:8], "big", signed=True)
    return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:number)"), {"number": number}))
