"""Render tokens are spent once: by the submission that came with the token first (PF-04)."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.forms.models import used_nonces
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.upsert import insert

KEPT = timedelta(days=9)
"""Longer than any token can be renewed."""


def spend(connection: Connection, organisation_id: UUID, nonce: str, source_id: str, now: datetime) -> bool:
    """Whether the token belongs to this submission: nobody spent it before, or the same submission did.

    Decided by the table's key, so that of two at once one wins, in whatever process.
    """
    connection.execute(
        insert(connection, used_nonces)
        .values(nonce=nonce, organisation_id=organisation_id, source_id=source_id, expires_at=now + KEPT)
        .on_conflict_do_nothing(index_elements=["nonce"])
    )
    owner = connection.execute(
        sa.select(used_nonces.c.source_id).where(
            used_nonces.c.nonce == nonce, used_nonces.c.organisation_id == organisation_id
        )
    ).scalar_one_or_none()
    return owner == source_id


def forget_expired(connection: Connection, now: datetime) -> int:
    """Remove what no token can refer to any more; returns how many rows went. For the daily sweep."""
    statement = sa.delete(used_nonces).where(used_nonces.c.expires_at < now)
    reason = "the sweep clears every organisation's spent tokens"
    return connection.execute(statement, execution_options={ALL_ORGANISATIONS: reason}).rowcount
