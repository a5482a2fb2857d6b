"""Reading the audit record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit.models import audit_records


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what to which subject. ``actor`` is ``user:<id>``, ``api_key:<id>`` or ``hub``."""

    id: UUID
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records; None does not filter. ``since`` is included, ``until`` is not."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_records(
    connection: Connection,
    organisation_id: UUID,
    wanted: AuditFilter,
    *,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditRecord]:
    """The newest records, those before the id ``before``: ids grow with time."""
    statement = (
        sa.select(audit_records)
        .where(audit_records.c.organisation_id == organisation_id, *_conditions(wanted))
        .order_by(audit_records.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(audit_records.c.id < before)
    return [
        AuditRecord(row.id, row.actor, row.action, row.subject, row.detail, row.happened_at)
        for row in connection.execute(statement)
    ]


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    for name in ("actor", "action", "subject"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(audit_records.c[name] == value)
    if wanted.since is not None:
        conditions.append(audit_records.c.happened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit_records.c.happened_at < wanted.until)
    return conditions
