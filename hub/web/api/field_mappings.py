"""Field mappings of source forms (Z-138 to Z-145, Z-180 to Z-184, D-002)."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.field_mappings import service
from hub.core.field_mappings.queries import in_force, mapping_version, read_source_form
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.queries import snapshot
from hub.core.organisations.errors import RefusedChangeError
from hub.web.api.configuration_fields import Key, Number
from hub.web.api.failures import failures, placed, pointer_in_rules, unknown_in_body
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.source_forms import SourceFormPath
from hub.web.api.trail import Trail
from hub.web.problems import Problem
from mapping.rules import FieldMapping, FieldRule, MappingProblem, check
from mapping.suggest import propose, suggest

MAPPINGS = RouteGroup("Field mappings", failures=failures)
_VIEW, _EDIT = Permission("mappings", "view"), Permission("mappings", "edit")
_EDIT_MASTER_FORM = Permission("master_form", "edit")
_UNKNOWN_IN_ADOPTION = {"unmapped question": "question_key", "master field": "field_key"}

Rules = Annotated[tuple[FieldRule, ...], Field(max_length=1_000)]


class MappingShown(BaseModel):
    """The rules of a source form; version 0 without rules where none were made."""

    version: int
    rules: list[FieldRule]


class MappingProblemShown(BaseModel):
    """Something wrong with a mapping: an error forbids saving it, a warning does not."""

    pointer: str
    severity: Literal["error", "warning"]
    code: str
    field: str
    question: str | None
    detail: str


class CheckedMapping(BaseModel):
    """What saving these rules would say."""

    can_be_saved: bool
    problems: list[MappingProblemShown]


class SavedMappingShown(MappingShown):
    """The mapping now in force, and the warnings it was saved in spite of."""

    warnings: list[MappingProblemShown]


class SuggestionShown(BaseModel):
    """A question and the master field that it probably belongs to; ``confidence`` is from 0 to 1."""

    model_config = ConfigDict(from_attributes=True)

    question_key: str
    field_key: str
    confidence: float
    reason: str


class Suggestions(BaseModel):
    """One guess per question, and the rules that the surer ones make."""

    items: list[SuggestionShown]
    rules: list[FieldRule]


class RulesToCheck(Input):
    """Rules that are not saved yet."""

    rules: Rules


class RulesToSave(RulesToCheck):
    """``based_on`` is the version that was shown when editing began: if another is in force by now, it is a 409."""

    based_on: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None


class Adoption(Input):
    """A question that no rule takes, and the master field to map it to: one that exists, or a new one."""

    question_key: Key
    field_key: Key | None = None
    new_field: FieldDraft | None = None

    @model_validator(mode="after")
    def _names_one_field(self) -> Self:
        if (self.field_key is None) == (self.new_field is None):
            raise ValueError("give either field_key or new_field")
        return self


class MappingVersionPath(SourceFormPath):
    """One version of a mapping."""

    version: Number


@MAPPINGS.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping",
    permission=_VIEW,
    path=SourceFormPath,
    answers=MappingShown,
    summary="The mapping in force",
)
async def show_mapping(call: Call[SourceFormPath]) -> MappingShown:
    """Which questions fill which master fields, and how."""
    found = await call.services.database.read(_in_force, call.reach.organisation_id, call.path.source_form_id)
    return _shown(found)


@MAPPINGS.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping/versions/{version}",
    permission=_VIEW,
    path=MappingVersionPath,
    answers=MappingShown,
    summary="A mapping as it was",
)
async def show_mapping_version(call: Call[MappingVersionPath]) -> MappingShown:
    """Every lead names the version that it was mapped by."""
    path = call.path
    found = await call.services.database.read(
        mapping_version, call.reach.organisation_id, path.source_form_id, path.version
    )
    return _shown(found)


@MAPPINGS.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}/mapping/suggestions",
    permission=_VIEW,
    path=SourceFormPath,
    answers=Suggestions,
    summary="A proposed mapping",
)
async def suggest_mapping(call: Call[SourceFormPath]) -> Suggestions:
    """Changes nothing."""
    return await call.services.database.read(_suggest, call.reach.organisation_id, call.path.source_form_id)


@MAPPINGS.route(
    "POST",
    "/api/v1/source-forms/{source_form_id}/mapping/check",
    permission=_VIEW,
    path=SourceFormPath,
    body=RulesToCheck,
    answers=CheckedMapping,
    summary="Check a mapping without saving it",
)
async def check_mapping(call: Call[SourceFormPath, NoInput, RulesToCheck]) -> CheckedMapping:
    """Everything that is wrong, warnings too."""
    found = await call.services.database.read(
        _check, call.reach.organisation_id, call.path.source_form_id, call.body.rules
    )
    can_be_saved = all(problem.severity != "error" for problem in found)
    return CheckedMapping(can_be_saved=can_be_saved, problems=[_problem(problem) for problem in found])


@MAPPINGS.route(
    "PUT",
    "/api/v1/source-forms/{source_form_id}/mapping",
    permission=_EDIT,
    path=SourceFormPath,
    body=RulesToSave,
    answers=SavedMappingShown,
    summary="Put a mapping in force",
)
async def save_mapping(call: Call[SourceFormPath, NoInput, RulesToSave]) -> SavedMappingShown:
    """A new version; what was mapped before stays as it was mapped."""
    return await call.services.database.write(_save, Trail.of(call), call.path.source_form_id, call.body)


@MAPPINGS.route(
    "POST",
    "/api/v1/source-forms/{source_form_id}/adoptions",
    permission=_EDIT,
    path=SourceFormPath,
    body=Adoption,
    answers=SavedMappingShown,
    summary="Map one question that nobody has mapped",
)
async def adopt_question(call: Call[SourceFormPath, NoInput, Adoption]) -> SavedMappingShown:
    """A new master field needs the permission to edit the master form as well."""
    if call.body.new_field is not None and call.principal.reach(_EDIT_MASTER_FORM) is None:
        raise Problem(
            403,
            "forbidden",
            f"A new master field needs the permission {_EDIT_MASTER_FORM}. Choose a field that exists, or ask an "
            "administrator to add one.",
        )
    return await call.services.database.write(_adopt, Trail.of(call), call.path.source_form_id, call.body)


def _in_force(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> FieldMapping:
    read_source_form(connection, organisation_id, source_form_id)
    return in_force(connection, organisation_id, source_form_id)


def _suggest(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> Suggestions:
    questions = read_source_form(connection, organisation_id, source_form_id).questions
    fields = snapshot(connection, organisation_id).by_key
    items = [SuggestionShown.model_validate(each) for each in suggest(questions, fields)]
    return Suggestions(items=items, rules=list(propose(questions, fields).rules))


def _check(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, rules: Sequence[FieldRule]
) -> list[MappingProblem]:
    form = read_source_form(connection, organisation_id, source_form_id)
    proposed = FieldMapping(version=0, rules=tuple(rules))
    return check(proposed, form.questions, snapshot(connection, organisation_id).by_key)


def _save(connection: Connection, trail: Trail, source_form_id: UUID, body: RulesToSave) -> SavedMappingShown:
    saved = service.save_mapping(
        connection,
        trail.organisation_id,
        source_form_id,
        body.rules,
        saved_by=trail.user_id,
        now=trail.now,
        based_on=body.based_on,
    )
    trail.note(connection, "mapping_saved", f"source_form:{source_form_id}", version=saved.mapping.version)
    return _saved(saved)


def _adopt(connection: Connection, trail: Trail, source_form_id: UUID, body: Adoption) -> SavedMappingShown:
    read_source_form(connection, trail.organisation_id, source_form_id)
    target = body.new_field or body.field_key or ""
    try:
        with unknown_in_body(_UNKNOWN_IN_ADOPTION.__getitem__), placed(_in_adoption):
            saved = service.adopt(
                connection,
                trail.organisation_id,
                source_form_id,
                body.question_key,
                target,
                saved_by=trail.user_id,
                now=trail.now,
            )
    except service.MappingRefusedError as refused:
        raise RefusedChangeError(refused.message, field=refused.field) from refused
    subject = f"source_form:{source_form_id}"
    trail.note(
        connection, "question_adopted", subject, version=saved.mapping.version, new_field=body.new_field is not None
    )
    return _saved(saved)


def _in_adoption(place: str) -> str:
    """The core speaks of the whole master form or of the rules; here it is one of two fields."""
    if place.startswith("fields.") or place == "key":
        return f"new_field.{place.rpartition('.')[2]}"
    return "field_key"


def _shown(mapping: FieldMapping) -> MappingShown:
    return MappingShown(version=mapping.version, rules=list(mapping.rules))


def _saved(saved: service.SavedMapping) -> SavedMappingShown:
    return SavedMappingShown(
        version=saved.mapping.version,
        rules=list(saved.mapping.rules),
        warnings=[_problem(problem) for problem in saved.warnings],
    )


def _problem(problem: MappingProblem) -> MappingProblemShown:
    return MappingProblemShown(
        pointer=pointer_in_rules(problem),
        severity=problem.severity,
        code=problem.code,
        field=problem.field,
        question=problem.question,
        detail=problem.message,
    )
