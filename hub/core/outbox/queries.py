"""Reading the outbox."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.outbox.models import outbox_events
from hub.db.types import AnyRow

BATCH = 200


def newest_event(connection: Connection, organisation_id: UUID) -> UUID | None:
    """The id of the newest event; None where nothing happened yet."""
    return connection.execute(
        sa.select(outbox_events.c.id)
        .where(outbox_events.c.organisation_id == organisation_id)
        .order_by(outbox_events.c.id.desc())
        .limit(1)
    ).scalar()


def events_after(connection: Connection, organisation_id: UUID, last: UUID | None) -> Sequence[AnyRow]:
    """The next events after one, oldest first, at most ``BATCH``."""
    query = sa.select(outbox_events).where(outbox_events.c.organisation_id == organisation_id)
    if last is not None:
        query = query.where(outbox_events.c.id > last)
    return connection.execute(query.order_by(outbox_events.c.id).limit(BATCH)).all()
