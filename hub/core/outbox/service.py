"""Writing events to the outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.outbox.models import outbox_events
from hub.db.schema import new_id

_OWN_TRANSACTION = sa.text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")


def transaction_number(connection: Connection) -> int:
    """What events of the caller's transaction carry, so that readers know when all of them have come to light."""
    return int(connection.execute(_OWN_TRANSACTION).scalar_one()) if connection.dialect.name == "postgresql" else 0


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
            transaction_number=transaction_number(connection),
            organisation_id=organisation_id,
            kind=kind,
            subject_id=subject_id,
            payload=payload,
            occurred_at=now,
        )
    )
