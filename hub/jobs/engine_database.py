"""Where the job engine's own tables stand, and how they are reached."""

from typing import Any

import sqlalchemy as sa

from hub.db.engine import POSTGRES_CONNECTION


def own_url(database: sa.URL) -> sa.URL:
    """A file beside an SQLite database; on PostgreSQL the same database."""
    if database.get_backend_name() != "sqlite":
        return database
    return database.set(database=f"{database.database}-jobs")


def engine_for(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True, connect_args=POSTGRES_CONNECTION)
    engine = sa.create_engine(
        url, poolclass=sa.QueuePool, pool_size=4, max_overflow=4, connect_args={"check_same_thread": False}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    """A power cut may take the engine's last commits here: our rows know the jobs, and they are flushed."""
    dbapi_connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        dbapi_connection.execute(f"PRAGMA {pragma}").close()
