"""Reading receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.intake.models import receipts, refusals
from hub.db.types import AnyRow

LISTED = (
    "id",
    "connection_id",
    "connector",
    "path",
    "form_id",
    "source_id",
    "received_at",
    "disposition",
    "reason",
    "detail",
    "suspicions",
    "lead_id",
    "settled_at",
)


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Filters of the receipt list; None means no filter."""

    disposition: str | None = None
    reason: str | None = None
    connection_id: UUID | None = None
    source_id: str | None = None
    lead_id: UUID | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a statement on ``receipts`` adds to its filter."""
        found = [
            receipts.c[name] == value
            for name in ("disposition", "reason", "connection_id", "source_id", "lead_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.received_from is not None:
            found.append(receipts.c.received_at >= self.received_from)
        if self.received_until is not None:
            found.append(receipts.c.received_at < self.received_until)
        return found


def list_receipts(
    connection: Connection,
    organisation_id: UUID,
    wanted: ReceiptFilter,
    *,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[AnyRow]:
    """One page of receipts, newest first, starting after the receipt ``after``."""
    query = (
        sa.select(*(receipts.c[name] for name in LISTED))
        .where(receipts.c.organisation_id == organisation_id, *wanted.conditions())
        .order_by(receipts.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(receipts.c.id < after)
    return connection.execute(query).all()


def find_receipt(connection: Connection, organisation_id: UUID, receipt_id: UUID) -> AnyRow | None:
    """One receipt with everything that was kept, the raw body of its delivery included."""
    return connection.execute(
        sa.select(receipts).where(receipts.c.organisation_id == organisation_id, receipts.c.id == receipt_id)
    ).first()


def raw_of_delivery(connection: Connection, organisation_id: UUID, delivery_id: UUID) -> AnyRow | None:
    """The bytes and headers of a delivery; they stand on its first receipt."""
    return connection.execute(
        sa.select(receipts.c.raw, receipts.c.headers).where(
            receipts.c.organisation_id == organisation_id, receipts.c.id == delivery_id
        )
    ).first()


def list_refusals(connection: Connection, endpoints: Sequence[str], limit: int = 200) -> Sequence[AnyRow]:
    """Requests that were turned away at these endpoints, newest day first."""
    return connection.execute(
        sa.select(refusals)
        .where(refusals.c.endpoint.in_(endpoints))
        .order_by(refusals.c.day.desc(), refusals.c.requests.desc())
        .limit(limit)
    ).all()
