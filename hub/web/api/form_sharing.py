"""What is copied to share a form: a link or an embed code (Z-115, Z-124, Z-152, Z-153)."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.forms.queries import find_version, get_form
from hub.web.api.failures import failures
from hub.web.api.forms import FormPath
from hub.web.api.routing import Call, RouteGroup
from hub.web.public_forms.sharing import Share, share

FORM_SHARING = RouteGroup("Sharing forms", failures=failures)


class ShareShown(BaseModel):
    """Ways to use a form: its address, a frame, the script alone, which makes the frame, a link
    that opens it in a dialog, and plain HTML."""

    model_config = ConfigDict(from_attributes=True)

    link: str
    iframe: str
    script: str
    popup: str
    html: str


@FORM_SHARING.route(
    "GET",
    "/api/v1/forms/{form_id}/share",
    permission=Permission("forms", "view"),
    path=FormPath,
    answers=ShareShown,
    summary="Link and embed codes of a form",
)
async def share_form(call: Call[FormPath]) -> ShareShown:
    """Only Active forms can be shared: a draft or an inactive one is a 409."""
    shared = await call.services.database.read(
        _share, call.reach.organisation_id, call.path.form_id, call.services.settings.origin
    )
    return ShareShown.model_validate(shared)


def _share(connection: Connection, organisation_id: UUID, form_id: UUID, origin: str) -> Share:
    form = get_form(connection, organisation_id, form_id)
    published = form.published_version and find_version(connection, organisation_id, form_id, form.published_version)
    return share(form, published or None, origin)
