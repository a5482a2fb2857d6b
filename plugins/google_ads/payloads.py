"""Google's two wire formats of a lead: the webhook's body, and a row of the API (protocol page sections 2.1 and 4.3).

Unknown fields are ignored here; the raw body keeps them. In JSON of the API an empty text or list is left out.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from hub.connector.errors import BadPayloadError, RetryableError
from hub.connector.models import Identifier
from hub.connector.text import storable as storable_text

LONGEST_KEY = 200


def shortened(key: str) -> str:
    """A key within the length of an identifier: an overlong one keeps its start and a digest of the whole."""
    key = storable_text(key)
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - 33]}~{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _as_lead_id(value: Any) -> Any:
    """Opaque, and possibly longer than an identifier; the same text always gives the same id."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a lead id is text")
    return shortened(str(value))


def _as_id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is a whole number")
    return storable_text(str(value).strip())


def _as_optional_id(value: Any) -> Any:
    """0 and absence stand for "unknown" (section 2.1)."""
    return None if value in (None, "", 0, "0") and value is not False else _as_id(value)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return storable_text(str(value)) if isinstance(value, str | int | float) else value


def _as_answer(value: Any) -> Any:
    return "" if value is None else _as_text(value)


def _as_yes(value: Any) -> Any:
    return value is True or str(value).strip().lower() == "true"


def _as_list(value: Any) -> Any:
    return [] if value is None else value


def _as_moment(value: Any) -> Any:
    """``2026-01-01T00:00:00Z`` in deliveries, ``2026-01-01 01:00:00+01:00`` in the API."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(UTC)
    except (TypeError, OverflowError) as error:
        raise ValueError("not a time") from error


def _as_optional_moment(value: Any) -> Any:
    return None if value in (None, "") else _as_moment(value)


def _last_of(value: Any) -> Any:
    """The last part of a resource name: ``customers/1/campaigns/22`` is 22, an ad ``customers/1/adGroupAds/3~44``
    is 44."""
    if value in (None, ""):
        return None
    return _as_id(value).rpartition("/")[2].rpartition("~")[2] or None


LeadId = Annotated[Identifier, BeforeValidator(_as_lead_id)]
Id = Annotated[Identifier, BeforeValidator(_as_id)]
OptionalId = Annotated[Identifier | None, BeforeValidator(_as_optional_id)]
OptionalText = Annotated[str | None, BeforeValidator(_as_text)]
Text = Annotated[str, BeforeValidator(_as_answer)]
Yes = Annotated[bool, BeforeValidator(_as_yes)]
ReferredId = Annotated[Identifier | None, BeforeValidator(_last_of)]
Moment = Annotated[datetime, BeforeValidator(_as_moment)]
OptionalMoment = Annotated[datetime | None, BeforeValidator(_as_optional_moment)]


class Wire(BaseModel):
    """Base of the models of this page."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Column(Wire):
    """One answer in a delivery. One of ``column_id`` and ``column_name`` may be missing or empty."""

    column_id: OptionalText = None
    column_name: OptionalText = None
    string_value: Text = ""


class DeliveredForm(Wire):
    """Which form a delivery speaks of."""

    form_id: OptionalId = None


class DeliveredId(Wire):
    """What a delivered lead is stored under, however odd the rest of it may be."""

    lead_id: LeadId


class DeliveredLead(DeliveredId, DeliveredForm):
    """A lead as the webhook delivers it, without the key."""

    user_column_data: list[Column]
    campaign_id: OptionalId = None
    adgroup_id: OptionalId = None
    creative_id: OptionalId = None
    asset_group_id: OptionalId = None
    gcl_id: OptionalText = None
    is_test: Yes = False
    lead_submit_time: OptionalMoment = None


class ListedAnswer(Wire):
    """One answer to a standard question."""

    question: Annotated[str, BeforeValidator(_as_text), Field(alias="fieldType", min_length=1)] = "UNSPECIFIED"
    value: Annotated[Text, Field(alias="fieldValue")] = ""


class ListedOwnAnswer(Wire):
    """One answer to a question of the form's own."""

    question: Annotated[str, BeforeValidator(_as_text), Field(alias="questionText", min_length=1)]
    value: Annotated[Text, Field(alias="fieldValue")] = ""


