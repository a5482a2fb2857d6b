"""Meta's wire format, as lenient as its history asks for: ids come as numbers or text, and fields come and go.

Source: protocol page sections 2.3, 3.3, 4.1 and 4.2. Unknown fields are ignored here; the raw body keeps them.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, SecretStr, ValidationError

from hub.connector.errors import BadPayloadError
from hub.connector.models import Identifier
from hub.connector.text import storable as storable_text

LONGEST_KEY = 200


def _as_id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is text or a whole number")
    return storable_text(str(value).strip())


def _as_optional_id(value: Any) -> Any:
    """Ad ids of organic and test leads are absent, empty or 0 (section 3.3)."""
    return None if value in (None, "", 0, "0") and value is not False else _as_id(value)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return storable_text(str(value)) if isinstance(value, str | int | float) else value


def _as_texts(value: Any) -> Any:
    """``values`` is a list; one text alone is taken as a list of one, and null stands for no answer."""
    found = value if isinstance(value, list) else [value]
    return [_as_text(each) for each in found if each is not None]


def _as_yes(value: Any) -> Any:
    """Section 4.2: true, 1, "1" and "true" are yes; anything else is no."""
    return value is True or str(value).strip().lower() in ("1", "true")


def _as_optional_yes(value: Any) -> Any:
    return None if value is None else _as_yes(value)


def _as_list(value: Any) -> Any:
    return [] if value is None else value


def _as_moment(value: Any) -> Any:
    """Unix seconds in notifications, ``2026-01-01T00:00:00+0000`` in leads."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(UTC)
    except (TypeError, OverflowError, OSError) as error:
        raise ValueError("not a time") from error


Id = Annotated[Identifier, BeforeValidator(_as_id)]
OptionalId = Annotated[Identifier | None, BeforeValidator(_as_optional_id)]
OptionalText = Annotated[str | None, BeforeValidator(_as_text)]
Yes = Annotated[bool, BeforeValidator(_as_yes)]
MetaMoment = Annotated[datetime, BeforeValidator(_as_moment)]


class Wire(BaseModel):
    """Base of the models of this page."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LeadgenValue(Wire):
    """The ``value`` of a ``leadgen`` change."""

    leadgen_id: Id
    page_id: OptionalId = None
    form_id: OptionalId = None


class FieldAnswer(Wire):
    """One member of ``field_data``. ``name`` is the question's key."""

    name: Annotated[str, BeforeValidator(_as_text)]
    values: Annotated[list[str], BeforeValidator(_as_texts)] = []


class DisclaimerAnswer(Wire):
    """One consent box as the person left it."""

    checkbox_key: Id
    is_checked: Yes = False


class Checkbox(Wire):
    """One consent box as the form shows it."""

    key: Id
    text: OptionalText = None
    is_required: Yes = False
    is_checked_by_default: Yes = False


class CustomDisclaimer(Wire):
    """The form's own disclaimer."""

    checkboxes: Annotated[list[Checkbox], BeforeValidator(_as_list)] = []


class LegalContent(Wire):
    """``legal_content`` of a form."""

    custom_disclaimer: CustomDisclaimer | None = None

    @property
    def checkboxes(self) -> dict[str, Checkbox]:
        """The consent boxes by key."""
        return {box.key: box for box in self.custom_disclaimer.checkboxes} if self.custom_disclaimer else {}


class LeadId(Wire):
    """What a lead is stored under, however odd the rest of it may be."""

    id: Id


class LeadTime(Wire):
    """What the mark of a pull is made from."""

    created_time: MetaMoment


class Lead(Wire):
    """A lead as the API returns it. ``legal_content`` is its form's, put beside it when the lead was read."""

    id: Id
    created_time: MetaMoment
    field_data: list[FieldAnswer]
    form_id: OptionalId = None
    ad_id: OptionalId = None
    ad_name: OptionalText = None
    adset_id: OptionalId = None
    adset_name: OptionalText = None
    campaign_id: OptionalId = None
    campaign_name: OptionalText = None
    platform: OptionalText = None
    is_organic: Annotated[bool | None, BeforeValidator(_as_optional_yes)] = None
    custom_disclaimer_responses: Annotated[list[DisclaimerAnswer], BeforeValidator(_as_list)] = []
    legal_content: LegalContent | None = None


class Option(Wire):
    """One option of a choice question."""

    key: OptionalText = None
    value: OptionalText = None


class DependentQuestion(Wire):
    """A further field that a conditional question opens; it arrives under its own key."""

    field_key: OptionalText = None
    name: OptionalText = None


class FormQuestion(Wire):
    """One question of a form. ``type`` is an open list."""

    key: OptionalText = None
    label: OptionalText = None
    type: OptionalText = None
    options: Annotated[list[Option], BeforeValidator(_as_list)] = []
    dependent_conditional_questions: Annotated[list[DependentQuestion], BeforeValidator(_as_list)] = []


class TrackingParameter(Wire):
    """A fixed value set on the form, delivered among the answers."""

    key: OptionalText = None


class Form(Wire):
    """A form of a Page."""

    id: Id
    name: OptionalText = None
    status: OptionalText = None
    locale: OptionalText = None
    questions: Annotated[list[FormQuestion], BeforeValidator(_as_list)] = []
    tracking_parameters: Annotated[list[TrackingParameter], BeforeValidator(_as_list)] = []
    legal_content: LegalContent | None = None


class PageNode(Wire):
    """A Page of ``/me/accounts``, with its token and what the person may do there."""

    id: Id
    name: OptionalText = None
    access_token: SecretStr | None = None
    tasks: Annotated[list[str], BeforeValidator(_as_list)] = []


class GranularScope(Wire):
    """A permission that was granted for some objects only; no ``target_ids`` means for all."""

    scope: str
    target_ids: Annotated[list[Id], BeforeValidator(_as_list)] = []


class TokenProblem(Wire):
    """Why a token is not valid."""

    code: int | None = None
    subcode: int | None = None


class TokenFacts(Wire):
    """``data`` of ``debug_token``. Times are Unix seconds; 0 says that there is no date."""

    is_valid: Yes = False
    expires_at: int | None = None
    data_access_expires_at: int | None = None
    scopes: Annotated[list[str], BeforeValidator(_as_list)] = []
    granular_scopes: Annotated[list[GranularScope], BeforeValidator(_as_list)] = []
    error: TokenProblem | None = None


class LeadAccess(Wire):
    """``has_lead_access`` of a Page: what the Leads Access Manager says of this person and this app."""

    app_has_leads_permission: Yes = True
    user_has_leads_permission: Yes = True
    can_access_lead: Yes = True
    failure_reason: OptionalText = None
    failure_resolution: OptionalText = None

    @property
    def is_given(self) -> bool:
        """Whether leads may be read."""
        return self.app_has_leads_permission and self.user_has_leads_permission and self.can_access_lead


WireT = TypeVar("WireT", bound=Wire)


def read(model: type[WireT], value: Any) -> WireT:
    """The value as a wire model, or ``BadPayloadError`` with the path of the first fault.

    The original exception is not chained: it holds the values, which may be personal.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise BadPayloadError(
            "This message of Meta has an unexpected shape.", path=_path(first["loc"]), detail=first["type"]
        ) from None


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def storable(value: Any) -> JsonValue:
    """JSON that any store takes, without halves of surrogate pairs."""
    result: JsonValue = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return result


def question_key(key: str) -> str:
    """A question's key within the length of an identifier; an overlong one keeps its start and a digest."""
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - 17]}~{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:16]}"
