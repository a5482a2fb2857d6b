"""The hosted page of a form while it is being built: drawn and tried, with nothing stored (Z-114)."""

from typing import Annotated

from pydantic import BaseModel, Field

from hub.core.accounts.permissions import Permission
from hub.core.forms.checking import faults
from hub.core.forms.definition import FormDefinition
from hub.web.api.failures import failures
from hub.web.api.forms import FaultShown, FormBody, read_definition
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.public_forms.page import render_message, render_preview
from hub.web.public_forms.phrases import phrases

FORM_PREVIEWS = RouteGroup("Forms", failures=failures)


class PreviewWish(Input):
    """A form as it stands in the builder; with ``values``, by key, it is drawn as if a visitor had sent them."""

    definition: FormBody
    values: Annotated[dict[str, list[str]] | None, Field(max_length=300)] = None


class PagePreview(BaseModel):
    """The page, without script. ``is_accepted`` is empty where no values were tried."""

    html: str
    is_accepted: bool | None
    faults: list[FaultShown]


@FORM_PREVIEWS.route(
    "POST",
    "/api/v1/form-previews",
    permission=Permission("forms", "view"),
    body=PreviewWish,
    answers=PagePreview,
    summary="Draw a form as visitors would see it",
)
async def preview_page(call: Call[NoInput, NoInput, PreviewWish]) -> PagePreview:
    """Nothing is saved, sent or counted."""
    definition, values = read_definition(call.body.definition.root), call.body.values
    found = {} if values is None else faults(definition, values)
    is_sent = values is not None and not found
    return PagePreview(
        html=_thanks(definition) if is_sent else render_preview(definition, values or {}, found),
        is_accepted=None if values is None else not found,
        faults=[FaultShown(key=key, fault=fault) for key, fault in found.items()],
    )


def _thanks(definition: FormDefinition) -> str:
    words = phrases(definition.language)
    text = definition.redirect_url or definition.thank_you_text or words["thank_you_text"]
    return render_message(definition.language, words["thank_you"], text)
