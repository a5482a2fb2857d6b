"""Whether the database keeps what it says it kept (DG-02)."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

SQLITE_FULL = 2
_WANTED = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_apply", "remote_write"),
}


def weaknesses(connection: Connection) -> list[str]:
    """What about the database's settings could lose an acknowledged receipt, each with what to do; empty if none."""
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection)
    return _of_postgresql(connection)


def _of_sqlite(connection: Connection) -> list[str]:
    found = []
    journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    if journal != "wal":
        found.append(f"SQLite's journal_mode is {journal}, not wal: the file system may not support it; use another.")
    if not isinstance(synchronous, int) or synchronous < SQLITE_FULL:
        found.append(f"SQLite's synchronous is {synchronous}, below FULL: a power cut would lose receipts.")
    return found


def _of_postgresql(connection: Connection) -> list[str]:
    wanted = {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "local", "remote_apply", "remote_write"),
    }
    found = []
    for name, allowed in wanted.items():
        value = connection.execute(sa.select(sa.func.current_setting(name))).scalar()
        if value not in allowed:
            found.append(f"PostgreSQL's {name} is {value}: a crash would lose receipts. Set it to {allowed[0]}.")
    return found
