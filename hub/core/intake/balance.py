"""The balance: received = the sum of all dispositions, per source and day, and what proves it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections
from hub.core.intake.counters import NO_CONNECTION, RECEIVED
from hub.core.intake.models import ledger_days, receipts
from hub.core.intake.receipts import Disposition
from hub.db.guard import ALL_ORGANISATIONS


@dataclass
class BalanceLine:
    """One source, way in and day. ``counts`` has one number per disposition."""

    connection_id: UUID | None
    connection_name: str | None
    connector: str | None
    path: str
    day: date
    received: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Disposition, 0))

    @property
    def holds(self) -> bool:
        """Whether every receipt is accounted for."""
        return self.received == sum(self.counts.values())


def balance(
    connection: Connection, organisation_id: UUID, *, since: date | None = None, until: date | None = None
) -> list[BalanceLine]:
    """The ledger by source, way in and UTC day, newest day first."""
    query = (
        sa.select(ledger_days, connections.c.name, connections.c.connector)
        .outerjoin(
            connections,
            sa.and_(
                connections.c.id == ledger_days.c.connection_id,
                connections.c.organisation_id == ledger_days.c.organisation_id,
            ),
        )
        .where(ledger_days.c.organisation_id == organisation_id)
        .order_by(ledger_days.c.day.desc(), connections.c.name, ledger_days.c.path)
    )
    if since is not None:
        query = query.where(ledger_days.c.day >= since)
    if until is not None:
        query = query.where(ledger_days.c.day <= until)
    lines: dict[tuple[Any, ...], BalanceLine] = {}
    for row in connection.execute(query):
        key = (row.day, row.connection_id, row.path)
        line = lines.get(key)
        if line is None:
            own = None if row.connection_id == NO_CONNECTION else row.connection_id
            line = lines[key] = BalanceLine(own, row.name, row.connector, row.path, row.day)
        if row.entry == RECEIVED:
            line.received = row.receipts
        else:
            line.counts[row.entry] = row.receipts
    return list(lines.values())


def ledger_totals(connection: Connection) -> dict[tuple[str | None, str], dict[str, int]]:
    """The counters of all organisations and days, added up by connector and way in, ``received`` among them.

    It reads counters and no receipts. The connector is None for receipts of no known connection, and of one that was
    deleted since.
    """
    connectors = {row.id: row.connector for row in connection.execute(_CONNECTORS)}
    totals: dict[tuple[str | None, str], dict[str, int]] = {}
    for row in connection.execute(_TOTALS):
        entries = totals.setdefault((connectors.get(row.connection_id), row.path), {})
        entries[row.entry] = entries.get(row.entry, 0) + int(row.receipts)
    return totals


_OF_ALL: dict[str, Any] = {ALL_ORGANISATIONS: "the operator's measurements are of the whole hub"}
_CONNECTORS = sa.select(connections.c.id, connections.c.connector).execution_options(**_OF_ALL)
_TOTALS = (
    sa.select(
        ledger_days.c.connection_id,
        ledger_days.c.path,
        ledger_days.c.entry,
        sa.func.sum(ledger_days.c.receipts).label("receipts"),
    )
    .group_by(ledger_days.c.connection_id, ledger_days.c.path, ledger_days.c.entry)
    .execution_options(**_OF_ALL)
)


@dataclass(frozen=True)
class Recount:
    """Counters beside a count of the receipts themselves; equal unless something is very wrong."""

    counted: dict[str, int]
    found: dict[str, int]

    @property
    def agrees(self) -> bool:
        """Whether the counters say what the receipts say, and the sums agree."""
        kept = {entry: number for entry, number in self.counted.items() if number and entry != RECEIVED}
        return kept == self.found and self.counted.get(RECEIVED, 0) == sum(self.found.values())


def recount(connection: Connection, organisation_id: UUID) -> Recount:
    """Count the receipts and compare with the counters (slow on large ledgers: it reads every receipt).

    In one statement: between two, others may store and settle.
    """
    counted = (
        sa.select(sa.literal(1), ledger_days.c.entry, sa.func.sum(ledger_days.c.receipts))
        .where(ledger_days.c.organisation_id == organisation_id)
        .group_by(ledger_days.c.entry)
    )
    found = (
        sa.select(sa.literal(0), receipts.c.disposition, sa.func.count())
        .where(receipts.c.organisation_id == organisation_id)
        .group_by(receipts.c.disposition)
    )
    sums: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for is_counted, entry, number in connection.execute(sa.union_all(counted, found)):
        sums[is_counted][entry] = int(number)
    return Recount(counted=sums[1], found=sums[0])


@dataclass(frozen=True)
class PathShare:
    """For one source form: how many of its submissions each way in saw, and which saw them first (X-02)."""

    connection_id: UUID | None
    form_id: str | None
    submissions: int
    seen_by: dict[str, int]
    found_by: dict[str, int]


def path_shares(connection: Connection, organisation_id: UUID, since: datetime) -> Sequence[PathShare]:
    """Which path found the submissions of each source form: the miss rate of webhooks is what pulls found."""
    first = (
        sa.select(
            receipts.c.connection_id,
            receipts.c.form_id,
            receipts.c.source_id,
            receipts.c.path,
            sa.func.row_number()
            .over(partition_by=(receipts.c.connection_id, receipts.c.source_id), order_by=receipts.c.id)
            .label("place"),
        )
        .where(
            receipts.c.organisation_id == organisation_id,
            receipts.c.received_at >= since,
            receipts.c.source_id.is_not(None),
        )
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            first.c.connection_id,
            first.c.form_id,
            first.c.path,
            sa.func.count(sa.distinct(first.c.source_id)).label("seen"),
            sa.func.sum(sa.case((first.c.place == 1, 1), else_=0)).label("found"),
        ).group_by(first.c.connection_id, first.c.form_id, first.c.path)
    )
    shares: dict[tuple[Any, Any], PathShare] = {}
    for row in rows:
        key = (row.connection_id, row.form_id)
        share = shares.get(key) or PathShare(row.connection_id, row.form_id, 0, {}, {})
        share.seen_by[row.path] = int(row.seen)
        share.found_by[row.path] = int(row.found)
        shares[key] = PathShare(
            share.connection_id, share.form_id, share.submissions + int(row.found), share.seen_by, share.found_by
        )
    return list(shares.values())
