"""Leads: the list, one lead with all that hangs on it, and the changes people make."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission, Scope
from hub.core.accounts.principal import Reach
from hub.core.conversations.pieces import PIECE_STEPS
from hub.core.leads import queries, service
from hub.core.leads.queries import LeadFilter, Visibility
from hub.core.leads.service import Author
from hub.web.api.configuration_fields import Key, Moment
from hub.web.api.failures import failures as core_failures
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.problems import Problem

LEADS = RouteGroup("Leads", failures=core_failures)
_VIEW, _EDIT, _DELETE = (Permission("leads", action) for action in ("view", "edit", "delete"))
_CONTACTS = Permission("lead_contacts", "view")
_REOPEN = Permission("reopened_leads", "edit")
HIDDEN = "hidden"


class LeadQuery(PageQuery):
    """Filters of the lead list; several narrow each other."""

    stage_id: UUID | None = None
    stage_kind: Literal["open", "won", "lost"] | None = None
    assignee_id: UUID | None = None
    unassigned: bool = False
    source_id: UUID | None = None
    type_id: UUID | None = None
    centre_id: UUID | None = None
    priority: Literal["critical", "high", "medium", "low"] | None = None
    search: Key | None = None
    submitted_from: Moment | None = None
    submitted_until: Moment | None = None
    with_tests: bool = False


class LeadShown(BaseModel):
    """A line of the lead list. Without the right to see contact data, e-mail and phone are ``hidden``."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    email: str | None
    phone: str | None
    company: str | None
    type_id: UUID | None
    source_id: UUID
    pipeline_id: UUID
    stage_id: UUID
    stage_kind: str
    priority: str | None
    centre_id: UUID | None
    assignee_id: UUID | None
    queue_id: UUID | None
    is_test: bool
    is_late: bool
    submitted_at: datetime
    received_at: datetime
    processed_at: datetime
    first_contacted_at: datetime | None


class LeadPage(BaseModel):
    """One page of leads, newest submit time first."""

    items: list[LeadShown]
    next_cursor: str | None


class SubmissionShown(BaseModel):
    """What a person sent, whole: every answer, and which of them no rule took."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    receipt_id: UUID
    path: str
    mapping_version: int
    answers: list[dict[str, JsonValue]]
    unmapped: list[str]
    problems: list[dict[str, JsonValue]]
    campaign: dict[str, JsonValue] | None
    first_touch: dict[str, JsonValue] | None
    language: str | None
    submitted_at: datetime
    received_at: datetime


class StepShown(BaseModel):
    """One step of the journey."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    actor: str
    detail: dict[str, JsonValue]
    happened_at: datetime


class ChangeShown(BaseModel):
    """One change of one field."""

    model_config = ConfigDict(from_attributes=True)

    field: str
    before: JsonValue
    after: JsonValue
    actor: str
    changed_at: datetime


class AssignmentShown(BaseModel):
    """One assignment with the trace that explains it."""

    model_config = ConfigDict(from_attributes=True)

    assignee_id: UUID | None
    queue_id: UUID | None
    decided_by: str
    trace: dict[str, JsonValue]
    assigned_at: datetime


class ConsentShown(BaseModel):
    """A consent as it was given."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    text: str
    text_sha256: str
    is_given: bool
    was_preset: bool
    purpose: str | None
    form_version: str | None
    language: str | None
    page: str | None
    given_at: datetime


class LeadDetail(LeadShown):
    """One lead with everything that hangs on it."""

    person_id: UUID
    values: dict[str, JsonValue]
    origins: dict[str, JsonValue]
    lost_reason: str | None
    claim_until: datetime | None
    closed_at: datetime | None
    converted_at: datetime | None
    updated_at: datetime
    revision: int
    submissions: list[SubmissionShown]
    journey: list[StepShown]
    changes: list[ChangeShown]
    assignments: list[AssignmentShown]
    consents: list[ConsentShown]


class LeadPath(Input):
    """One lead."""

    lead_id: UUID


class NewValues(Input):
    """``values`` by master field key; null clears one. ``revision`` refuses the change if somebody was quicker."""

    values: Annotated[dict[Key, JsonValue], Field(min_length=1, max_length=200)]
    revision: int | None = None


class StageMove(Input):
    """To which stage of the lead's own pipeline; a lost lead needs a reason."""

    stage_id: UUID
    lost_reason: Annotated[str, Field(max_length=500)] | None = None


