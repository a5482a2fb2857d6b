"""The journey of a lead: steps are added, and never changed or removed (C-019 to C-024)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import journey_steps
from hub.db.schema import new_id

CONTACTS = frozenset({"call", "meeting", "message"})
"""Kinds of steps by which our side got in touch with the person; a note is none."""


def add_step(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    *,
    kind: str,
    actor: str,
    detail: dict[str, Any],
    now: datetime,
) -> UUID:
    """Add one step; people add their own with the kind ``note``, ``call`` or ``meeting`` (C-021)."""
    step_id = new_id()
    connection.execute(
        sa.insert(journey_steps).values(
            id=step_id,
            organisation_id=organisation_id,
            lead_id=lead_id,
            kind=kind,
            actor=actor,
            detail=detail,
            happened_at=now,
        )
    )
    return step_id
