"""Saving mappings, and adopting questions that nobody has mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.models import Question
from hub.core.field_mappings.queries import in_force, read_source_form, unmapped_questions
from hub.core.field_mappings.storing import count_all_unmapped, store_mapping
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.queries import MasterForm, snapshot
from hub.core.master_form.service import add_field, set_archived
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.service import bump_config_version
from mapping.fields import MasterField
from mapping.rules import FieldMapping, FieldRule, MappingProblem, check
from mapping.suggest import transform_for


class MappingRefusedError(RefusedChangeError):
    """A mapping has errors; ``problems`` are all that was found, warnings too. Nothing was written."""

    def __init__(self, problems: Sequence[MappingProblem]) -> None:
        first = next(problem for problem in problems if problem.severity == "error")
        super().__init__(first.message, field=f"rules.{first.rule}", code=first.code)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """A mapping as stored, with the warnings it was saved in spite of."""

    mapping: FieldMapping
    warnings: tuple[MappingProblem, ...]


def save_mapping(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    rules: Sequence[FieldRule],
    *,
    saved_by: UUID | None,
    now: datetime,
    based_on: int | None = None,
) -> SavedMapping:
    """Check the rules and put them in force as a new version; findings that they answer are settled.

    ``based_on`` is the version that was shown when editing began: another one in force by now is a conflict.
    """
    bump_config_version(connection, organisation_id)
    form = read_source_form(connection, organisation_id, source_form_id)
    current = in_force(connection, organisation_id, source_form_id)
    if based_on is not None and based_on != current.version:
        message = "somebody else saved this mapping in the meantime; reload it and make your changes again"
        raise ConflictingChangeError(message, field="based_on", code="stale")
    fields = snapshot(connection, organisation_id).by_key
    draft = FieldMapping(version=current.version + 1, rules=tuple(rules))
    problems = check(draft, form.questions, fields)
    if any(problem.severity == "error" for problem in problems):
        raise MappingRefusedError(problems)
    stored = store_mapping(connection, organisation_id, source_form_id, rules, saved_by=saved_by, now=now)
    return SavedMapping(stored, tuple(problems))


def adopt(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    question_key: str,
    target: str | FieldDraft,
    *,
    saved_by: UUID,
    now: datetime,
) -> SavedMapping:
    """Map a question that no rule takes to a master field, or to a new one made from the draft (Z-145).

    Where the field has a rule already, the question joins it behind the others. Leads that came before are
    mapped by a replay, which is the caller's to start.
    """
    bump_config_version(connection, organisation_id)
    fields = snapshot(connection, organisation_id)
    question = _unmapped(connection, organisation_id, source_form_id, question_key, fields)
    if isinstance(target, FieldDraft):
        field = add_field(connection, organisation_id, target, now=now, saved_by=saved_by)
    elif target in fields.by_key:
        field = fields.by_key[target]
    else:
        raise UnknownRecordError("master field")
    rules = _with_question(in_force(connection, organisation_id, source_form_id).rules, question, field)
    return save_mapping(connection, organisation_id, source_form_id, rules, saved_by=saved_by, now=now)


def archive_master_field(
    connection: Connection, organisation_id: UUID, key: str, is_archived: bool, *, saved_by: UUID | None, now: datetime
) -> MasterForm:
    """Hide a master field or show it again, and count anew which forms are unmapped by that."""
    form = set_archived(connection, organisation_id, key, is_archived, now=now, saved_by=saved_by)
    count_all_unmapped(connection, organisation_id)
    return form


def _unmapped(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, question_key: str, fields: MasterForm
) -> Question:
    form = read_source_form(connection, organisation_id, source_form_id)
    for unmapped in unmapped_questions(connection, organisation_id, form, fields.by_key):
        if unmapped.question.key == question_key:
            return unmapped.question
    raise UnknownRecordError("unmapped question")


def _with_question(rules: Sequence[FieldRule], question: Question, field: MasterField) -> list[FieldRule]:
    """The rules with the question in the rule of the field, or in a new one."""
    for place, rule in enumerate(rules):
        if rule.field == field.key:
            joined = rule.model_copy(update={"questions": (*rule.questions, question.key)})
            return [*rules[:place], joined, *rules[place + 1 :]]
    transform = transform_for(question, field)
    if transform is None:
        message = f"a {question.kind.value} question cannot be mapped to {field.label!r}; choose another field"
        raise RefusedChangeError(message, field="target", code="incompatible")
    return [*rules, FieldRule(field=field.key, questions=(question.key,), transform=transform)]
