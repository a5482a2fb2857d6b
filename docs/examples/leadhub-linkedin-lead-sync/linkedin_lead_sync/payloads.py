"""What LinkedIn sends and answers (Lead Sync schema). Fields that are not named here are ignored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from hub.connector.errors import BadPayloadError, RetryableError
from hub.connector.models import Identifier
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, JsonValue, ValidationError

PayloadT = TypeVar("PayloadT", bound=BaseModel)
LATEST = 4_102_444_800_000
LONGEST_KEY = 200
"""Characters of an ``Identifier``."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[Identifier, BeforeValidator(_as_text)]
"""A number in forms, a text in responses."""
Milliseconds = Annotated[int, Field(ge=0, le=LATEST, strict=True)]


class Localised(BaseModel):
    """A text by locale (``en_US``)."""

    localized: Mapping[str, str] = {}

    def text(self) -> str:
        """The text, in the one language of the form."""
        return next(iter(self.localized.values()), "")


class Option(BaseModel):
    """One option of a multiple choice."""

    id: int
    text: Localised = Localised()


class ChoiceDetails(BaseModel):
    """What can be chosen."""

    options: list[Option] = []


class QuestionDetails(BaseModel):
    """One of its fields is set; only choices say something that matters here."""

    multiple_choice: ChoiceDetails | None = Field(None, alias="multipleChoiceQuestionDetails")


class FormQuestion(BaseModel):
    """A question. ``predefinedField`` is set where LinkedIn fills the answer in from the profile."""

    question_id: Id = Field(alias="questionId")
    name: str = ""
    question: Localised = Localised()
    predefined_field: str | None = Field(None, alias="predefinedField")
    is_required: bool = Field(False, alias="responseRequired")
    details: QuestionDetails = Field(QuestionDetails(), alias="questionDetails")


class ConsentBox(BaseModel):
    """A consent that the form asks for."""

    id: Id = Field(validation_alias=AliasChoices("consentId", "id"))
    consent: Localised = Localised()


class LegalInfo(BaseModel):
    """The small print."""

    consents: list[ConsentBox] = []


class Content(BaseModel):
    """What a person sees."""

    questions: list[FormQuestion] = []
    legal: LegalInfo = Field(LegalInfo(), alias="legalInfo")


class HiddenField(BaseModel):
    """A tracking value that the owner put into the form."""

    name: str = Field(min_length=1)
    value: str = ""

    @property
    def key(self) -> str:
        """The name, as far as a key may be long."""
        return self.name[:LONGEST_KEY]


class Locale(BaseModel):
    """Language and country."""

    language: str = ""
    country: str = ""


class LeadForm(BaseModel):
    """A form, or what a response says of its form."""

    id: Id
    name: str = ""
    state: str = ""
    locale: Locale | None = Field(None, alias="creationLocale")
    content: Content = Content()
    hidden: list[HiddenField] = Field([], alias="hiddenFields")


class TextAnswer(BaseModel):
    """What a person typed."""

    answer: str = ""


class ChoiceAnswer(BaseModel):
    """The ids of the options that a person chose."""

    options: list[int] = []


class AnswerDetails(BaseModel):
    """One of them is set."""

    text: TextAnswer | None = Field(None, alias="textQuestionAnswer")
    choice: ChoiceAnswer | None = Field(
        None, validation_alias=AliasChoices("multipleChoiceAnswer", "multipleChoiceQuestionAnswer")
    )


class FormAnswer(BaseModel):
    """The answer to one question."""

    question_id: Id = Field(alias="questionId")
    details: AnswerDetails = Field(AnswerDetails(), alias="answerDetails")


class ConsentAnswer(BaseModel):
    """Whether a consent was given."""

    consent_id: Id = Field(alias="consentId")
    accepted: bool = False


class FormResponse(BaseModel):
    """What a person answered."""

    answers: list[FormAnswer]
    consents: list[ConsentAnswer] = Field([], alias="consentResponses")


class LeadResponse(BaseModel):
    """One lead (``leadFormResponses``)."""

    id: Id
    submitted_at: Milliseconds = Field(alias="submittedAt")
    form_urn: str = Field(alias="versionedLeadGenFormUrn")
    is_test: bool = Field(False, alias="testLead")
    response: FormResponse = Field(alias="formResponse")
    form: LeadForm | None = None
    metadata: "LeadMetadata | None" = Field(None, alias="leadMetadata")
    entity: "AssociatedEntity | None" = Field(None, alias="associatedEntity")


class SponsoredMetadata(BaseModel):
    """Which campaign the ad was of."""

    campaign: str | None = None


class LeadMetadata(BaseModel):
    """Where a lead came from."""

    sponsored: SponsoredMetadata = Field(SponsoredMetadata(), alias="sponsoredLeadMetadata")


class AssociatedEntity(BaseModel):
    """What the form was attached to."""

    creative: str | None = Field(None, alias="associatedCreative")


class AdAccountUser(BaseModel):
    """The role of the member on one ad account."""

    account: str
    user: str
    role: str = ""


class AdAccount(BaseModel):
    """An ad account."""

    id: Id
    name: str = ""


class Owner(BaseModel):
    """Whose a form, a lead or a subscription is."""

    account: str | None = Field(None, alias="sponsoredAccount")


class Subscription(BaseModel):
    """A registered webhook."""

    id: Id
    webhook: str = ""
    lead_type: str = Field("", alias="leadType")


class LeadAction(BaseModel):
    """One delivery: something happened to a lead."""

    lead_urn: str = Field(alias="leadGenFormResponse")
    form_urn: str = Field(alias="leadGenForm")
    owner: Owner
    lead_type: str = Field(alias="leadType")
    action: str = Field(alias="leadAction")


class Paging(BaseModel):
    """Where a page stands in its list."""

    start: int = 0
    count: int = 0
    total: int | None = None


class Listing(BaseModel):
    """One page of any list; each element is read on its own."""

    elements: list[JsonValue]
    paging: Paging = Paging()


def read(model: type[PayloadT], body: JsonValue) -> PayloadT:
    """A submission's body. Raises ``BadPayloadError`` with the path of the first place that does not fit."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        path = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise BadPayloadError("The lead does not have the form that LinkedIn documents.", path=path) from None


def answered(model: type[PayloadT], body: JsonValue) -> PayloadT:
    """An answer of the API, which may be better next time. Raises ``RetryableError``."""
    try:
        return read(model, body)
    except BadPayloadError as error:
        raise RetryableError("LinkedIn's answer could not be read.", detail=error.path, code="garbage") from None


def moment(milliseconds: int) -> datetime:
    """LinkedIn's time of day."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
