"""Writing the audit record."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit.models import audit_records
from hub.db.schema import new_id


def record(
    connection: Connection,
    organisation_id: UUID,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Note in the caller's transaction who did what to which subject. No secret or personal value in ``detail``."""
    connection.execute(
        sa.insert(audit_records).values(
            id=new_id(),
            organisation_id=organisation_id,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail or {},
            happened_at=now,
        )
    )
