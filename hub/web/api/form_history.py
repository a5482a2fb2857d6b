"""Which versions of a form were published, and when."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from hub.core.accounts.permissions import Permission
from hub.core.forms.queries import VersionLine, list_versions
from hub.web.api.failures import failures
from hub.web.api.forms import FormPath
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, RouteGroup

FORM_HISTORY = RouteGroup("Forms", failures=failures)


class FormVersionLine(BaseModel):
    """A published version."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    published_at: datetime


class FormVersionPage(BaseModel):
    """Versions, the newest first."""

    items: list[FormVersionLine]
    next_cursor: str | None


@FORM_HISTORY.route(
    "GET",
    "/api/v1/forms/{form_id}/versions",
    permission=Permission("forms", "view"),
    path=FormPath,
    query=PageQuery,
    answers=FormVersionPage,
    summary="The published versions of a form",
)
async def list_form_versions(call: Call[FormPath, PageQuery]) -> FormVersionPage:
    """The newest first; empty for a form that was never published."""
    before = call.query.before
    rows = await call.services.database.read(
        list_versions,
        call.reach.organisation_id,
        call.path.form_id,
        before=None if before is None else before.id,
        limit=call.query.limit + 1,
    )
    shown, cursor = cut(rows, call.query.limit, _position)
    return FormVersionPage(items=[FormVersionLine.model_validate(row) for row in shown], next_cursor=cursor)


def _position(line: VersionLine) -> Position:
    return Position(line.published_at, line.id)
