"""Writing many rows of one table: one statement for all of them, its text and conversions made once.

The general way (``connection.execute(statement, rows)``) looks at every value of every row three times and hands
SQLite one row per call, each of which gives the interpreter's lock away and has to get it back: beside a busy event
loop that costs more than the writing itself. Here a row is turned into plain values once, on whichever thread has the
time (``values``), and the writing thread only passes them on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from operator import is_, itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

MOST_AT_ONCE = 32
"""Rows per statement. Fewer are sent in powers of two, so that a handful of statements per table stays prepared."""

Values = tuple[Any, ...]


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the columns of the first. Raises what SQLAlchemy raises."""
    if rows:
        bulk = bulk_insert(table, tuple(rows[0]), connection.dialect)
        bulk.insert(connection, bulk.values_of(rows))


def update_rows(
    connection: Connection, table: sa.Table, keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Set the columns that the rows have besides their ``keys``, in the table's row with the same keys.

    Of an organisation's table ``organisation_id`` must be among the keys. Raises what SQLAlchemy raises.
    """
    if rows:
        bulk = _bulk_update(table, keys, tuple(rows[0]), connection.dialect)
        bulk.run(connection, bulk.values_of(rows))


@cache
def bulk_insert(table: sa.Table, columns: tuple[str, ...], dialect: Dialect, suffix: str = "") -> "BulkInsert":
    """The ``BulkInsert`` of these columns, made once."""
    return BulkInsert(table, columns, dialect, suffix)


class _Bulk:
    """A statement with a list of VALUES, whose text depends only on their number."""

    def __init__(self, table: sa.Table, columns: Sequence[str], dialect: Dialect) -> None:
        self._dialect = dialect
        self._quote = dialect.identifier_preparer.quote
        self._get = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
        self._defaults: Values = ()
        self._convert = [
            (place, convert)
            for place, name in enumerate(columns)
            if (convert := _converter(table.c[name].type, dialect)) is not None
        ]
        self._mark = "?" if dialect.name == "sqlite" else "%s"
        self._texts: dict[int, str] = {}

    def values(self, row: Mapping[str, Any]) -> Values:
        """A row as the driver wants it. Needs no connection."""
        values = [*self._get(row), *self._defaults]
        for place, convert in self._convert:
            values[place] = convert(values[place])
        return tuple(values)

    def values_of(self, rows: Sequence[Mapping[str, Any]]) -> list[Values]:
        """``values`` of many rows, column by column, which is quicker."""
        columns: list[Any] = list(zip(*map(self._get, rows), strict=True))
        for place, convert in self._convert:
            columns[place] = _converted(columns[place], convert)
        return list(zip(*columns, *(repeat(default, len(rows)) for default in self._defaults), strict=True))

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run the statement for what ``values`` made."""
        cursor = connection.connection.cursor()
        try:
            self._send(cursor, rows)
        except self._errors as failure:
            raise sa.exc.DBAPIError.instance(
                self._text(1), None, failure, self._errors, hide_parameters=True, dialect=self._dialect
            ) from failure
        finally:
            cursor.close()

    def _send(self, cursor: Any, rows: Sequence[Values]) -> None:
        start = 0
        while start < len(rows):
            size = min(MOST_AT_ONCE, 1 << (len(rows) - start).bit_length() - 1)
            some = rows[start : start + size]
            cursor.execute(self._text(size), list(chain.from_iterable(some)))
            start += size

    def _text(self, rows: int) -> str:
        text = self._texts.get(rows)
        if text is None:
            text = self._texts[rows] = self._write_text(rows)
        return text

    def _write_text(self, rows: int) -> str:
        raise NotImplementedError

    @property
    def _errors(self) -> type[Exception]:
        errors: type[Exception] = self._dialect.loaded_dbapi.Error
        return errors


class BulkInsert(_Bulk):
    """Inserts rows that all have the same columns. ``suffix`` is what follows VALUES, an ON CONFLICT clause.

    Columns that are not named get their scalar default, else the database's own.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str], dialect: Dialect, suffix: str = "") -> None:
        super().__init__(table, columns, dialect)
        defaults = {
            column.name: column.default.arg
            for column in table.columns
            if isinstance(column.default, sa.ColumnDefault) and column.default.is_scalar and column.name not in columns
        }
        self._defaults = tuple(defaults.values())
        names = [self._quote(name) for name in (*columns, *defaults)]
        self._into = f"{self._quote(table.name)} ({', '.join(names)})"
        self._row = f"({', '.join([self._mark] * len(names))})"
        self._suffix = suffix

    def insert(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert what ``values`` made. Raises what SQLAlchemy raises."""
        if rows:
            self.run(connection, rows)

    def _send(self, cursor: Any, rows: Sequence[Values]) -> None:
        if self._dialect.name != "postgresql" or self._suffix:
            super()._send(cursor, rows)
            return
        # COPY costs a third of the same rows in an INSERT.
        with cursor.copy(f"COPY {self._into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _write_text(self, rows: int) -> str:
        marks = ", ".join([self._row] * rows)
        return f"INSERT INTO {self._into} VALUES {marks} {self._suffix}"  # noqa: S608 - names of our own tables


class _BulkUpdate(_Bulk):
    """Updates rows found by their keys."""

    def __init__(self, table: sa.Table, keys: Sequence[str], columns: Sequence[str], dialect: Dialect) -> None:
        super().__init__(table, columns, dialect)
        name = self._quote(table.name)
        places = {column: f"new_values.column{place}" for place, column in enumerate(columns, start=1)}
        changes = [f"{self._quote(column)} = {places[column]}" for column in columns if column not in keys]
        matches = [f"{name}.{self._quote(key)} = {places[key]}" for key in keys]
        changed = ", ".join(changes)
        self._before = f"UPDATE {name} SET {changed} FROM (VALUES "  # noqa: S608 - names of our own tables
        self._after = f") AS new_values WHERE {' AND '.join(matches)}"
        self._row = f"({', '.join([self._mark] * len(columns))})"
        self._typed_row = self._row
        if dialect.name == "postgresql":
            casts = (f"{self._mark}::{table.c[column].type.compile(dialect)}" for column in columns)
            self._typed_row = f"({', '.join(casts)})"

    def _write_text(self, rows: int) -> str:
        return self._before + ", ".join([self._typed_row, *[self._row] * (rows - 1)]) + self._after


@cache
def _bulk_update(table: sa.Table, keys: tuple[str, ...], columns: tuple[str, ...], dialect: Dialect) -> _BulkUpdate:
    return _BulkUpdate(table, keys, columns, dialect)


def _converted(column: Sequence[Any], convert: Callable[[Any], Any]) -> Iterable[Any]:
    """The column with every value converted; one that holds the same object throughout is converted once. Most hold
    what a batch has in common: its organisation, its moment, its form."""
    first = column[0]
    if all(map(is_, column, repeat(first))):
        return repeat(convert(first), len(column))
    return map(convert, column)


def _converter(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a value of this type one that the driver takes; None where it takes it as it is.

    SQLAlchemy's own for ids and truth values do more than is needed here, and there are forty of them in a lead.
    """
    if isinstance(kind, sa.Boolean):
        return None
    if isinstance(kind, sa.Uuid):
        return _hex if dialect.name == "sqlite" else None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _hex(value: UUID | None) -> str | None:
    return None if value is None else f"{value.int:032x}"
