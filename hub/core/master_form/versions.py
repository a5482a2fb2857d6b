"""The history of the master form: one line per saved version."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.master_form.models import master_form_versions


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version and who saved it; ``saved_by`` is None for what the hub itself set up."""

    id: UUID
    version: int
    field_count: int
    saved_by: UUID | None
    saved_at: datetime


def list_versions(
    connection: Connection, organisation_id: UUID, *, before: UUID | None = None, limit: int = 50
) -> list[VersionLine]:
    """The newest versions, those before the id ``before``; archived fields are not counted."""
    statement = (
        sa.select(master_form_versions)
        .where(master_form_versions.c.organisation_id == organisation_id)
        .order_by(master_form_versions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(master_form_versions.c.id < before)
    return [
        VersionLine(
            id=row.id,
            version=row.version,
            field_count=sum(not field["is_archived"] for field in row.fields),
            saved_by=row.saved_by,
            saved_at=row.saved_at,
        )
        for row in connection.execute(statement)
    ]
