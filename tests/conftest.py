"""Real databases for tests: every storage test runs on SQLite and on PostgreSQL.

What tests store lies in memory where the machine has room for it: the databases keep every setting of a server that
outlives a power cut (tests ask for them), and yet no test waits for a disk. All of it goes with the session.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from hub.core.tables import metadata
from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.postgres import running_server

_MEMORY = Path("/dev/shm")
_ROOM = 2 * 1024**3
"""Bytes that must be free there: several times what two servers and their tests need."""


def _quick_folder() -> Path:
    """Memory that looks like a disk; the usual place for temporary files where there is too little of it."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        return _MEMORY
    return Path(tempfile.gettempdir())


QUICK_FOLDER = _quick_folder()
# pytest reads it when it makes the first tmp_path.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(QUICK_FOLDER))


def pytest_configure() -> None:
    """Asked to end, a run first ends the servers and processes it started, as it does on Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands at 2026-01-01 until moved."""
    return VirtualClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with every table."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.write_now(metadata.create_all)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of our own; gives the URL of its maintenance database."""
    with running_server(QUICK_FOLDER) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of an empty PostgreSQL database with every table."""
    with _made_database(postgres_server, "template") as url:
        database = Database(url)
        database.write_now(metadata.create_all)
        database.close()
        name = sa.make_url(url).database
        assert name is not None
        yield name


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    with _made_database(postgres_server, "empty") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with every table, on each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "hub.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    with _made_database(server, "test", f"TEMPLATE {template} STRATEGY FILE_COPY") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with every table, on each kind of database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@contextmanager
def _made_database(server: str, kind: str, like: str = "") -> Iterator[str]:
    """The URL of a new database, which is dropped afterwards whoever still uses it."""
    name = f"{kind}_{uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} {like}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
