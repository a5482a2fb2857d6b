"""What is copied to share a form: a link or an embed code (Z-115, Z-124, Z-152, Z-153)."""

from pydantic import BaseModel, ConfigDict

from hub.core.accounts.permissions import Permission
from hub.core.forms.queries import get_form
from hub.web.api.failures import failures
from hub.web.api.forms import FormPath
from hub.web.api.routing import Call, RouteGroup
from hub.web.public_forms.sharing import share

FORM_SHARING = RouteGroup("Sharing forms", failures=failures)


class ShareShown(BaseModel):
    """Three ways to use a form: its address, a frame, and the script alone for a form of one's own making."""

    model_config = ConfigDict(from_attributes=True)

    link: str
    iframe: str
    script: str


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
    form = await call.services.database.read(get_form, call.reach.organisation_id, call.path.form_id)
    return ShareShown.model_validate(share(form, call.services.settings.origin))
