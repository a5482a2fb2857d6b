"""Writing events to the outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.outbox.models import outbox_events
from hub.db.schema import new_id


def publish(
    connection: Connection,
    organisation_id: UUID,
    *,
    kind: str,
    subject_id: UUID,
    payload: dict[str, Any],
    now: datetime,
) -> None:
    """Note in the caller's transaction that something happened; it is told of if and only if that commits."""
    connection.execute(
        sa.insert(outbox_events).values(
            id=new_id(),
            organisation_id=organisation_id,
            kind=kind,
            subject_id=subject_id,
            payload=payload,
            occurred_at=now,
        )
    )
