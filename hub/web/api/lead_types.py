"""Lead types (Z-040 to Z-043)."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines import catalogue
from hub.core.pipelines.queries import list_types
from hub.web.api.configuration_fields import Description
from hub.web.api.failures import failures
from hub.web.api.fields import Code, Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail

TYPES = RouteGroup("Lead types", failures=failures)


class TypeShown(BaseModel):
    """A category of leads that a team defines for itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    code: str
    name: str
    description: str
    is_active: bool


class Types(BaseModel):
    """All lead types by name, the inactive ones too."""

    items: list[TypeShown]


class NewType(Input):
    """A lead type (Z-040)."""

    name: Name
    code: Code
    description: Description = ""


class TypeChange(Input):
    """What to change. An inactive type stays on its leads and cannot be chosen for new ones."""

    name: Name | None = None
    code: Code | None = None
    description: Description | None = None
    is_active: bool | None = None


class TypePath(Input):
    """One lead type."""

    type_id: UUID


@TYPES.route(
    "GET",
    "/api/v1/lead-types",
    permission=Permission("lead_types", "view"),
    answers=Types,
    summary="All lead types",
)
async def list_lead_types(call: Call) -> Types:
    """By name."""
    found = await call.services.database.read(list_types, call.reach.organisation_id)
    return Types(items=[TypeShown.model_validate(each) for each in found])


@TYPES.route(
    "POST",
    "/api/v1/lead-types",
    permission=Permission("lead_types", "add"),
    body=NewType,
    answers=TypeShown,
    status=201,
    summary="Add a lead type",
)
async def create_lead_type(call: Call[NoInput, NoInput, NewType]) -> TypeShown:
    """Active from the start."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@TYPES.route(
    "GET",
    "/api/v1/lead-types/{type_id}",
    permission=Permission("lead_types", "view"),
    path=TypePath,
    answers=TypeShown,
    summary="One lead type",
)
async def show_lead_type(call: Call[TypePath]) -> TypeShown:
    """Active or not."""
    return await call.services.database.read(_find, call.reach.organisation_id, call.path.type_id)


@TYPES.route(
    "PATCH",
    "/api/v1/lead-types/{type_id}",
    permission=Permission("lead_types", "edit"),
    path=TypePath,
    body=TypeChange,
    answers=TypeShown,
    summary="Change a lead type, or switch it on or off",
)
async def change_lead_type(call: Call[TypePath, NoInput, TypeChange]) -> TypeShown:
    """Types are never removed, because leads point at them."""
    return await call.services.database.write(_change, Trail.of(call), call.path.type_id, call.body)


def _create(connection: Connection, trail: Trail, body: NewType) -> TypeShown:
    type_id = catalogue.create_type(connection, trail.organisation_id, **body.model_dump())
    trail.note(connection, "lead_type_created", f"lead_type:{type_id}", name=body.name)
    return _find(connection, trail.organisation_id, type_id)


def _change(connection: Connection, trail: Trail, type_id: UUID, body: TypeChange) -> TypeShown:
    catalogue.update_type(connection, trail.organisation_id, type_id, **body.model_dump())
    trail.note(connection, "lead_type_changed", f"lead_type:{type_id}", changed=sorted(body.model_fields_set))
    return _find(connection, trail.organisation_id, type_id)


def _find(connection: Connection, organisation_id: UUID, type_id: UUID) -> TypeShown:
    for each in list_types(connection, organisation_id):
        if each.id == type_id:
            return TypeShown.model_validate(each)
    raise UnknownRecordError("lead type")
