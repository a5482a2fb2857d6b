"""Reading source forms, their mappings, and what intake needs of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Question
from hub.core.connections.models import connection_parts
from hub.core.field_mappings.drift import Drift
from hub.core.field_mappings.models import drift_findings, field_mappings, source_form_versions, source_forms
from hub.core.form_defaults.defaults import FormDefaults
from hub.core.form_defaults.models import form_defaults
from hub.core.form_defaults.queries import load_part_defaults
from hub.core.organisations.errors import UnknownRecordError
from mapping.fields import MasterField
from mapping.rules import FieldMapping

NO_MAPPING = FieldMapping(version=0)


@dataclass(frozen=True, slots=True)
class StoredForm:
    """A source form as the hub knows it. ``form_id`` is the source's own id; with ``unmapped_count`` above 0 the
    form is shown as "Unmapped" (decision 23)."""

    id: UUID
    connection_id: UUID
    form_id: str
    part_id: str | None
    name: str
    questions: tuple[Question, ...]
    is_live: bool
    unmapped_count: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A question that no rule takes. ``is_listed`` is False for one known only by its answers."""

    question: Question
    is_listed: bool


@dataclass(frozen=True, slots=True)
class FormContext:
    """What turns a submission of a form into a lead.

    ``source_form_id`` is None for a form that the hub has not seen yet (see ``source_forms.discover_form``); its
    mapping is empty and its defaults are those of the account part. ``mapping_version`` is 0 without a mapping.
    """

    source_form_id: UUID | None
    form_name: str
    part_id: str | None
    mapping: FieldMapping
    mapping_version: int
    defaults: FormDefaults


_FORM_CONTEXT = (
    sa.select(
        source_forms.c.id,
        source_forms.c.name,
        source_forms.c.part_id,
        connection_parts.c.centre_id.label("part_centre_id"),
        *(form_defaults.c[name] for name in FormDefaults.__slots__),
    )
    .outerjoin(
        form_defaults,
        sa.and_(
            form_defaults.c.source_form_id == source_forms.c.id,
            form_defaults.c.organisation_id == source_forms.c.organisation_id,
        ),
    )
    .outerjoin(
        connection_parts,
        sa.and_(
            connection_parts.c.connection_id == source_forms.c.connection_id,
            connection_parts.c.part_id == source_forms.c.part_id,
            connection_parts.c.organisation_id == source_forms.c.organisation_id,
        ),
    )
    .where(
        source_forms.c.organisation_id == sa.bindparam("organisation"),
        source_forms.c.connection_id == sa.bindparam("connection"),
        source_forms.c.form_id == sa.bindparam("form"),
    )
)
_IN_FORCE = (
    sa.select(field_mappings.c.rules)
    .where(
        field_mappings.c.organisation_id == sa.bindparam("organisation"),
        field_mappings.c.source_form_id == sa.bindparam("source_form"),
    )
    .order_by(field_mappings.c.version.desc())
    .limit(1)
)


def load_form_context(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    form_id: str | None,
    part_id: str | None = None,
) -> FormContext:
    """Mapping and defaults of a form by the source's own id. The centre of the account part counts where the
    form names none. ``part_id`` helps for a form that is not known yet."""
    parameters = {"organisation": organisation_id, "connection": connection_id, "form": form_id or ""}
    row = connection.execute(_FORM_CONTEXT, parameters).one_or_none()
    if row is None:
        defaults = load_part_defaults(connection, organisation_id, connection_id, part_id)
        return FormContext(None, "", part_id, NO_MAPPING, 0, defaults)
    defaults = FormDefaults.of_row(row)
    if defaults.centre_id is None:
        defaults = replace(defaults, centre_id=row.part_centre_id)
    mapping = in_force(connection, organisation_id, row.id)
    return FormContext(row.id, row.name, row.part_id, mapping, mapping.version, defaults)


