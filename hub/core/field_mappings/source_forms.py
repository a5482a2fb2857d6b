"""Source forms as they are found: in a listing of the source, or by the first submission of a form unheard of."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Answer, Question, SourceForm
from hub.connector.text import storable
from hub.core.connections.models import connections
from hub.core.field_mappings.drift import Difference, Drift, compare
from hub.core.field_mappings.findings import MAX_LABEL, DriftFinding, note_differences
from hub.core.field_mappings.models import source_form_versions, source_forms
from hub.core.field_mappings.queries import in_force, read_questions
from hub.core.field_mappings.storing import count_unmapped, store_mapping
from hub.core.form_defaults.defaults import NO_DEFAULTS
from hub.core.form_defaults.queries import load_part_defaults
from hub.core.form_defaults.service import inherit_part_defaults
from hub.core.master_form.queries import snapshot
from hub.core.organisations.queries import require_owned
from hub.core.organisations.service import bump_config_version
from hub.db.schema import new_id
from hub.db.upsert import insert
from mapping.rules import FieldRule
from mapping.suggest import propose
from mapping.transforms import Formula

NO_FORM = "-"
"""The form id of submissions that name none: all of a connection go through one source form."""
NAME_WITHOUT_FORM = "Without a form"


def upsert_source_forms(
    connection: Connection, organisation_id: UUID, connection_id: UUID, forms: Sequence[SourceForm], now: datetime
) -> list[DriftFinding]:
    """Take over what a source lists, and return what changed since the last time (X-05).

    A new form gets a proposed mapping and the defaults of its account part, so that its first lead comes mapped.
    A question under a new key keeps the rules of its former key. Every version of the questions is kept. A form
    listed without questions keeps those that are known: some sources do not tell them. Forms that are not in the
    listing are left as they are.
    """
    require_owned(connection, organisation_id, connections, [connection_id], what="connection")
    if _differ(connection, organisation_id, connection_id, forms):
        bump_config_version(connection, organisation_id)
    known = _known(connection, organisation_id, connection_id, [form.id for form in forms])
    found: list[DriftFinding] = []
    for form in {form.id: form for form in forms}.values():
        row = known.get(form.id)
        if row is None:
            found += _add(connection, organisation_id, connection_id, form, now)
        else:
            found += _renew(connection, organisation_id, row, form, now)
    return found


def discover_form(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    form_id: str,
    answers: Sequence[Answer],
    now: datetime,
    *,
    part_id: str | None = None,
) -> list[DriftFinding]:
    """Make a source form from the first submission of one that no listing has named yet; does nothing if it is
    known. Its questions are the answers' keys and labels, as text; the next listing puts them right."""
    if _known(connection, organisation_id, connection_id, [form_id]):
        return []
    labels = {answer.key: storable(answer.label)[:MAX_LABEL] or answer.key for answer in answers}
    questions = tuple(Question(key=storable(key), label=label) for key, label in labels.items())
    name = NAME_WITHOUT_FORM if form_id == NO_FORM else form_id
    form = SourceForm(id=form_id, name=name, questions=questions, part_id=part_id)
    return upsert_source_forms(connection, organisation_id, connection_id, [form], now)


