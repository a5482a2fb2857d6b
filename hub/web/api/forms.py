"""The hub's own forms: drafts, publishing, switching on and off (Z-112 to Z-127, Z-132 to Z-146)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.base import HostsForms
from hub.connector.text import storable
from hub.connectors import Registry
from hub.core.accounts.permissions import Permission
from hub.core.forms import queries, service
from hub.core.forms.checking import Fault, faults
from hub.core.forms.definition import FormDefinition, publishing_problems
from hub.core.forms.queries import Form, FormRow
from hub.core.forms.status import FormStatus
from hub.core.master_form.queries import overview, snapshot
from hub.core.organisations.errors import UnknownRecordError
from hub.web.api.configuration_fields import Number
from hub.web.api.failures import failures, pointer_of
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.shaped import ShapedObject
from hub.web.api.trail import Trail
from hub.web.problems import Problem

FORMS = RouteGroup("Forms", failures=failures)
_VIEW, _EDIT = Permission("forms", "view"), Permission("forms", "edit")
_URL = "/api/v1/forms/{form_id}"


class FormBody(ShapedObject):
    """A form as it is built; saved whenever it is whole in itself, published only when every field is mapped."""

    shape = FormDefinition


class FormLine(BaseModel):
    """A line of the list (Z-112). ``unmapped`` are keys of fields not connected yet; ``has_changes``: the draft is
    newer than what collects."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    public_key: str
    title: str
    status: FormStatus
    field_count: int
    unmapped: list[str]
    published_version: int | None
    has_changes: bool
    created_at: datetime
    edited_at: datetime


class FormPage(BaseModel):
    """Forms, the newest first."""

    items: list[FormLine]
    next_cursor: str | None


class FormShown(FormLine):
    """A form with the draft that is being edited."""

    draft: FormDefinition


class FieldStatus(BaseModel):
    """Whether a field is mapped to the master form (Z-137)."""

    key: str
    label: str
    maps_to: str | None
    status: Literal["Connected", "Not connected"]


class FormProblemShown(BaseModel):
    """What stands between the draft and publishing."""

    pointer: str
    code: str
    detail: str


class FormPreview(BaseModel):
    """The draft as a visitor would see it, and what is still to do."""

    definition: FormDefinition
    fields: list[FieldStatus]
    problems: list[FormProblemShown]


class FormVersionShown(BaseModel):
    """A published definition; it never changes."""

    version: int
    definition: FormDefinition


class TriedAnswers(Input):
    """What a visitor would type, by key of the field or consent."""

    values: Annotated[dict[str, list[str]], Field(max_length=300)]


class FaultShown(BaseModel):
    """What a visitor would have to correct."""

    key: str
    fault: Fault


class TrialAnswer(BaseModel):
    """What would happen to these answers."""

    is_accepted: bool
    faults: list[FaultShown]


class FormPath(Input):
    """One form."""

    form_id: UUID


class FormVersionPath(FormPath):
    """One published version of a form."""

    version: Number


@FORMS.route("GET", "/api/v1/forms", permission=_VIEW, query=PageQuery, answers=FormPage, summary="Forms of the hub")
async def list_forms(call: Call[NoInput, PageQuery]) -> FormPage:
    """The newest first."""
    before = call.query.before
    rows = await call.services.database.read(
        queries.list_forms,
        call.reach.organisation_id,
        before=None if before is None else before.id,
        limit=call.query.limit + 1,
    )
    shown, cursor = cut(rows, call.query.limit, _position)
    return FormPage(items=[FormLine.model_validate(row) for row in shown], next_cursor=cursor)


@FORMS.route(
    "POST",
    "/api/v1/forms",
    permission=Permission("forms", "add"),
    body=FormBody,
    answers=FormShown,
    status=201,
    summary="Create a form",
)
async def create_form(call: Call[NoInput, NoInput, FormBody]) -> FormShown:
    """It begins as a Draft (Z-127) and needs a master form to exist (Z-100)."""
    definition = read_definition(call.body.root)
    return _shown(await call.services.database.write(_create, Trail.of(call), definition))


@FORMS.route("GET", _URL, permission=_VIEW, path=FormPath, answers=FormShown, summary="A form with its draft")
async def show_form(call: Call[FormPath]) -> FormShown:
    """The draft is what the builder shows."""
    return _shown(await call.services.database.read(queries.get_form, call.reach.organisation_id, call.path.form_id))


@FORMS.route(
    "PUT", _URL, permission=_EDIT, path=FormPath, body=FormBody, answers=FormShown, summary="Save the draft of a form"
)
async def edit_form(call: Call[FormPath, NoInput, FormBody]) -> FormShown:
    """What is published goes on collecting until the draft is published (decision 22)."""
    trail, definition = Trail.of(call), read_definition(call.body.root)
    form = await call.services.database.write(
        service.edit_form,
        trail.organisation_id,
        call.path.form_id,
        definition,
        actor=trail.actor,
        now=trail.now,
    )
    return _shown(form)


