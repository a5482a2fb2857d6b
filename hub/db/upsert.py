"""INSERT ... ON CONFLICT, which both databases know and SQLAlchemy Core names per dialect."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


def insert(connection: Connection, table: sa.Table) -> Any:
    """An insert of the connection's dialect, with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return _DIALECTS[connection.dialect.name].insert(table)


def add_counts(connection: Connection, table: sa.Table, counted: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add each row's ``counted`` to the row with the same primary key, or make that row.

    Rows are sent in the order of their keys, so that two transactions never wait for each other in a circle.
    """
    if not rows:
        return
    statement, keys = _adding(connection.dialect.name, table, counted, frozenset(rows[0]))
    connection.execute(statement, sorted(rows, key=lambda row: [str(row[key]) for key in keys]))


@cache
def _adding(dialect_name: str, table: sa.Table, counted: str, columns: frozenset[str]) -> tuple[Any, tuple[str, ...]]:
    """The statement of ``add_counts``, made once: making it costs more than running it."""
    statement = _DIALECTS[dialect_name].insert(table)
    keys = tuple(column.name for column in table.primary_key.columns)
    updates: dict[str, Any] = {counted: table.c[counted] + statement.excluded[counted]}
    for name in sorted(columns - {counted, *keys}):
        updates[name] = statement.excluded[name]
    return statement.on_conflict_do_update(index_elements=keys, set_=updates), keys
