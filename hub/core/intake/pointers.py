"""Receipts of thin deliveries: what still has to be fetched, and what was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import RawSubmission
from hub.connector.text import storable
from hub.core.intake import counters
from hub.core.intake.models import receipts
from hub.core.intake.receipts import REASON_LENGTH, Disposition, digest
from hub.db.types import AnyRow

_PENDING = receipts.c.disposition == Disposition.PENDING.value
_UNFETCHED = (_PENDING, receipts.c.payload.is_(None))


def load_unfetched(connection: Connection, organisation_id: UUID, receipt_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Those among the receipts that are still pending and not fetched."""
    return connection.execute(
        sa.select(receipts)
        .where(
            receipts.c.organisation_id == organisation_id,
            receipts.c.id.in_(receipt_ids),
            _PENDING,
            receipts.c.payload.is_(None),
        )
        .order_by(receipts.c.id)
    ).all()


def load_untried(
    connection: Connection, organisation_id: UUID, connection_id: UUID, limit: int, *, but: Sequence[UUID]
) -> Sequence[AnyRow]:
    """Receipts of a connection, oldest first, that nobody tried to fetch yet."""
    return connection.execute(
        sa.select(receipts)
        .where(
            receipts.c.organisation_id == organisation_id,
            receipts.c.connection_id == connection_id,
            _PENDING,
            receipts.c.payload.is_(None),
            receipts.c.attempts == 0,
            receipts.c.id.not_in(but),
        )
        .order_by(receipts.c.id)
        .limit(limit)
    ).all()


def store_fetched(
    connection: Connection, organisation_id: UUID, fetched: Mapping[UUID, RawSubmission], process_name: str
) -> int:
    """Keep what was fetched and take the receipts to work off; settled ones stay as they are. Returns how many.

    The generation grows, because the receipt changes hands: whoever held it as a pointer settles nothing.
    """
    stored = 0
    for receipt_id, raw in fetched.items():
        stored += connection.execute(
            sa.update(receipts)
            .where(receipts.c.organisation_id == organisation_id, receipts.c.id == receipt_id, _PENDING)
            .values(
                payload=raw.body,
                form_id=raw.form_id,
                part_id=raw.part_id,
                digest=digest(raw.body),
                lease_owner=process_name,
                lease_generation=receipts.c.lease_generation + 1,
            )
        ).rowcount
    return stored


def note_unfetched(
    connection: Connection,
    organisation_id: UUID,
    receipt_id: UUID,
    *,
    reason: str,
    detail: str,
    is_final: bool,
    now: datetime,
) -> None:
    """Count an attempt; a final failure goes to quarantine, from where it can be redriven.

    A receipt that was fetched or settled meanwhile stays as it is; it is held until the transaction ends, because
    every process looks for those that nobody can fetch, and two may find the same one.
    """
    mine = (receipts.c.organisation_id == organisation_id, receipts.c.id == receipt_id, *_UNFETCHED)
    row = connection.execute(sa.select(receipts).where(*mine).with_for_update()).first()
    if row is None:
        return
    values: dict[str, Any] = {"attempts": receipts.c.attempts + 1, "detail": storable(detail)[:500]}
    if is_final:
        values |= {
            "disposition": Disposition.QUARANTINED.value,
            "reason": storable(reason)[:REASON_LENGTH],
            "settled_at": now,
            "lease_owner": None,
        }
        move = (counters.line_of(row._asdict()), Disposition.PENDING.value, Disposition.QUARANTINED.value)
        counters.count_moves(connection, [move])
    connection.execute(sa.update(receipts).where(*mine).values(**values))
