"""The daily counters of the ledger, kept in the transactions that store and settle receipts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.intake.models import ledger_days
from hub.db.upsert import add_counts

RECEIVED = "received"
NO_CONNECTION = UUID(int=0)


class Line(NamedTuple):
    """One line of the ledger: where and when receipts came in."""

    organisation_id: UUID
    connection_id: UUID
    path: str
    day: date


def line_of(row: Mapping[str, Any]) -> Line:
    """The line that a receipt counts on, whenever it is settled."""
    return Line(row["organisation_id"], row["connection_id"] or NO_CONNECTION, row["path"], row["received_at"].date())


def count_received(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count new receipts, with the disposition that they start with."""
    counts: Counter[tuple[Line, str]] = Counter()
    for (line, disposition), number in Counter((line_of(row), row["disposition"]) for row in rows).items():
        counts[line, RECEIVED] += number
        counts[line, disposition] += number
    _add(connection, counts)


def count_moves(connection: Connection, moves: Iterable[tuple[Line, str, str]]) -> None:
    """Count receipts that went from one disposition to another."""
    counts: Counter[tuple[Line, str]] = Counter()
    for (line, before, after), number in Counter(moves).items():
        counts[line, before] -= number
        counts[line, after] += number
    _add(connection, counts)


def count_reroutes(connection: Connection, moves: Iterable[tuple[Line, Line, str, str]]) -> None:
    """Count receipts that turned out to belong to another line: former line, new line, and both dispositions."""
    counts: Counter[tuple[Line, str]] = Counter()
    for former, line, before, after in moves:
        counts[former, RECEIVED] -= 1
        counts[former, before] -= 1
        counts[line, RECEIVED] += 1
        counts[line, after] += 1
    _add(connection, counts)


def _add(connection: Connection, counts: Mapping[tuple[Line, str], int]) -> None:
    add_counts(
        connection,
        ledger_days,
        "receipts",
        [{**line._asdict(), "entry": entry, "receipts": number} for (line, entry), number in counts.items() if number],
    )
