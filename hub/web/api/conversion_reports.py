"""What was reported of leads to the platforms that they came from, and what became of it (P-53)."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from hub.core.accounts.permissions import Permission
from hub.core.conversions import queries
from hub.core.conversions.queries import ReportFilter
from hub.core.leads.queries import find_lead
from hub.core.organisations.errors import UnknownRecordError
from hub.web.api.failures import failures
from hub.web.api.leads import LeadPath, visibility
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, NoInput, RouteGroup

CONVERSION_REPORTS = RouteGroup("Conversion feedback", failures=failures)
_VIEW, _LEADS = Permission("connections", "view"), Permission("leads", "view")
ReportState = Literal["waiting", "sent", "accepted", "refused", "too_late", "withheld", "unknown"]


class ReportQuery(PageQuery):
    """Filters of the list of reports; several narrow each other."""

    state: ReportState | None = None
    connection_id: UUID | None = None
    conversion_rule_id: UUID | None = None
    lead_id: UUID | None = None


class ReportShown(BaseModel):
    """What was told of a lead, and what the platform said. ``rule_id`` is null where the rule was removed, ``lead_id``
    where the lead was."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    rule_id: UUID | None
    lead_id: UUID | None
    connection_id: UUID
    target_id: str
    target_name: str
    event_name: str
    event_id: str
    state: ReportState
    code: str | None
    message: str
    happened_at: datetime
    report_until: datetime | None
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    first_sent_at: datetime | None
    settled_at: datetime | None


class ReportPage(BaseModel):
    """One page of reports, newest first."""

    items: list[ReportShown]
    next_cursor: str | None


@CONVERSION_REPORTS.route(
    "GET",
    "/api/v1/conversion-reports",
    permission=_VIEW,
    query=ReportQuery,
    answers=ReportPage,
    summary="What was reported, and what became of it",
)
async def list_conversion_reports(call: Call[NoInput, ReportQuery, NoInput]) -> ReportPage:
    """Newest first."""
    query = call.query
    wanted = ReportFilter(
        state=query.state,
        connection_id=query.connection_id,
        rule_id=query.conversion_rule_id,
        lead_id=query.lead_id,
    )
    return await _page(call, wanted)


@CONVERSION_REPORTS.route(
    "GET",
    "/api/v1/leads/{lead_id}/conversion-reports",
    permission=_LEADS,
    path=LeadPath,
    query=PageQuery,
    answers=ReportPage,
    summary="What was reported about a lead",
)
async def list_reports_of_lead(call: Call[LeadPath, PageQuery, NoInput]) -> ReportPage:
    """Newest first, for leads within reach."""
    seen = (call.reach.organisation_id, visibility(call.reach), call.path.lead_id)
    if await call.services.database.read(find_lead, *seen) is None:
        raise UnknownRecordError("lead")
    return await _page(call, ReportFilter(lead_id=call.path.lead_id))


async def _page(call: Call[Any, Any, Any], wanted: ReportFilter) -> ReportPage:
    rows = await call.services.database.read(
        queries.list_reports,
        call.reach.organisation_id,
        wanted,
        before=call.query.before,
        limit=call.query.limit + 1,
    )
    shown, cursor = cut(rows, call.query.limit, lambda row: Position(row.created_at, row.id))
    return ReportPage(items=[ReportShown.model_validate(row) for row in shown], next_cursor=cursor)