class ListedId(Wire):
    """What a listed lead is stored under."""

    id: LeadId


class ListedTime(Wire):
    """What the mark of a pull is made from."""

    submitted_at: Annotated[Moment, Field(alias="submissionDateTime")]


class ListedLead(ListedId, ListedTime):
    """``leadFormSubmissionData`` of a row. Other objects are named by resource names."""

    form_id: Annotated[ReferredId, Field(alias="asset")] = None
    campaign_id: Annotated[ReferredId, Field(alias="campaign")] = None
    ad_group_id: Annotated[ReferredId, Field(alias="adGroup")] = None
    creative_id: Annotated[ReferredId, Field(alias="adGroupAd")] = None
    gclid: OptionalText = None
    answers: Annotated[list[ListedAnswer], BeforeValidator(_as_list), Field(alias="leadFormSubmissionFields")] = []
    own_answers: Annotated[
        list[ListedOwnAnswer], BeforeValidator(_as_list), Field(alias="customLeadFormSubmissionFields")
    ] = []


class Named(Wire):
    """An object of which only the name matters."""

    name: OptionalText = None


class LeadRow(Wire):
    """A row of the list of submissions."""

    lead: Annotated[ListedLead, Field(alias="leadFormSubmissionData")]
    campaign: Named | None = None
    ad_group: Annotated[Named | None, Field(alias="adGroup")] = None


class Choices(Wire):
    """The answers to choose from."""

    answers: Annotated[list[Text], BeforeValidator(_as_list)] = []


class FormField(Wire):
    """A standard question of a form."""

    input_type: Annotated[OptionalText, Field(alias="inputType")] = None
    choices: Annotated[Choices | None, Field(alias="singleChoiceAnswers")] = None


class FormOwnField(Wire):
    """A question of the form's own: its text is all it has."""

    text: Annotated[OptionalText, Field(alias="customQuestionText")] = None
    choices: Annotated[Choices | None, Field(alias="singleChoiceAnswers")] = None


class FormContent(Wire):
    """``leadFormAsset``."""

    headline: OptionalText = None
    fields: Annotated[list[FormField], BeforeValidator(_as_list)] = []
    own_fields: Annotated[list[FormOwnField], BeforeValidator(_as_list), Field(alias="customQuestionFields")] = []


class FormAsset(Wire):
    """A lead form of an account."""

    id: Id
    name: OptionalText = None
    content: Annotated[FormContent, Field(alias="leadFormAsset")] = FormContent()


class FormRow(Wire):
    """A row of the list of forms."""

    asset: FormAsset


class Client(Wire):
    """An account at or below the one that was asked."""

    id: Id
    name: Annotated[OptionalText, Field(alias="descriptiveName")] = None
    is_manager: Annotated[Yes, Field(alias="manager")] = False
    status: OptionalText = None


class ClientRow(Wire):
    """A row of the list of accounts."""

    client: Annotated[Client, Field(alias="customerClient")]


class Action(Wire):
    """A conversion action."""

    id: Id
    name: OptionalText = None


class ActionRow(Wire):
    """A row of the list of conversion actions."""

    action: Annotated[Action, Field(alias="conversionAction")]


class Person(Wire):
    """Who signed in (OpenID Connect Core section 5.3)."""

    sub: Id
    email: OptionalText = None
    name: OptionalText = None


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
            "This message of Google has an unexpected shape.", path=_path(first["loc"]), detail=first["type"]
        ) from None


def read_or_none(model: type[WireT], value: Any) -> WireT | None:
    """As ``read``; None for what cannot be read, which is kept all the same and found faulty when worked off."""
    try:
        return read(model, value)
    except BadPayloadError:
        return None


def parsed(model: type[WireT], value: JsonValue) -> WireT:
    """Part of an API answer as a wire model. An unreadable answer is passing trouble, not a bad submission."""
    try:
        return read(model, value)
    except BadPayloadError as error:
        where = f"{model.__name__} at {error.path}: {error.detail}"
        raise RetryableError("Google's answer could not be read.", detail=where, code="garbage") from None


def storable(value: Any) -> JsonValue:
    """JSON that any store takes, without halves of surrogate pairs."""
    result: JsonValue = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return result


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
