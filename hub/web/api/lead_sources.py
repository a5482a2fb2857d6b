"""Lead sources (Z-057 to Z-064)."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines import catalogue
from hub.core.pipelines.queries import list_sources
from hub.web.api.configuration_fields import Color, Description
from hub.web.api.failures import failures
from hub.web.api.fields import Code, Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail

SOURCES = RouteGroup("Lead sources", failures=failures)


class SourceShown(BaseModel):
    """Where leads come from. ``built_in_code`` is what connectors name it by; it stays when ``code`` changes."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    code: str
    name: str
    description: str
    color: str
    is_active: bool
    built_in_code: str | None


class Sources(BaseModel):
    """All lead sources by code, the inactive ones too."""

    items: list[SourceShown]


class NewSource(Input):
    """Without a code the hub makes one such as LS000001 (Z-063)."""

    name: Name
    color: Color
    description: Description = ""
    code: Annotated[Code | None, Field(examples=["walk_in"])] = None


class SourceChange(Input):
    """What to change. An inactive source stays on its leads and cannot be chosen for new ones."""

    name: Name | None = None
    code: Code | None = None
    color: Color | None = None
    description: Description | None = None
    is_active: bool | None = None


class SourcePath(Input):
    """One lead source."""

    source_id: UUID


@SOURCES.route(
    "GET",
    "/api/v1/lead-sources",
    permission=Permission("lead_sources", "view"),
    answers=Sources,
    summary="All lead sources",
)
async def list_lead_sources(call: Call) -> Sources:
    """By code."""
    found = await call.services.database.read(list_sources, call.reach.organisation_id)
    return Sources(items=[SourceShown.model_validate(source) for source in found])


@SOURCES.route(
    "POST",
    "/api/v1/lead-sources",
    permission=Permission("lead_sources", "add"),
    body=NewSource,
    answers=SourceShown,
    status=201,
    summary="Add a lead source",
)
async def create_lead_source(call: Call[NoInput, NoInput, NewSource]) -> SourceShown:
    """Active from the start."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@SOURCES.route(
    "GET",
    "/api/v1/lead-sources/{source_id}",
    permission=Permission("lead_sources", "view"),
    path=SourcePath,
    answers=SourceShown,
    summary="One lead source",
)
async def show_lead_source(call: Call[SourcePath]) -> SourceShown:
    """Active or not."""
    return await call.services.database.read(_find, call.reach.organisation_id, call.path.source_id)


@SOURCES.route(
    "PATCH",
    "/api/v1/lead-sources/{source_id}",
    permission=Permission("lead_sources", "edit"),
    path=SourcePath,
    body=SourceChange,
    answers=SourceShown,
    summary="Change a lead source, or switch it on or off",
)
async def change_lead_source(call: Call[SourcePath, NoInput, SourceChange]) -> SourceShown:
    """Sources are never removed, because leads point at them."""
    return await call.services.database.write(_change, Trail.of(call), call.path.source_id, call.body)


def _create(connection: Connection, trail: Trail, body: NewSource) -> SourceShown:
    source_id = catalogue.create_source(
        connection,
        trail.organisation_id,
        name=body.name,
        color=body.color,
        description=body.description,
        code=body.code or "",
    )
    trail.note(connection, "lead_source_created", f"lead_source:{source_id}", name=body.name)
    return _find(connection, trail.organisation_id, source_id)


def _change(connection: Connection, trail: Trail, source_id: UUID, body: SourceChange) -> SourceShown:
    catalogue.update_source(connection, trail.organisation_id, source_id, **body.model_dump())
    trail.note(connection, "lead_source_changed", f"lead_source:{source_id}", changed=sorted(body.model_fields_set))
    return _find(connection, trail.organisation_id, source_id)


def _find(connection: Connection, organisation_id: UUID, source_id: UUID) -> SourceShown:
    for source in list_sources(connection, organisation_id):
        if source.id == source_id:
            return SourceShown.model_validate(source)
    raise UnknownRecordError("lead source")