class NewAssignee(Input):
    """Who shall have the lead; null assigns it anew."""

    assignee_id: UUID | None


class NewStep(Input):
    """What happened with the customer."""

    kind: Literal["note", "call", "meeting", "message"]
    text: Annotated[str, Field(min_length=1, max_length=10_000)]


def visibility(reach: Reach) -> Visibility:
    """Which leads a permission reaches."""
    if reach.scope is Scope.OWN:
        return Visibility(only_of=reach.user_id)
    if reach.scope is Scope.CENTRE:
        return Visibility(centres=tuple(sorted(reach.centre_ids)))
    return queries.EVERYTHING


@LEADS.route("GET", "/api/v1/leads", permission=_VIEW, query=LeadQuery, answers=LeadPage, summary="List leads")
async def list_leads(call: Call[NoInput, LeadQuery, NoInput]) -> LeadPage:
    """Leads within reach, newest submit time first."""
    wanted = LeadFilter(**call.query.model_dump(exclude={"limit", "cursor"}))
    rows = await call.services.database.read(
        queries.list_leads,
        call.reach.organisation_id,
        visibility(call.reach),
        wanted,
        after=call.query.before,
        limit=call.query.limit + 1,
    )
    shown, cursor = cut(rows, call.query.limit, lambda row: Position(row.submitted_at, row.id))
    sees = call.principal.permissions.scope(_CONTACTS) is not None
    return LeadPage(items=[_masked(LeadShown.model_validate(row), sees) for row in shown], next_cursor=cursor)


@LEADS.route(
    "GET", "/api/v1/leads/{lead_id}", permission=_VIEW, path=LeadPath, answers=LeadDetail, summary="Show a lead"
)
async def show_lead(call: Call[LeadPath]) -> LeadDetail:
    """One lead with submissions, journey, changes, assignments and consents."""
    found = await call.services.database.read(_load, call.reach, call.path.lead_id)
    if found is None:
        raise not_found()
    return _masked_whole(call, found)


def _masked_whole(call: Call[Any, Any, Any], found: LeadDetail) -> LeadDetail:
    """The lead as the caller may see it: without contact data, nothing of what the person entered or wrote."""
    if call.principal.permissions.scope(_CONTACTS) is not None:
        return found
    return found.model_copy(
        update={
            "email": found.email and HIDDEN,
            "phone": found.phone and HIDDEN,
            "values": {},
            "changes": [],
            "submissions": [],
            "journey": [_without_words(step) for step in found.journey],
        }
    )


def _without_words(step: StepShown) -> StepShown:
    if step.kind not in PIECE_STEPS:
        return step
    kept = {name: value for name, value in step.detail.items() if name not in ("text", "media")}
    return step.model_copy(update={"detail": kept})


def _load(connection: Connection, reach: Reach, lead_id: UUID) -> LeadDetail | None:
    organisation_id = reach.organisation_id
    row = queries.find_lead(connection, organisation_id, visibility(reach), lead_id)
    if row is None:
        return None
    parts: dict[str, Any] = {
        "submissions": queries.submissions_of(connection, organisation_id, lead_id),
        "journey": queries.journey(connection, organisation_id, lead_id),
        "changes": queries.change_history(connection, organisation_id, lead_id),
        "assignments": queries.assignments_of(connection, organisation_id, lead_id),
        "consents": queries.consents_of(connection, organisation_id, lead_id),
    }
    return LeadDetail.model_validate({**row._asdict(), **parts}, from_attributes=True)


