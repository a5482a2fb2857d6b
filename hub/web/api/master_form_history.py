"""The history of the master form, and templates to begin one with (Z-103)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from hub.core.accounts.permissions import Permission
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.queries import read_version
from hub.core.master_form.versions import VersionLine, list_versions
from hub.management.setup import master_form_template
from hub.web.api.configuration_fields import Number
from hub.web.api.failures import failures
from hub.web.api.master_form import MasterFieldShown
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup

MASTER_FORM_HISTORY = RouteGroup("Master form", failures=failures)
_VIEW = Permission("master_form", "view")


class MasterFormVersionShown(BaseModel):
    """The fields as they were in that version."""

    version: int
    fields: list[MasterFieldShown]


class VersionLineShown(BaseModel):
    """A line of the history; ``saved_by`` is empty for what the hub set up itself."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    field_count: int
    saved_by: UUID | None
    saved_at: datetime


class MasterFormVersionPage(BaseModel):
    """Versions, the newest first."""

    items: list[VersionLineShown]
    next_cursor: str | None


class FormTemplate(BaseModel):
    """Fields to begin with."""

    key: Literal["master"]
    name: str
    fields: list[FieldDraft]


class FormTemplates(BaseModel):
    """All templates."""

    items: list[FormTemplate]


class VersionPath(Input):
    """One version of the master form."""

    version: Number


@MASTER_FORM_HISTORY.route(
    "GET",
    "/api/v1/master-form/versions",
    permission=_VIEW,
    query=PageQuery,
    answers=MasterFormVersionPage,
    summary="The history of the master form",
)
async def list_master_form_versions(call: Call[NoInput, PageQuery]) -> MasterFormVersionPage:
    """The newest first."""
    before = call.query.before
    rows = await call.services.database.read(
        list_versions,
        call.reach.organisation_id,
        before=None if before is None else before.id,
        limit=call.query.limit + 1,
    )
    shown, cursor = cut(rows, call.query.limit, _position)
    return MasterFormVersionPage(items=[VersionLineShown.model_validate(row) for row in shown], next_cursor=cursor)


@MASTER_FORM_HISTORY.route(
    "GET",
    "/api/v1/master-form/versions/{version}",
    permission=_VIEW,
    path=VersionPath,
    answers=MasterFormVersionShown,
    summary="The master form as it was",
)
async def show_master_form_version(call: Call[VersionPath]) -> MasterFormVersionShown:
    """Versions never change."""
    form = await call.services.database.read(read_version, call.reach.organisation_id, call.path.version)
    return MasterFormVersionShown(
        version=form.version, fields=[MasterFieldShown.model_validate(field) for field in form.fields]
    )


@MASTER_FORM_HISTORY.route(
    "GET",
    "/api/v1/form-templates",
    permission=Permission("form_templates", "view"),
    answers=FormTemplates,
    summary="Templates to begin with",
)
async def list_form_templates(_call: Call) -> FormTemplates:
    """So far one, for the master form."""
    name, drafts = master_form_template()
    return FormTemplates(items=[FormTemplate(key="master", name=name, fields=drafts)])


def _position(line: VersionLine) -> Position:
    return Position(line.saved_at, line.id)
