"""Sending settled receipts through the intake again: quarantine and spam released, failures redriven (DG-07)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit import service as audit
from hub.core.intake import counters
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Disposition

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
) -> Redriven:
    """Make settled receipts pending again, at most ``MOST_AT_ONCE`` in one call.

    ``process_name`` is who works on them then; None leaves them to the next sweep. Only receipts without a lead
    can be redriven, so that twice is the same as once. A receipt without content
    (its body could not be unpacked) stays where it is: there is nothing to work on.
    """
    query = sa.select(receipts).where(
        receipts.c.organisation_id == organisation_id,
        receipts.c.disposition.in_(RELEASABLE),
        sa.or_(receipts.c.payload.is_not(None), receipts.c.is_pointer),
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
    counters.count_moves(
        connection,
        ((counters.line_of(row._asdict()), row.disposition, Disposition.PENDING.value) for row in rows),
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
