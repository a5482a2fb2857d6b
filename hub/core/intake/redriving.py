"""Sending settled receipts through the intake again: quarantine and spam released, failures redriven (DG-07)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit import service as audit
from hub.core.connections.models import connection_parts, connections
from hub.core.intake import counters
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Disposition
from hub.db.types import AnyRow

RELEASABLE = (Disposition.QUARANTINED.value, Disposition.SPAM.value, Disposition.REJECTED.value)
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many receipts went back to work, and whether more are waiting for the next call."""

    receipts: int
    more: bool


def redrive(
    connection: Connection,
    organisation_id: UUID,
    wanted: ReceiptFilter,
    *,
    process_name: str | None,
    actor: str,
    now: datetime,
    receipt_ids: tuple[UUID, ...] | None = None,
    settled_before: datetime | None = None,
) -> Redriven:
    """Make settled receipts pending again, at most ``MOST_AT_ONCE`` in one call.

    ``process_name`` is who works on them then; None leaves them to the next sweep. Only receipts without a lead
    can be redriven, so that twice is the same as once. A receipt without content (its body could not be unpacked)
    stays where it is: there is nothing to work on; so does one of an account that still nobody connected, while
    one whose account was connected since goes to that connection. Who calls again while there are more passes the
    same ``settled_before`` each time, so that what fails once more is not taken up again.
    """
    query = sa.select(receipts).where(
        receipts.c.organisation_id == organisation_id,
        receipts.c.disposition.in_(RELEASABLE),
        receipts.c.settled_at <= (settled_before or now),
        sa.or_(receipts.c.payload.is_not(None), receipts.c.is_pointer),
        sa.or_(receipts.c.connection_id.is_not(None), _home(organisation_id).exists()),
        *wanted.conditions(),
    )
    if receipt_ids is not None:
        query = query.where(receipts.c.id.in_(receipt_ids))
    found = connection.execute(query.order_by(receipts.c.id).limit(MOST_AT_ONCE + 1).with_for_update()).all()
    rows = found[:MOST_AT_ONCE]
    if not rows:
        return Redriven(0, more=False)
    connection.execute(
        sa.update(receipts)
        .where(receipts.c.organisation_id == organisation_id, receipts.c.id.in_([row.id for row in rows]))
        .values(
            disposition=Disposition.PENDING.value,
            reason=None,
            detail=None,
            settled_at=None,
            lease_owner=process_name,
            lease_generation=receipts.c.lease_generation + 1,
        )
    )
    _bring_home(connection, organisation_id, [row for row in rows if row.connection_id is None])
    counters.count_moves(
        connection,
        (
            (counters.line_of(row._asdict()), row.disposition, Disposition.PENDING.value)
            for row in rows
            if row.connection_id is not None
        ),
    )
    audit.record(
        connection,
        organisation_id,
        actor=actor,
        action="receipts_redriven",
        subject="receipts",
        now=now,
        detail={"receipts": len(rows)},
    )
    return Redriven(len(rows), more=len(found) > MOST_AT_ONCE)


def _home(organisation_id: UUID) -> sa.Select[tuple[UUID]]:
    """The connection that holds the account part of a receipt by now."""
    return (
        sa.select(connections.c.id)
        .join(
            connection_parts,
            sa.and_(
                connection_parts.c.connection_id == connections.c.id,
                connection_parts.c.organisation_id == connections.c.organisation_id,
            ),
        )
        .where(
            connections.c.organisation_id == organisation_id,
            connections.c.connector == receipts.c.connector,
            connection_parts.c.part_id == receipts.c.part_id,
            connection_parts.c.is_selected,
        )
        .order_by(connections.c.id)
        .limit(1)
    )


def _bring_home(connection: Connection, organisation_id: UUID, rows: Sequence[AnyRow]) -> None:
    """Give receipts of an account that was unknown to the connection that holds it now."""
    if not rows:
        return
    mine = (receipts.c.organisation_id == organisation_id, receipts.c.id.in_([row.id for row in rows]))
    home = _home(organisation_id).correlate(receipts).scalar_subquery()
    connection.execute(sa.update(receipts).where(*mine).values(connection_id=home))
    homes = {row.id: row.connection_id for row in connection.execute(sa.select(receipts).where(*mine))}
    counters.count_reroutes(
        connection,
        (
            (
                counters.line_of(row._asdict()),
                counters.line_of({**row._asdict(), "connection_id": homes[row.id]}),
                row.disposition,
                Disposition.PENDING.value,
            )
            for row in rows
        ),
    )
