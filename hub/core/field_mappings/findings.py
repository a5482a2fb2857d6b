"""Findings of drift: noted, counted, listed and settled."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.field_mappings.drift import Difference, Drift
from hub.core.field_mappings.models import drift_findings, source_forms
from hub.core.organisations.errors import UnknownRecordError
from hub.db.schema import new_id
from hub.db.upsert import insert

MAX_UNKNOWN = 200
"""Unknown questions noted per form; a sender that invents keys must not fill the table."""
MAX_LABEL = 200
_WAITING = (Drift.QUESTION_ADDED, Drift.QUESTION_RENAMED, Drift.UNKNOWN_ANSWER)
"""Kinds that are settled once a rule takes the question."""

_OF_FORM = (
    drift_findings.c.organisation_id == sa.bindparam("organisation"),
    drift_findings.c.source_form_id == sa.bindparam("form"),
)
_OPEN_ABOUT = sa.select(drift_findings.c.id, drift_findings.c.question_key).where(
    *_OF_FORM,
    drift_findings.c.settled_at.is_(None),
    drift_findings.c.question_key.in_(sa.bindparam("keys", expanding=True)),
)
_GROW = (
    sa.update(drift_findings)
    .where(*_OF_FORM, drift_findings.c.id == sa.bindparam("finding"))
    .values(leads_affected=drift_findings.c.leads_affected + sa.bindparam("leads"))
)
_NUMBER_OF_UNKNOWN = sa.select(sa.func.count()).where(*_OF_FORM, drift_findings.c.kind == Drift.UNKNOWN_ANSWER.value)
_QUESTIONS = sa.select(source_forms.c.questions).where(
    source_forms.c.organisation_id == sa.bindparam("organisation"), source_forms.c.id == sa.bindparam("form")
)
"""Kept, because they run in the transaction of every batch: to build one costs more than to execute it."""


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """Something that changed at the source: which form, which question, how many leads it touched so far (X-05)."""

    id: UUID
    source_form_id: UUID
    form_name: str
    kind: Drift
    question_key: str
    detail: dict[str, Any]
    leads_affected: int
    found_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnknownAnswers:
    """Answers of one question that no rule took, in some leads of one form."""

    label: str
    leads: int


def note_differences(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    differences: Iterable[Difference],
    now: datetime,
) -> list[DriftFinding]:
    """Store what changed; a finding of the same kind and question that was there is opened again."""
    ids = {_note(connection, organisation_id, source_form_id, difference, 0, now) for difference in differences}
    return _findings(connection, organisation_id, drift_findings.c.id.in_(ids)) if ids else []


def note_unknown_answers(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    answers: Mapping[str, UnknownAnswers],
    now: datetime,
) -> None:
    """Count leads whose answers no rule took, by question key; call once per form and batch.

    An open finding about the question counts on. A question that the form does not list gets a finding of its own
    and makes the form "Unmapped"; one that is listed and merely unmapped is known already.
    """
    if not answers:
        return
    counts = {storable(key): (storable(answer.label)[:MAX_LABEL], answer.leads) for key, answer in answers.items()}
    form = {"organisation": organisation_id, "form": source_form_id}
    found = connection.execute(_OPEN_ABOUT, {**form, "keys": list(counts)}).all()
    if found:
        grown = [{**form, "finding": row.id, "leads": counts[row.question_key][1]} for row in found]
        connection.execute(_GROW, grown)
    rest = set(counts) - {row.question_key for row in found}
    for key in _unlisted(connection, organisation_id, source_form_id, rest):
        label, leads = counts[key]
        difference = Difference(Drift.UNKNOWN_ANSWER, key, {"label": label})
        _note(connection, organisation_id, source_form_id, difference, leads, now)


def list_findings(
    connection: Connection, organisation_id: UUID, *, source_form_id: UUID | None = None, is_open: bool = True
) -> list[DriftFinding]:
    """Findings, the newest first; of one form or of all, the open ones or all."""
    wanted: list[sa.ColumnElement[bool]] = []
    if source_form_id is not None:
        wanted.append(drift_findings.c.source_form_id == source_form_id)
    if is_open:
        wanted.append(drift_findings.c.settled_at.is_(None))
    return _findings(connection, organisation_id, *wanted)


def settle_finding(connection: Connection, organisation_id: UUID, finding_id: UUID, now: datetime) -> None:
    """Mark a finding as read and done with."""
    mine = (drift_findings.c.organisation_id == organisation_id, drift_findings.c.id == finding_id)
    if connection.execute(sa.update(drift_findings).where(*mine).values(settled_at=now)).rowcount == 0:
        raise UnknownRecordError("finding")


def settle_mapped(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, keys: Collection[str], now: datetime
) -> None:
    """Settle the findings whose question is mapped now, and that the form is new."""
    is_mapped = sa.and_(
        drift_findings.c.kind.in_([kind.value for kind in _WAITING]), drift_findings.c.question_key.in_(keys)
    )
    settle = sa.update(drift_findings).where(
        *_mine(organisation_id, source_form_id),
        drift_findings.c.settled_at.is_(None),
        sa.or_(is_mapped, drift_findings.c.kind == Drift.NEW_FORM.value),
    )
    connection.execute(settle.values(settled_at=now))


def _note(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    difference: Difference,
    leads: int,
    now: datetime,
) -> UUID:
    row = {"detail": difference.detail, "found_at": now, "settled_at": None, "leads_affected": leads}
    statement = insert(connection, drift_findings).values(
        id=new_id(),
        organisation_id=organisation_id,
        source_form_id=source_form_id,
        kind=difference.kind.value,
        question_key=difference.question_key,
        **row,
    )
    again = statement.on_conflict_do_update(index_elements=["source_form_id", "kind", "question_key"], set_=row)
    finding_id: UUID = connection.execute(again.returning(drift_findings.c.id)).scalar_one()
    return finding_id


def _unlisted(connection: Connection, organisation_id: UUID, source_form_id: UUID, keys: Collection[str]) -> list[str]:
    """Those keys that the form does not list, as many as there is room for."""
    if not keys:
        return []
    form = {"organisation": organisation_id, "form": source_form_id}
    questions = connection.execute(_QUESTIONS, form).scalar()
    listed = {question["key"] for question in questions or ()}
    new = sorted(set(keys) - listed)
    if not new:
        return []
    return new[: max(0, MAX_UNKNOWN - connection.execute(_NUMBER_OF_UNKNOWN, form).scalar_one())]


def _findings(connection: Connection, organisation_id: UUID, *wanted: sa.ColumnElement[bool]) -> list[DriftFinding]:
    form = sa.and_(
        source_forms.c.id == drift_findings.c.source_form_id,
        source_forms.c.organisation_id == drift_findings.c.organisation_id,
    )
    statement = (
        sa.select(drift_findings, source_forms.c.name.label("form_name"))
        .join(source_forms, form)
        .where(drift_findings.c.organisation_id == organisation_id, *wanted)
        .order_by(drift_findings.c.found_at.desc(), drift_findings.c.id.desc())
    )
    return [
        DriftFinding(
            id=row.id,
            source_form_id=row.source_form_id,
            form_name=row.form_name,
            kind=Drift(row.kind),
            question_key=row.question_key,
            detail=row.detail,
            leads_affected=row.leads_affected,
            found_at=row.found_at,
            settled_at=row.settled_at,
        )
        for row in connection.execute(statement)
    ]


def _mine(organisation_id: UUID, source_form_id: UUID) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return drift_findings.c.organisation_id == organisation_id, drift_findings.c.source_form_id == source_form_id