def digest(questions: Sequence[dict[str, Any]]) -> str:
    """SHA-256 over the questions as stored; equal exactly when nothing about them changed."""
    text = json.dumps(list(questions), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _differ(connection: Connection, organisation_id: UUID, connection_id: UUID, forms: Sequence[SourceForm]) -> bool:
    known = _known(connection, organisation_id, connection_id, [form.id for form in forms])
    return any((row := known.get(form.id)) is None or _changes(row, form) for form in forms)


def _known(
    connection: Connection, organisation_id: UUID, connection_id: UUID, form_ids: Sequence[str]
) -> dict[str, Any]:
    statement = sa.select(source_forms).where(
        source_forms.c.organisation_id == organisation_id,
        source_forms.c.connection_id == connection_id,
        source_forms.c.form_id.in_(form_ids),
    )
    return {row.form_id: row for row in connection.execute(statement)}


def _changes(row: Any, form: SourceForm) -> dict[str, Any]:
    """The columns in which the stored form differs from the listed one."""
    values: dict[str, Any] = {"name": storable(form.name), "is_live": form.is_live}
    if form.part_id is not None:
        values["part_id"] = form.part_id
    if form.questions:
        values["questions_digest"] = digest(_stored_questions(form))
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def _add(
    connection: Connection, organisation_id: UUID, connection_id: UUID, form: SourceForm, now: datetime
) -> list[DriftFinding]:
    questions = _stored_questions(form)
    source_form_id = new_id()
    row = {
        "id": source_form_id,
        "organisation_id": organisation_id,
        "connection_id": connection_id,
        "form_id": form.id,
        "part_id": form.part_id,
        "name": storable(form.name),
        "questions": questions,
        "questions_digest": digest(questions),
        "is_live": form.is_live,
        "unmapped_count": 0,
        "first_seen_at": now,
        "last_seen_at": now,
    }
    connection.execute(sa.insert(source_forms).values(row))
    _keep_version(connection, organisation_id, source_form_id, questions, now)
    defaults = load_part_defaults(connection, organisation_id, connection_id, form.part_id)
    if defaults != NO_DEFAULTS:
        inherit_part_defaults(connection, organisation_id, source_form_id, defaults, now)
    proposed = propose(form.questions, snapshot(connection, organisation_id).by_key)
    store_mapping(connection, organisation_id, source_form_id, proposed.rules, saved_by=None, now=now)
    detail = {"name": storable(form.name), "questions": len(questions), "part": form.part_id}
    news = Difference(Drift.NEW_FORM, "", detail)
    return note_differences(connection, organisation_id, source_form_id, [news], now)


def _renew(
    connection: Connection, organisation_id: UUID, row: Any, form: SourceForm, now: datetime
) -> list[DriftFinding]:
    changes = _changes(row, form)
    mine = (source_forms.c.organisation_id == organisation_id, source_forms.c.id == row.id)
    if "questions_digest" in changes:
        changes["questions"] = _stored_questions(form)
    connection.execute(sa.update(source_forms).where(*mine).values(last_seen_at=now, **changes))
    if "questions_digest" not in changes:
        return []
    _keep_version(connection, organisation_id, row.id, changes["questions"], now)
    differences = compare(read_questions(row.questions), form.questions)
    findings = note_differences(connection, organisation_id, row.id, differences, now)
    _carry_over(connection, organisation_id, row.id, differences, now)
    count_unmapped(connection, organisation_id, row.id, snapshot(connection, organisation_id).by_key)
    return findings


def _keep_version(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    questions: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    statement = insert(connection, source_form_versions).values(
        id=new_id(),
        organisation_id=organisation_id,
        source_form_id=source_form_id,
        questions_digest=digest(questions),
        questions=questions,
        seen_at=now,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["source_form_id", "questions_digest"]))


def _carry_over(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    differences: Sequence[Difference],
    now: datetime,
) -> None:
    """Let rules take a question under its new key too. The former key stays: answers under it may still be on
    their way. A formula names its questions itself and is left to a person."""
    renamed = {
        difference.detail["former_key"]: difference.question_key
        for difference in differences
        if difference.kind is Drift.QUESTION_RENAMED and "former_key" in difference.detail
    }
    mapping = in_force(connection, organisation_id, source_form_id)
    rules = tuple(_with_new_keys(rule, renamed) for rule in mapping.rules)
    if rules != mapping.rules:
        store_mapping(connection, organisation_id, source_form_id, rules, saved_by=None, now=now)


def _with_new_keys(rule: FieldRule, renamed: dict[str, str]) -> FieldRule:
    if isinstance(rule.transform, Formula):
        return rule
    keys: list[str] = []
    for key in rule.questions:
        new = renamed.get(key)
        keys += [key] if new is None else [new, key]
    return rule.model_copy(update={"questions": tuple(dict.fromkeys(keys))})


def _stored_questions(form: SourceForm) -> list[dict[str, Any]]:
    return [question.model_dump(mode="json") for question in form.questions]
