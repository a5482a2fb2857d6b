"""The master form: the one schema of lead fields (Z-099 to Z-111, D-001)."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy.engine import Connection

from hub.connector.models import Choice, FieldType
from hub.core.accounts.permissions import Permission
from hub.core.field_mappings.service import archive_master_field
from hub.core.master_form import queries, service
from hub.core.master_form.fields import MAX_FIELDS, FieldDraft
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.organisations.service import bump_config_version
from hub.management.setup import master_form_template
from hub.web.api.configuration_fields import Key
from hub.web.api.failures import failures, placed
from hub.web.api.fields import Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail
from hub.web.problems import Problem
from mapping.compatibility import is_compatible
from mapping.fields import MasterField

MASTER_FORM = RouteGroup("Master form", failures=failures)
_VIEW, _EDIT = Permission("master_form", "view"), Permission("master_form", "edit")
_SUBJECT = "master_form"
_PLACE_IN_FORM = re.compile(r"^fields\.\d+\.")

Drafts = Annotated[tuple[FieldDraft, ...], Field(max_length=MAX_FIELDS)]


class MasterFieldShown(BaseModel):
    """A field of the master form. An archived one keeps its values on leads and takes no new ones."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    label: str
    type: FieldType
    choices: list[Choice]
    is_sensitive: bool
    is_archived: bool

    @computed_field
    def takes(self) -> list[FieldType]:
        """The types of question that can be mapped to it as they are (Z-143, Z-144)."""
        return [kind for kind in FieldType if is_compatible(kind, self.type)]


class MasterFormShown(BaseModel):
    """The master form; ``field_count`` leaves archived fields out (Z-105)."""

    name: str
    version: int
    field_count: int
    created_at: datetime
    edited_at: datetime
    fields: list[MasterFieldShown]


class NewMasterForm(Input):
    """From a template, or from one's own fields, or empty (Z-103). Fields cannot be deleted once they are saved."""

    name: Name
    template: Literal["master"] | None = None
    fields: Drafts = ()


class MasterFormChange(Input):
    """The whole form as the builder shows it: known fields by key, new ones without; none that is in use may miss."""

    name: Name | None = None
    fields: Drafts


class MasterFieldChange(Input):
    """What to change of a field; key and type stay."""

    label: Name | None = None
    choices: tuple[Choice, ...] | None = None
    is_sensitive: bool | None = None


class FieldPath(Input):
    """One field of the master form."""

    key: Key


@MASTER_FORM.route(
    "GET", "/api/v1/master-form", permission=_VIEW, answers=MasterFormShown, summary="The master form with its fields"
)
async def show_master_form(call: Call) -> MasterFormShown:
    """Preview and edit from here (Z-105 to Z-108); the master form has no link and no embed code."""
    return await call.services.database.read(_show, call.reach.organisation_id)


