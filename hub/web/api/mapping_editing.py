"""What a person needs while editing a mapping: where a question may go, what rules make of answers, versions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.models import Answer, FieldType, Question, Submission
from hub.core.accounts.permissions import Permission, Scope
from hub.core.field_mappings.history import last_answers, list_versions
from hub.core.field_mappings.queries import read_source_form, unmapped_questions
from hub.core.master_form.queries import snapshot
from hub.core.organisations.queries import organisation
from hub.web.api.configuration_fields import Key
from hub.web.api.failures import failures
from hub.web.api.field_mappings import RulesToCheck
from hub.web.api.routing import Call, NoInput, RouteGroup
from hub.web.api.source_forms import SourceFormPath
from mapping.compatibility import is_compatible, why_not
from mapping.engine import MappingContext, apply
from mapping.fields import MasterField
from mapping.rules import FieldMapping
from mapping.suggest import suggest, transform_for
from mapping.transforms import (
    AS_IS,
    ChoiceLookup,
    Date,
    DateTime,
    Email,
    Join,
    Money,
    NamePart,
    Number,
    Phone,
    Split,
    Transform,
    Url,
    YesNo,
)

MAPPING_EDITING = RouteGroup("Field mappings", failures=failures)
_VIEW = Permission("mappings", "view")
_LEADS, _CONTACTS = Permission("leads", "view"), Permission("lead_contacts", "view")

READERS: tuple[Transform, ...] = (
    AS_IS,
    ChoiceLookup(choices={}),
    Join(),
    Split(separator=","),
    Split(separator=",", index=0),
    NamePart(part="given"),
    Email(),
    Phone(),
    Url(),
    Number(),
    Money(),
    Date(),
    DateTime(),
    YesNo(),
)
"""One of each transform that reads one question, the likelier ones first. A fixed value reads none, and a formula says
itself what it reads."""

_EXAMPLE_NAME = "Ada Maria Lovelace"
_EXAMPLES: Mapping[FieldType, str] = {
    FieldType.TEXT: "An answer",
    FieldType.LONG_TEXT: "Please call in the afternoon.",
    FieldType.EMAIL: "ada@customer.example",
    FieldType.PHONE: "+44 20 7946 0958",
    FieldType.NUMBER: "42",
    FieldType.MONEY: "120.50 EUR",
    FieldType.DATE: "2026-07-01",
    FieldType.DATE_TIME: "2026-07-01T09:30:00+02:00",
    FieldType.SINGLE_CHOICE: "A choice",
    FieldType.MULTIPLE_CHOICE: "A choice",
    FieldType.YES_NO: "yes",
    FieldType.CONSENT: "true",
    FieldType.URL: "https://customer.example/",
    FieldType.ADDRESS: "1 High Street, Leeds",
    FieldType.FILE: "plan.pdf",
}

AnswerTexts = Annotated[tuple[Annotated[str, Field(max_length=10_000)], ...], Field(max_length=100)]
Answers = Annotated[dict[Key, AnswerTexts], Field(max_length=1_000)]


class TargetShown(BaseModel):
    """A master field as the target of a question.

    ``transforms`` are the kinds that may read this question into the field, none where the two are incompatible;
    then ``reason`` says why. ``proposed`` is the transform to begin with, empty where a person has to say how.
    """

    field_key: str
    transforms: list[str]
    proposed: Transform | None
    reason: str | None


class QuestionTargets(BaseModel):
    """Every master field in use, as seen from one question."""

    question_key: str
    targets: list[TargetShown]


class Targets(BaseModel):
    """Questions in the order of the form, then those known only by their answers."""

    items: list[QuestionTargets]


class ExampleShown(BaseModel):
    """Answers to try rules on: those of the newest submission, or made up where there is none or it may not be
    seen."""

    origin: Literal["submission", "made_up"]
    lead_id: UUID | None
    submitted_at: datetime | None
    answers: dict[str, list[str]]


class Trial(RulesToCheck):
    """Rules that are not saved, and answers by question key."""

    answers: Answers


class TrialProblem(BaseModel):
    """What a person would be told about a value."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    field: str
    questions: list[str]
    message: str


class Tried(BaseModel):
    """What the rules make of the answers; ``unmapped`` are answers that no rule took."""

    values: dict[str, JsonValue]
    unmapped: list[str]
    problems: list[TrialProblem]


