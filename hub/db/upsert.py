"""INSERT ... ON CONFLICT, which both databases know and SQLAlchemy Core names per dialect."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

from hub.db.bulk import BulkInsert, bulk_insert

_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


def insert(connection: Connection, table: sa.Table) -> Any:
    """An insert of the connection's dialect, with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return _DIALECTS[connection.dialect.name].insert(table)


def add_counts(connection: Connection, table: sa.Table, counted: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add each row's ``counted`` to the row with the same primary key, or make that row; no key may come twice.

    Rows are sent in the order of their keys, so that two transactions never wait for each other in a circle.
    """
    if not rows:
        return
    bulk, keys = _adding(connection.dialect, table, counted, tuple(rows[0]))
    in_order = sorted(rows, key=lambda row: [str(row[key]) for key in keys])
    bulk.insert(connection, [bulk.values(row) for row in in_order])


@cache
def _adding(
    dialect: Dialect, table: sa.Table, counted: str, columns: tuple[str, ...]
) -> tuple[BulkInsert, tuple[str, ...]]:
    """The statement of ``add_counts``, and the columns of the key."""
    quote = dialect.identifier_preparer.quote
    keys = tuple(column.name for column in table.primary_key.columns)
    updates = [f"{quote(counted)} = {quote(table.name)}.{quote(counted)} + excluded.{quote(counted)}"]
    updates += [f"{quote(name)} = excluded.{quote(name)}" for name in columns if name not in (counted, *keys)]
    suffix = f"ON CONFLICT ({', '.join(map(quote, keys))}) DO UPDATE SET {', '.join(updates)}"
    return bulk_insert(table, columns, dialect, suffix), keys
