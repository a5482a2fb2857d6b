"""The audit record: who did what to the configuration and to the data."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from hub.core.accounts.permissions import Permission
from hub.core.audit.queries import AuditFilter, AuditRecord, list_records
from hub.web.api.configuration_fields import Key, Moment
from hub.web.api.failures import failures
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, NoInput, RouteGroup

AUDIT = RouteGroup("Audit record", failures=failures)


class AuditQuery(PageQuery):
    """Which records."""

    actor: Annotated[Key | None, Field(description="For example user:<id> or api_key:<id>.")] = None
    action: Annotated[Key | None, Field(description="For example pipeline_created.")] = None
    subject: Annotated[Key | None, Field(description="For example pipeline:<id>.")] = None
    since: Annotated[Moment | None, Field(description="From this moment on.")] = None
    until: Annotated[Moment | None, Field(description="Before this moment.")] = None


class AuditRecordShown(BaseModel):
    """One change. ``detail`` names what changed, never a secret or a value of a person."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    actor: str
    action: str
    subject: str
    detail: dict[str, JsonValue]
    happened_at: datetime


class AuditPage(BaseModel):
    """Records, the newest first."""

    items: list[AuditRecordShown]
    next_cursor: str | None


@AUDIT.route(
    "GET",
    "/api/v1/audit-records",
    permission=Permission("audit", "view"),
    query=AuditQuery,
    answers=AuditPage,
    summary="Who did what, the newest first",
)
async def list_audit_records(call: Call[NoInput, AuditQuery]) -> AuditPage:
    """Records are never changed and never removed."""
    query = call.query
    wanted = AuditFilter(query.actor, query.action, query.subject, query.since, query.until)
    before = query.before
    rows = await call.services.database.read(
        list_records,
        call.reach.organisation_id,
        wanted,
        before=None if before is None else before.id,
        limit=query.limit + 1,
    )
    shown, cursor = cut(rows, query.limit, _position)
    return AuditPage(items=[AuditRecordShown.model_validate(row) for row in shown], next_cursor=cursor)


def _position(row: AuditRecord) -> Position:
    return Position(row.happened_at, row.id)