class VersionShown(BaseModel):
    """A saved version; ``saved_by`` is empty where the hub proposed it or carried a renamed question over."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    rule_count: int
    saved_by: UUID | None
    saved_at: datetime


class Versions(BaseModel):
    """Versions, the newest first."""

    items: list[VersionShown]


@MAPPING_EDITING.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping/targets",
    permission=_VIEW,
    path=SourceFormPath,
    answers=Targets,
    summary="Where each question may go, and why not elsewhere",
)
async def show_targets(call: Call[SourceFormPath]) -> Targets:
    """By the table of types (Z-143, Z-144). Any question but a file may also be named in a formula."""
    return await call.services.database.read(_targets, call.reach.organisation_id, call.path.source_form_id)


@MAPPING_EDITING.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping/example",
    permission=_VIEW,
    path=SourceFormPath,
    answers=ExampleShown,
    summary="Answers to try a mapping on",
)
async def show_example(call: Call[SourceFormPath]) -> ExampleShown:
    """Real answers only for those who may see every lead with its contact data."""
    reaches = (call.principal.reach(_LEADS), call.principal.reach(_CONTACTS))
    sees_leads = all(reach is not None and reach.scope is Scope.ORGANISATION for reach in reaches)
    return await call.services.database.read(_example, call.reach.organisation_id, call.path.source_form_id, sees_leads)


@MAPPING_EDITING.route(
    "POST",
    "/api/v1/source-forms/{source_form_id}/mapping/trial",
    permission=_VIEW,
    path=SourceFormPath,
    body=Trial,
    answers=Tried,
    summary="Try rules on answers without saving anything",
)
async def try_mapping(call: Call[SourceFormPath, NoInput, Trial]) -> Tried:
    """The same engine that maps leads."""
    return await call.services.database.read(
        _try, call.reach.organisation_id, call.path.source_form_id, call.body, call.now
    )


@MAPPING_EDITING.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping/versions",
    permission=_VIEW,
    path=SourceFormPath,
    answers=Versions,
    summary="Every mapping that was saved",
)
async def list_mapping_versions(call: Call[SourceFormPath]) -> Versions:
    """With who saved it and when."""
    return await call.services.database.read(_versions, call.reach.organisation_id, call.path.source_form_id)


def _targets(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> Targets:
    fields = snapshot(connection, organisation_id).by_key
    living = [field for field in fields.values() if not field.is_archived]
    questions = _questions(connection, organisation_id, source_form_id, fields)
    return Targets(
        items=[
            QuestionTargets(question_key=each.key, targets=[_target(each, field) for field in living])
            for each in questions
        ]
    )


def _questions(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, fields: Mapping[str, MasterField]
) -> list[Question]:
    form = read_source_form(connection, organisation_id, source_form_id)
    unlisted = [each for each in unmapped_questions(connection, organisation_id, form, fields) if not each.is_listed]
    return [*form.questions, *(each.question for each in unlisted)]


def _target(question: Question, field: MasterField) -> TargetShown:
    kinds = dict.fromkeys(each.kind for each in READERS if is_compatible(question.kind, field.type, each))
    return TargetShown(
        field_key=field.key,
        transforms=list(kinds),
        proposed=transform_for(question, field) if kinds else None,
        reason=None if kinds else why_not(question.kind, field.type),
    )


def _example(connection: Connection, organisation_id: UUID, source_form_id: UUID, sees_leads: bool) -> ExampleShown:
    fields = snapshot(connection, organisation_id).by_key
    questions = _questions(connection, organisation_id, source_form_id, fields)
    found = last_answers(connection, organisation_id, source_form_id) if sees_leads else None
    if found is not None:
        answers = {key: list(values) for key, values in found.answers.items()}
        return ExampleShown(
            origin="submission", lead_id=found.lead_id, submitted_at=found.submitted_at, answers=answers
        )
    likely = {each.question_key: fields[each.field_key] for each in suggest(questions, fields)}
    made_up = {each.key: [_made_up(each, likely.get(each.key))] for each in questions}
    return ExampleShown(origin="made_up", lead_id=None, submitted_at=None, answers=made_up)


def _made_up(question: Question, likely: MasterField | None) -> str:
    """Many sources ask for everything as text; then the field that it probably belongs to says more."""
    if question.choices:
        return question.choices[0].value
    if question.kind is FieldType.TEXT and likely is not None:
        return _EXAMPLE_NAME if likely.key.endswith("name") else _EXAMPLES[likely.type]
    return _EXAMPLES[question.kind]


def _try(connection: Connection, organisation_id: UUID, source_form_id: UUID, body: Trial, now: datetime) -> Tried:
    form = read_source_form(connection, organisation_id, source_form_id)
    home = organisation(connection, organisation_id)
    submission = Submission(
        source_id=None, form_id=form.form_id, submitted_at=now, answers=_answers(body.answers, form.questions)
    )
    rules = FieldMapping(version=0, rules=tuple(body.rules))
    fields = snapshot(connection, organisation_id).by_key
    mapped = apply(submission, rules, fields, MappingContext(home.country, home.language))
    return Tried(
        values=mapped.values,
        unmapped=list(mapped.unmapped),
        problems=[TrialProblem.model_validate(each) for each in mapped.problems],
    )


def _answers(given: Mapping[str, Sequence[str]], questions: Sequence[Question]) -> tuple[Answer, ...]:
    labels = {question.key: question.label for question in questions}
    return tuple(Answer(key=key, label=labels.get(key, key), values=tuple(values)) for key, values in given.items())


def _versions(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> Versions:
    read_source_form(connection, organisation_id, source_form_id)
    found = list_versions(connection, organisation_id, source_form_id)
    return Versions(items=[VersionShown.model_validate(each) for each in found])
