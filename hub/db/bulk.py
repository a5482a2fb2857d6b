"""Inserting many rows of one table: one statement for all of them, its text and conversions made once.

The general way (``connection.execute(insert(table), rows)``) looks at every value of every row three times and hands
SQLite one row per call, each of which gives the interpreter's lock away and has to get it back: beside a busy event
loop that costs more than the writing itself. Here a row is turned into plain values once, on whichever thread has the
time (``values``), and the writing thread only passes them on (``insert``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

MOST_AT_ONCE = 64
"""Rows per statement on SQLite. Fewer are sent in powers of two, so that a handful of statements stays prepared."""

Values = tuple[Any, ...]


class BulkInsert:
    """Inserts rows that all have the same columns. ``suffix`` is what follows VALUES, an ON CONFLICT clause.

    Columns that are not named get their scalar default, else the database's own.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str], dialect: Dialect, suffix: str = "") -> None:
        defaults = {
            column.name: column.default.arg
            for column in table.columns
            if isinstance(column.default, sa.ColumnDefault) and column.default.is_scalar and column.name not in columns
        }
        names = [*columns, *defaults]
        self._dialect = dialect
        self._defaults = tuple(defaults.values())
        self._get = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
        self._convert = [
            (place, convert)
            for place, name in enumerate(names)
            if (convert := _conversion(table.c[name], dialect)) is not None
        ]
        quote = dialect.identifier_preparer.quote
        self._into = f"{quote(table.name)} ({', '.join(quote(name) for name in names)})"
        mark = "?" if dialect.name == "sqlite" else "%s"
        self._row = f"({', '.join([mark] * len(names))})"
        self._suffix = suffix
        self._texts: dict[int, str] = {}

    def values(self, row: Mapping[str, Any]) -> Values:
        """A row as the driver wants it. Needs no connection."""
        values = [*self._get(row), *self._defaults]
        for place, convert in self._convert:
            values[place] = convert(values[place])
        return tuple(values)

    def insert(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert what ``values`` made. Raises what SQLAlchemy raises."""
        if not rows:
            return
        cursor = connection.connection.cursor()
        try:
            if self._dialect.name == "postgresql" and not self._suffix:
                self._copy(cursor, rows)
            else:
                for chunk in _chunks(rows):
                    cursor.execute(self._text(len(chunk)), [value for row in chunk for value in row])
        except self._errors as failure:
            raise sa.exc.DBAPIError.instance(
                f"INSERT INTO {self._into}", None, failure, self._errors, hide_parameters=True, dialect=self._dialect
            ) from failure
        finally:
            cursor.close()

    @property
    def _errors(self) -> type[Exception]:
        errors: type[Exception] = self._dialect.loaded_dbapi.Error
        return errors

    def _copy(self, cursor: Any, rows: Sequence[Values]) -> None:
        """COPY costs a third of the same rows in an INSERT."""
        with cursor.copy(f"COPY {self._into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _text(self, rows: int) -> str:
        text = self._texts.get(rows)
        if text is None:
            text = f"INSERT INTO {self._into} VALUES {', '.join([self._row] * rows)} {self._suffix}".rstrip()
            self._texts[rows] = text
        return text


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the columns of the first. Raises what SQLAlchemy raises."""
    if rows:
        bulk = bulk_insert(table, tuple(rows[0]), connection.dialect)
        bulk.insert(connection, [bulk.values(row) for row in rows])


@cache
def bulk_insert(table: sa.Table, columns: tuple[str, ...], dialect: Dialect, suffix: str = "") -> BulkInsert:
    """The ``BulkInsert`` of these columns, made once."""
    return BulkInsert(table, columns, dialect, suffix)


def _conversion(column: sa.Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _chunks(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    start = 0
    while start < len(rows):
        size = min(MOST_AT_ONCE, 1 << (len(rows) - start).bit_length() - 1)
        yield rows[start : start + size]
        start += size
