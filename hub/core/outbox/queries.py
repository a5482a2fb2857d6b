"""Reading the outbox: every event once, in an order that never changes behind a reader's back.

An event is shown when no transaction that could still bring an earlier one is running. On PostgreSQL that is known
from the snapshot: transactions have numbers in the order in which they began to write, events carry the number of
theirs, and whatever is below the oldest running number has been committed or given up. It costs writers nothing but
the number; waiting is left to the readers, for as long as the oldest writing transaction runs. On SQLite transactions
write one after the other, and nothing has to wait.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.outbox.models import outbox_events
from hub.db.types import AnyRow

BATCH = 200
_SHAPE = re.compile(r"(\d{1,18})-(\d{1,18})")


class Position(NamedTuple):
    """How far somebody has read: up to this event of this transaction."""

    transaction_number: int
    number: int

    def __str__(self) -> str:
        return f"{self.transaction_number}-{self.number}"

    @classmethod
    def of(cls, event: AnyRow) -> Self:
        """Just behind an event."""
        return cls(event.transaction_number, event.number)


_OLDEST_RUNNING: sa.ColumnElement[int] = sa.literal_column(
    "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)", sa.BigInteger
)
_AFTER = (
    sa.select(outbox_events)
    .where(
        outbox_events.c.organisation_id == sa.bindparam("organisation"),
        sa.tuple_(outbox_events.c.transaction_number, outbox_events.c.number)
        > sa.tuple_(sa.bindparam("transaction", type_=sa.BigInteger), sa.bindparam("number", type_=sa.BigInteger)),
    )
    .order_by(outbox_events.c.transaction_number, outbox_events.c.number)
    .limit(BATCH)
)
_AFTER_AND_CERTAIN = _AFTER.where(outbox_events.c.transaction_number < _OLDEST_RUNNING)
_NEWEST = sa.select(sa.func.max(outbox_events.c.number)).where(
    outbox_events.c.organisation_id == sa.bindparam("organisation"), outbox_events.c.transaction_number == 0
)


def newest_position(connection: Connection, organisation_id: UUID) -> Position:
    """Behind everything that can be read now: what is read from here comes to light later."""
    if connection.dialect.name == "postgresql":
        return Position(connection.execute(sa.select(_OLDEST_RUNNING)).scalar_one(), 0)
    return Position(0, connection.execute(_NEWEST, {"organisation": organisation_id}).scalar() or 0)


def position_after(connection: Connection, organisation_id: UUID, text: str | None) -> Position:
    """Where to go on behind the event whose position a reader names, as ``str`` gives it.

    Without one, with an unreadable one, and with one that lies in the future (the database was restored since on
    another server), that is behind everything.
    """
    newest = newest_position(connection, organisation_id)
    match = _SHAPE.fullmatch(text or "")
    return min(newest, Position(int(match[1]), int(match[2]))) if match else newest


def events_after(connection: Connection, organisation_id: UUID, last: Position) -> Sequence[AnyRow]:
    """The next events behind a position, in reading order, at most ``BATCH``."""
    statement = _AFTER_AND_CERTAIN if connection.dialect.name == "postgresql" else _AFTER
    parameters = {"organisation": organisation_id, "transaction": last.transaction_number, "number": last.number}
    return connection.execute(statement, parameters).all()