@LEADS.route(
    "PATCH",
    "/api/v1/leads/{lead_id}",
    permission=_EDIT,
    path=LeadPath,
    body=NewValues,
    answers=LeadDetail,
    summary="Change values of a lead",
)
async def change_lead(call: Call[LeadPath, NoInput, NewValues]) -> LeadDetail:
    """Values typed by people are never overwritten by later submissions."""
    await call.services.database.write(
        service.change_values,
        call.reach.organisation_id,
        call.path.lead_id,
        call.body.values,
        author=author(call),
        now=call.now,
        revision=call.body.revision,
    )
    return await _shown_again(call)


@LEADS.route(
    "PUT",
    "/api/v1/leads/{lead_id}/stage",
    permission=_EDIT,
    path=LeadPath,
    body=StageMove,
    answers=LeadDetail,
    summary="Move a lead to another stage",
)
async def move_lead(call: Call[LeadPath, NoInput, StageMove]) -> LeadDetail:
    """Leaving a closing stage needs the right to reopen."""
    await call.services.database.write(
        service.move_stage,
        call.reach.organisation_id,
        call.path.lead_id,
        call.body.stage_id,
        author=author(call),
        now=call.now,
        lost_reason=call.body.lost_reason,
        may_reopen=call.principal.permissions.scope(_REOPEN) is not None,
    )
    return await _shown_again(call)


@LEADS.route(
    "PUT",
    "/api/v1/leads/{lead_id}/assignee",
    permission=_EDIT,
    path=LeadPath,
    body=NewAssignee,
    answers=LeadDetail,
    summary="Give a lead to somebody",
)
async def assign_lead(call: Call[LeadPath, NoInput, NewAssignee]) -> LeadDetail:
    """Null takes it away from its owner and assigns it anew: never nobody."""
    await call.services.database.write(
        service.assign_lead,
        call.reach.organisation_id,
        call.path.lead_id,
        call.body.assignee_id,
        author=author(call),
        now=call.now,
    )
    found = await call.services.database.read(_load, _whole(call.reach), call.path.lead_id)
    if found is None:
        raise not_found()
    return _masked_whole(call, found)


@LEADS.route(
    "POST",
    "/api/v1/leads/{lead_id}/journey",
    permission=_EDIT,
    path=LeadPath,
    body=NewStep,
    answers=LeadDetail,
    status=201,
    summary="Add a step to a lead's journey",
)
async def add_journey_step(call: Call[LeadPath, NoInput, NewStep]) -> LeadDetail:
    """Steps are never changed or removed afterwards. The first call, meeting or message is the first contact."""
    await call.services.database.write(
        service.add_own_step,
        call.reach.organisation_id,
        call.path.lead_id,
        kind=call.body.kind,
        text=call.body.text,
        author=author(call),
        now=call.now,
    )
    return await _shown_again(call)


@LEADS.route("DELETE", "/api/v1/leads/{lead_id}", permission=_DELETE, path=LeadPath, summary="Delete a lead for good")
async def delete_lead(call: Call[LeadPath]) -> None:
    """Its journey goes with it; an audit record stays, and the platform sending it again does not bring it back."""
    await call.services.database.write(
        service.delete_lead, call.reach.organisation_id, call.path.lead_id, author=author(call), now=call.now
    )


def author(call: Call[Any, Any, Any]) -> Author:
    """The caller as the author of a change, within the reach of the route's permission."""
    return Author(call.principal.actor, visibility(call.reach))


def not_found() -> Problem:
    """There is no such lead, or not for this caller."""
    return Problem(404, "not-found", "There is no such lead, or you may not see it.")


async def _shown_again(call: Call[LeadPath, Any, Any]) -> LeadDetail:
    found = await call.services.database.read(_load, call.reach, call.path.lead_id)
    if found is None:
        raise not_found()
    return _masked_whole(call, found)


def _whole(reach: Reach) -> Reach:
    """A lead that was just given to somebody else is shown once more, although it may be out of reach now."""
    return Reach(reach.organisation_id, Scope.ORGANISATION, reach.user_id, reach.centre_ids)


def _masked(lead: LeadShown, sees_contacts: bool) -> LeadShown:
    if sees_contacts:
        return lead
    return lead.model_copy(update={"email": lead.email and HIDDEN, "phone": lead.phone and HIDDEN})
