"""What every lead of a form gets (Z-147 to Z-151, Z-183, D-003)."""

from dataclasses import asdict
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.connections.parts import list_parts
from hub.core.field_mappings.queries import read_source_form
from hub.core.form_defaults import queries, service
from hub.core.form_defaults.defaults import FormDefaults
from hub.core.organisations.errors import UnknownRecordError
from hub.web.api.configuration_fields import Key
from hub.web.api.failures import failures, unknown_in_body
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.source_forms import SourceFormPath
from hub.web.api.trail import Trail

FORM_DEFAULTS = RouteGroup("Form defaults", failures=failures)
_VIEW, _EDIT = Permission("mappings", "view"), Permission("mappings", "edit")
_FORM_URL = "/api/v1/source-forms/{source_form_id}/defaults"
_PART_URL = "/api/v1/connections/{connection_id}/parts/{part_id}/defaults"

Priority = Literal["critical", "high", "medium", "low"]


class Defaults(Input):
    """What is left empty is the organisation's own default, or routing's to choose. A stage brings its pipeline."""

    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    type_id: UUID | None = None
    source_id: UUID | None = None
    priority: Priority | None = None
    centre_id: UUID | None = None
    assignee_id: UUID | None = None


class DefaultsShown(BaseModel):
    """The defaults as they are stored."""

    model_config = ConfigDict(from_attributes=True)

    pipeline_id: UUID | None
    stage_id: UUID | None
    type_id: UUID | None
    source_id: UUID | None
    priority: str | None
    centre_id: UUID | None
    assignee_id: UUID | None


class AccountPartPath(Input):
    """A part of a connected account, such as a page."""

    connection_id: UUID
    part_id: Key


@FORM_DEFAULTS.route(
    "GET", _FORM_URL, permission=_VIEW, path=SourceFormPath, answers=DefaultsShown, summary="Defaults of a source form"
)
async def show_form_defaults(call: Call[SourceFormPath]) -> DefaultsShown:
    """Everything empty if nothing was saved."""
    found = await call.services.database.read(_of_form, call.reach.organisation_id, call.path.source_form_id)
    return DefaultsShown.model_validate(found)


@FORM_DEFAULTS.route(
    "PUT",
    _FORM_URL,
    permission=_EDIT,
    path=SourceFormPath,
    body=Defaults,
    answers=DefaultsShown,
    summary="Save the defaults of a source form",
)
async def save_form_defaults(call: Call[SourceFormPath, NoInput, Defaults]) -> DefaultsShown:
    """They replace what was there and count from the next lead on."""
    saved = await call.services.database.write(_save_of_form, Trail.of(call), call.path.source_form_id, call.body)
    return DefaultsShown.model_validate(saved)


@FORM_DEFAULTS.route(
    "GET",
    _PART_URL,
    permission=_VIEW,
    path=AccountPartPath,
    answers=DefaultsShown,
    summary="What new forms of a part get",
)
async def show_part_defaults(call: Call[AccountPartPath]) -> DefaultsShown:
    """Everything empty if nothing was saved."""
    path = call.path
    found = await call.services.database.read(_of_part, call.reach.organisation_id, path.connection_id, path.part_id)
    return DefaultsShown.model_validate(found)


@FORM_DEFAULTS.route(
    "PUT",
    _PART_URL,
    permission=_EDIT,
    path=AccountPartPath,
    body=Defaults,
    answers=DefaultsShown,
    summary="Save what new forms get",
)
async def save_part_defaults(call: Call[AccountPartPath, NoInput, Defaults]) -> DefaultsShown:
    """Forms that are known already keep their own defaults."""
    saved = await call.services.database.write(_save_of_part, Trail.of(call), call.path, call.body)
    return DefaultsShown.model_validate(saved)


def detail_of(defaults: FormDefaults) -> dict[str, str]:
    """What was chosen, as an audit record keeps it."""
    return {name: str(value) for name, value in asdict(defaults).items() if value is not None}


def _of_form(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> FormDefaults:
    read_source_form(connection, organisation_id, source_form_id)
    return queries.load_form_defaults(connection, organisation_id, source_form_id)


def _save_of_form(connection: Connection, trail: Trail, source_form_id: UUID, body: Defaults) -> FormDefaults:
    read_source_form(connection, trail.organisation_id, source_form_id)
    chosen = FormDefaults(**body.model_dump())
    with unknown_in_body():
        saved = service.save_form_defaults(connection, trail.organisation_id, source_form_id, chosen, trail.now)
    trail.note(connection, "form_defaults_saved", f"source_form:{source_form_id}", **detail_of(saved))
    return saved


def _of_part(connection: Connection, organisation_id: UUID, connection_id: UUID, part_id: str) -> FormDefaults:
    _require_part(connection, organisation_id, connection_id, part_id)
    return queries.load_part_defaults(connection, organisation_id, connection_id, part_id)


def _save_of_part(connection: Connection, trail: Trail, path: AccountPartPath, body: Defaults) -> FormDefaults:
    _require_part(connection, trail.organisation_id, path.connection_id, path.part_id)
    chosen = FormDefaults(**body.model_dump())
    with unknown_in_body():
        saved = service.save_part_defaults(
            connection, trail.organisation_id, path.connection_id, path.part_id, chosen, trail.now
        )
    subject = f"connection:{path.connection_id}"
    trail.note(connection, "part_defaults_saved", subject, part_id=path.part_id, **detail_of(saved))
    return saved


def _require_part(connection: Connection, organisation_id: UUID, connection_id: UUID, part_id: str) -> None:
    if part_id not in {part.part_id for part in list_parts(connection, organisation_id, connection_id)}:
        raise UnknownRecordError("part of a connection")