@MASTER_FORM.route(
    "POST",
    "/api/v1/master-form",
    permission=Permission("master_form", "add"),
    body=NewMasterForm,
    answers=MasterFormShown,
    status=201,
    summary="Create the one master form",
)
async def create_master_form(call: Call[NoInput, NoInput, NewMasterForm]) -> MasterFormShown:
    """An organisation has one and never a second (Z-102)."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@MASTER_FORM.route(
    "PUT",
    "/api/v1/master-form",
    permission=_EDIT,
    body=MasterFormChange,
    answers=MasterFormShown,
    summary="Save the whole master form",
)
async def save_master_form(call: Call[NoInput, NoInput, MasterFormChange]) -> MasterFormShown:
    """Labels, choices, order and sensitivity may change; a type may not, and no field may be left out (Z-109)."""
    return await call.services.database.write(_save, Trail.of(call), call.body)


@MASTER_FORM.route(
    "POST",
    "/api/v1/master-form/fields",
    permission=_EDIT,
    body=FieldDraft,
    answers=MasterFieldShown,
    status=201,
    summary="Add a field to the master form",
)
async def add_master_field(call: Call[NoInput, NoInput, FieldDraft]) -> MasterFieldShown:
    """At the end; without a key it gets one from its label."""
    return await call.services.database.write(_add_field, Trail.of(call), call.body)


@MASTER_FORM.route(
    "PATCH",
    "/api/v1/master-form/fields/{key}",
    permission=_EDIT,
    path=FieldPath,
    body=MasterFieldChange,
    answers=MasterFieldShown,
    summary="Change a field of the master form",
)
async def change_master_field(call: Call[FieldPath, NoInput, MasterFieldChange]) -> MasterFieldShown:
    """Label, choices or sensitivity."""
    return await call.services.database.write(_change_field, Trail.of(call), call.path.key, call.body)


@MASTER_FORM.route(
    "POST",
    "/api/v1/master-form/fields/{key}/archive",
    permission=_EDIT,
    path=FieldPath,
    answers=MasterFieldShown,
    summary="Hide a field of the master form",
)
async def archive_field(call: Call[FieldPath]) -> MasterFieldShown:
    """Its values stay on the leads; forms that were mapped to it are counted as unmapped."""
    return await call.services.database.write(_set_archived, Trail.of(call), call.path.key, True)


@MASTER_FORM.route(
    "POST",
    "/api/v1/master-form/fields/{key}/restore",
    permission=_EDIT,
    path=FieldPath,
    answers=MasterFieldShown,
    summary="Show an archived field again",
)
async def restore_field(call: Call[FieldPath]) -> MasterFieldShown:
    """Refused while another field has its label."""
    return await call.services.database.write(_set_archived, Trail.of(call), call.path.key, False)


def _create(connection: Connection, trail: Trail, body: NewMasterForm) -> MasterFormShown:
    if body.template is not None and body.fields:
        raise RefusedChangeError("give a template or fields, not both; leave one out", field="template")
    drafts = master_form_template()[1] if body.template is not None else list(body.fields)
    service.create_master_form(
        connection, trail.organisation_id, name=body.name, drafts=drafts, now=trail.now, saved_by=trail.user_id
    )
    trail.note(connection, "master_form_created", _SUBJECT, name=body.name)
    return _show(connection, trail.organisation_id)


def _save(connection: Connection, trail: Trail, body: MasterFormChange) -> MasterFormShown:
    _overview(connection, trail.organisation_id)
    form = service.save_master_form(
        connection,
        trail.organisation_id,
        drafts=body.fields,
        name=body.name,
        now=trail.now,
        saved_by=trail.user_id,
    )
    trail.note(connection, "master_form_changed", _SUBJECT, version=form.version)
    return _show(connection, trail.organisation_id)


def _add_field(connection: Connection, trail: Trail, draft: FieldDraft) -> MasterFieldShown:
    _overview(connection, trail.organisation_id)
    with placed(_in_field):
        field = service.add_field(connection, trail.organisation_id, draft, now=trail.now, saved_by=trail.user_id)
    trail.note(connection, "master_field_created", f"master_field:{field.key}", label=field.label)
    return _shown(field)


def _change_field(connection: Connection, trail: Trail, key: str, body: MasterFieldChange) -> MasterFieldShown:
    bump_config_version(connection, trail.organisation_id)
    fields = queries.snapshot(connection, trail.organisation_id).by_key
    if key not in fields:
        raise UnknownRecordError("master field")
    changes = {name: value for name, value in body if value is not None}
    drafts = [
        _draft(field).model_copy(update=changes if field.key == key else {})
        for field in fields.values()
        if field.key == key or not field.is_archived
    ]
    with placed(_in_field):
        form = service.save_master_form(
            connection, trail.organisation_id, drafts=drafts, now=trail.now, saved_by=trail.user_id
        )
    trail.note(connection, "master_field_changed", f"master_field:{key}", changed=sorted(changes))
    return _shown(form.by_key[key])


def _set_archived(connection: Connection, trail: Trail, key: str, is_archived: bool) -> MasterFieldShown:
    form = archive_master_field(
        connection, trail.organisation_id, key, is_archived, saved_by=trail.user_id, now=trail.now
    )
    action = "master_field_archived" if is_archived else "master_field_restored"
    trail.note(connection, action, f"master_field:{key}")
    return _shown(form.by_key[key])


def _show(connection: Connection, organisation_id: UUID) -> MasterFormShown:
    line = _overview(connection, organisation_id)
    return MasterFormShown(
        name=line.name,
        version=line.version,
        field_count=line.field_count,
        created_at=line.created_at,
        edited_at=line.edited_at,
        fields=[_shown(field) for field in queries.snapshot(connection, organisation_id).fields],
    )


def _overview(connection: Connection, organisation_id: UUID) -> queries.Overview:
    line = queries.overview(connection, organisation_id)
    if line is None:
        raise Problem(404, "no-master-form", "There is no master form yet. Create it first.")
    return line


def _shown(field: MasterField) -> MasterFieldShown:
    return MasterFieldShown.model_validate(field)


def _draft(field: MasterField) -> FieldDraft:
    return FieldDraft(
        key=field.key,
        label=field.label,
        type=field.type,
        choices=field.choices,
        is_sensitive=field.is_sensitive,
    )


def _in_field(place: str) -> str:
    """``fields.12.label`` of the whole form is ``label`` in a request about one field."""
    return _PLACE_IN_FORM.sub("", place)