@FORMS.route(
    "POST", f"{_URL}/publish", permission=_EDIT, path=FormPath, answers=FormShown, summary="Publish the draft of a form"
)
async def publish_form(call: Call[FormPath]) -> FormShown:
    """The form is Active then; a field that is not mapped prevents it (Z-122, Z-138, Z-142)."""
    trail = Trail.of(call)
    form = await call.services.database.write(
        service.publish_form,
        trail.organisation_id,
        call.path.form_id,
        connector=hosting_connector(call.services.registry),
        actor=trail.actor,
        now=trail.now,
    )
    return _shown(form)


@FORMS.route("POST", f"{_URL}/activate", permission=_EDIT, path=FormPath, answers=FormShown, summary="Switch a form on")
async def activate_form(call: Call[FormPath]) -> FormShown:
    """The published version collects again; a draft is published instead."""
    trail = Trail.of(call)
    form = await call.services.database.write(
        service.activate_form, trail.organisation_id, call.path.form_id, actor=trail.actor, now=trail.now
    )
    return _shown(form)


@FORMS.route(
    "POST", f"{_URL}/deactivate", permission=_EDIT, path=FormPath, answers=FormShown, summary="Switch a form off"
)
async def deactivate_form(call: Call[FormPath]) -> FormShown:
    """What still arrives is kept in quarantine and can be released."""
    trail = Trail.of(call)
    form = await call.services.database.write(
        service.deactivate_form, trail.organisation_id, call.path.form_id, actor=trail.actor, now=trail.now
    )
    return _shown(form)


@FORMS.route(
    "GET",
    f"{_URL}/preview",
    permission=_VIEW,
    path=FormPath,
    answers=FormPreview,
    summary="Preview the draft of a form",
)
async def preview_form(call: Call[FormPath]) -> FormPreview:
    """With the mapping status of each field, and what is still to do before publishing."""
    return await call.services.database.read(_preview, call.reach.organisation_id, call.path.form_id)


@FORMS.route(
    "POST",
    f"{_URL}/preview",
    permission=_VIEW,
    path=FormPath,
    body=TriedAnswers,
    answers=TrialAnswer,
    summary="Try answers on the draft",
)
async def try_form(call: Call[FormPath, NoInput, TriedAnswers]) -> TrialAnswer:
    """Nothing is stored and no lead comes of it (Z-114)."""
    form = await call.services.database.read(queries.get_form, call.reach.organisation_id, call.path.form_id)
    found = faults(form.draft, call.body.values)
    return TrialAnswer(is_accepted=not found, faults=[FaultShown(key=key, fault=fault) for key, fault in found.items()])


@FORMS.route(
    "GET",
    f"{_URL}/versions/{{version}}",
    permission=_VIEW,
    path=FormVersionPath,
    answers=FormVersionShown,
    summary="A form as it was published",
)
async def show_form_version(call: Call[FormVersionPath]) -> FormVersionShown:
    """Versions never change."""
    path = call.path
    definition = await call.services.database.read(
        queries.find_version, call.reach.organisation_id, path.form_id, path.version
    )
    if definition is None:
        raise UnknownRecordError("published version of a form")
    return FormVersionShown(version=path.version, definition=definition)


def hosting_connector(registry: Registry) -> str:
    """The key of the connector that reads what the hub's own forms post."""
    hosting = next((each for each in registry.all() if isinstance(each, HostsForms)), None)
    if hosting is None:
        raise Problem(409, "no-forms-connector", "No connector for the hub's own forms is installed; install one.")
    return hosting.manifest.key


def _create(connection: Connection, trail: Trail, definition: FormDefinition) -> Form:
    if overview(connection, trail.organisation_id) is None:
        raise Problem(409, "no-master-form", "There is no master form yet. Create it first, then this form.")
    return service.create_form(connection, trail.organisation_id, definition, actor=trail.actor, now=trail.now)


def _preview(connection: Connection, organisation_id: UUID, form_id: UUID) -> FormPreview:
    draft = queries.get_form(connection, organisation_id, form_id).draft
    problems = publishing_problems(draft, snapshot(connection, organisation_id).fields)
    return FormPreview(
        definition=draft,
        fields=[
            FieldStatus(
                key=field.key,
                label=field.label,
                maps_to=field.maps_to,
                status="Connected" if field.maps_to else "Not connected",
            )
            for field in draft.fields
        ],
        problems=[
            FormProblemShown(pointer=pointer_of(each.path), code=each.code, detail=each.message) for each in problems
        ],
    )


def read_definition(content: Mapping[str, JsonValue]) -> FormDefinition:
    """The title has a column of its own, which cannot hold every character on every database."""
    definition = FormDefinition.read(content)
    return definition.model_copy(update={"title": storable(definition.title)})


def _shown(form: Form) -> FormShown:
    return FormShown.model_validate(form)


def _position(row: FormRow) -> Position:
    return Position(row.created_at, row.id)