def in_force(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> FieldMapping:
    """The newest mapping of a source form; version 0 without rules if none was made."""
    rules = connection.execute(_IN_FORCE, {"organisation": organisation_id, "source_form": source_form_id}).scalar()
    return NO_MAPPING if rules is None else FieldMapping.model_validate(rules)


def mapping_version(connection: Connection, organisation_id: UUID, source_form_id: UUID, version: int) -> FieldMapping:
    """A mapping as it was saved then, or ``UnknownRecordError``."""
    statement = sa.select(field_mappings.c.rules).where(
        field_mappings.c.organisation_id == organisation_id,
        field_mappings.c.source_form_id == source_form_id,
        field_mappings.c.version == version,
    )
    rules = connection.execute(statement).scalar()
    if rules is None:
        raise UnknownRecordError("version of the mapping")
    return FieldMapping.model_validate(rules)


def list_source_forms(
    connection: Connection, organisation_id: UUID, connection_id: UUID | None = None
) -> list[StoredForm]:
    """The source forms of a connection, or of all, by name."""
    statement = sa.select(source_forms).where(source_forms.c.organisation_id == organisation_id)
    if connection_id is not None:
        statement = statement.where(source_forms.c.connection_id == connection_id)
    return [_stored(row) for row in connection.execute(statement.order_by(source_forms.c.name, source_forms.c.id))]


def read_source_form(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> StoredForm:
    """One source form, or ``UnknownRecordError``."""
    mine = (source_forms.c.organisation_id == organisation_id, source_forms.c.id == source_form_id)
    row = connection.execute(sa.select(source_forms).where(*mine)).one_or_none()
    if row is None:
        raise UnknownRecordError("source form")
    return _stored(row)


def unmapped_questions(
    connection: Connection, organisation_id: UUID, form: StoredForm, fields: Mapping[str, MasterField]
) -> list[Unmapped]:
    """The questions still to map (Z-181): listed ones that no living rule takes, and those seen only in answers."""
    mapping = in_force(connection, organisation_id, form.id)
    living = [rule for rule in mapping.rules if rule.field in fields and not fields[rule.field].is_archived]
    taken = {key for rule in living for key in rule.questions}
    listed = [Unmapped(question, True) for question in form.questions if question.key not in taken]
    known = taken | {question.key for question in form.questions}
    unlisted = [
        Unmapped(question, False)
        for question in _unlisted_questions(connection, organisation_id, form.id)
        if question.key not in known
    ]
    return listed + unlisted


def choice_labels(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> dict[str, dict[str, str]]:
    """By question key and choice value the text that people saw, of every version of the form: an option that was
    removed still shows on old leads (X-05)."""
    statement = (
        sa.select(source_form_versions.c.questions)
        .where(
            source_form_versions.c.organisation_id == organisation_id,
            source_form_versions.c.source_form_id == source_form_id,
        )
        .order_by(source_form_versions.c.seen_at, source_form_versions.c.id)
    )
    labels: dict[str, dict[str, str]] = {}
    for stored in connection.execute(statement).scalars():
        for question in read_questions(stored):
            labels.setdefault(question.key, {}).update({choice.value: choice.label for choice in question.choices})
    return labels


def read_questions(stored: Sequence[Any]) -> tuple[Question, ...]:
    """Questions from their stored JSON."""
    return tuple(Question.model_validate(question) for question in stored)


def _unlisted_questions(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> list[Question]:
    statement = sa.select(drift_findings.c.question_key, drift_findings.c.detail).where(
        drift_findings.c.organisation_id == organisation_id,
        drift_findings.c.source_form_id == source_form_id,
        drift_findings.c.kind == Drift.UNKNOWN_ANSWER.value,
        drift_findings.c.settled_at.is_(None),
    )
    return [
        Question(key=row.question_key, label=row.detail["label"])
        for row in connection.execute(statement.order_by(drift_findings.c.question_key))
    ]


def _stored(row: Any) -> StoredForm:
    return StoredForm(
        id=row.id,
        connection_id=row.connection_id,
        form_id=row.form_id,
        part_id=row.part_id,
        name=row.name,
        questions=read_questions(row.questions),
        is_live=row.is_live,
        unmapped_count=row.unmapped_count,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
    )
