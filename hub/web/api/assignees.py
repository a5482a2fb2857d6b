"""Who takes leads, how many, and when (P-34 to P-37)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.errors import UnknownRecordError
from hub.core.organisations.service import make_assignee
from hub.core.routing import staffing
from hub.core.routing.queries import list_assignees
from hub.web.api.configuration_fields import Moment
from hub.web.api.failures import failures, unknown_in_body
from hub.web.api.fields import TimeZone
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail

ASSIGNEES = RouteGroup("Assignees", failures=failures)
_VIEW, _EDIT = Permission("routing", "view"), Permission("routing", "edit")
_URL = "/api/v1/assignees/{user_id}"

_PAIR = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
Span = Annotated[tuple[str, str], WithJsonSchema(_PAIR)]
"""From and until. Described as a plain list: many tools for descriptions do not know ``prefixItems``."""
Spans = Annotated[tuple[Span, ...], Field(max_length=20)]


class AssigneeShown(BaseModel):
    """A person as routing knows them. ``capacity`` empty: no limit; absent from ``absent_from`` (empty: since ever)
    until ``absent_until`` (empty: until further notice), both empty: not absent; ``hours`` empty: always."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    name: str
    is_active: bool
    takes_leads: bool
    capacity: int | None
    weight: int
    absent_from: datetime | None
    absent_until: datetime | None
    hours: dict[str, list[Span]] | None
    time_zone: str | None
    open_leads: int
    last_assigned_at: datetime | None


class Assignees(BaseModel):
    """Everybody who can have leads, by name."""

    items: list[AssigneeShown]


class AddedAssignee(Input):
    """A person of the organisation who is to take leads."""

    user_id: UUID
    takes_leads: bool = True
    capacity: int | None = None
    weight: int = 1


class AssigneeChange(Input):
    """What to change; what is left out stays. ``capacity`` null means no limit."""

    takes_leads: bool | None = None
    capacity: int | None = None
    weight: int | None = None


class Absence(Input):
    """From and until; both null ends an absence."""

    absent_from: Moment | None
    absent_until: Moment | None


class Hours(Input):
    """Weekly working hours by the clock of the zone; null means always. A day that is missing is a day off."""

    hours: Annotated[dict[str, Spans] | None, Field(examples=[{"mon": [["09:00", "12:30"], ["13:00", "17:00"]]}])]
    time_zone: TimeZone | None = None


class AssigneePath(Input):
    """One person."""

    user_id: UUID


@ASSIGNEES.route("GET", "/api/v1/assignees", permission=_VIEW, answers=Assignees, summary="Everybody who takes leads")
async def show_assignees(call: Call) -> Assignees:
    """With their open leads, by name."""
    found = await call.services.database.read(list_assignees, call.reach.organisation_id)
    return Assignees(items=[AssigneeShown.model_validate(person) for person in found])


@ASSIGNEES.route(
    "POST",
    "/api/v1/assignees",
    permission=Permission("routing", "add"),
    body=AddedAssignee,
    answers=AssigneeShown,
    status=201,
    summary="Let a person take leads",
)
async def create_assignee(call: Call[NoInput, NoInput, AddedAssignee]) -> AssigneeShown:
    """Changes nothing for one who may already."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@ASSIGNEES.route(
    "PATCH",
    _URL,
    permission=_EDIT,
    path=AssigneePath,
    body=AssigneeChange,
    answers=AssigneeShown,
    summary="Change capacity, weight, or whether a person takes leads",
)
async def change_assignee(call: Call[AssigneePath, NoInput, AssigneeChange]) -> AssigneeShown:
    """It counts from the next lead on."""
    return await call.services.database.write(_change, Trail.of(call), call.path.user_id, call.body)


@ASSIGNEES.route(
    "PUT",
    f"{_URL}/absence",
    permission=_EDIT,
    path=AssigneePath,
    body=Absence,
    answers=AssigneeShown,
    summary="Note an absence or end it",
)
async def set_absence(call: Call[AssigneePath, NoInput, Absence]) -> AssigneeShown:
    """Nobody absent gets leads automatically; the leads they have stay theirs."""
    return await call.services.database.write(_set_absence, Trail.of(call), call.path.user_id, call.body)


@ASSIGNEES.route(
    "PUT",
    f"{_URL}/hours",
    permission=_EDIT,
    path=AssigneePath,
    body=Hours,
    answers=AssigneeShown,
    summary="Set weekly working hours",
)
async def set_hours(call: Call[AssigneePath, NoInput, Hours]) -> AssigneeShown:
    """Outside of them a person gets no leads automatically."""
    return await call.services.database.write(_set_hours, Trail.of(call), call.path.user_id, call.body)


def _create(connection: Connection, trail: Trail, body: AddedAssignee) -> AssigneeShown:
    with unknown_in_body():
        make_assignee(connection, trail.organisation_id, **body.model_dump())
    _note(connection, trail, "assignee_created", body.user_id, body)
    return _find(connection, trail.organisation_id, body.user_id)


def _change(connection: Connection, trail: Trail, user_id: UUID, body: AssigneeChange) -> AssigneeShown:
    _find(connection, trail.organisation_id, user_id)
    organisation_id = trail.organisation_id
    if body.takes_leads is not None:
        staffing.set_takes_leads(connection, organisation_id, user_id, body.takes_leads)
    if "capacity" in body.model_fields_set:
        staffing.set_capacity(connection, organisation_id, user_id, body.capacity)
    if body.weight is not None:
        staffing.set_weight(connection, organisation_id, user_id, body.weight)
    _note(connection, trail, "assignee_changed", user_id, body)
    return _find(connection, organisation_id, user_id)


def _set_absence(connection: Connection, trail: Trail, user_id: UUID, body: Absence) -> AssigneeShown:
    staffing.set_absence(connection, trail.organisation_id, user_id, start=body.absent_from, end=body.absent_until)
    _note(connection, trail, "assignee_absence_set", user_id, body)
    return _find(connection, trail.organisation_id, user_id)


def _set_hours(connection: Connection, trail: Trail, user_id: UUID, body: Hours) -> AssigneeShown:
    staffing.set_hours(connection, trail.organisation_id, user_id, body.hours, body.time_zone)
    _note(connection, trail, "assignee_hours_set", user_id, body)
    return _find(connection, trail.organisation_id, user_id)


def _note(connection: Connection, trail: Trail, action: str, user_id: UUID, body: BaseModel) -> None:
    trail.note(connection, action, f"user:{user_id}", changed=sorted(body.model_fields_set - {"user_id"}))


def _find(connection: Connection, organisation_id: UUID, user_id: UUID) -> AssigneeShown:
    for person in list_assignees(connection, organisation_id):
        if person.user_id == user_id:
            return AssigneeShown.model_validate(person)
    raise UnknownRecordError("assignee")
