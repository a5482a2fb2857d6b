"""Versions of mappings, the state of each form's mapping, and what was answered last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.field_mappings.models import drift_findings, field_mappings
from hub.core.leads.models import lead_submissions

RECENT = 2_000
"""Among how many of the newest submissions one of a form is looked for."""


@dataclass(frozen=True, slots=True)
class MappingVersion:
    """One saved mapping; ``saved_by`` is None where the hub proposed it itself or carried a renamed key over."""

    version: int
    rule_count: int
    saved_by: UUID | None
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class MappingState:
    """The mapping in force (version 0: none), whether a person ever saved one, and what changed at the source."""

    version: int
    is_confirmed: bool
    open_findings: int


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """The answers of one submission by question key."""

    lead_id: UUID
    submitted_at: datetime
    language: str | None
    answers: Mapping[str, tuple[str, ...]]


NOT_MAPPED = MappingState(0, False, 0)


def list_versions(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> list[MappingVersion]:
    """Every saved mapping of a form, the newest first."""
    statement = (
        sa.select(field_mappings)
        .where(field_mappings.c.organisation_id == organisation_id, field_mappings.c.source_form_id == source_form_id)
        .order_by(field_mappings.c.version.desc())
    )
    return [
        MappingVersion(row.version, len(row.rules.get("rules", ())), row.saved_by, row.saved_at)
        for row in connection.execute(statement)
    ]


def mapping_states(
    connection: Connection, organisation_id: UUID, source_form_id: UUID | None = None
) -> dict[UUID, MappingState]:
    """By source form, of one form or of all; a form without entry is ``NOT_MAPPED``."""
    saved = _counted(connection, organisation_id, source_form_id)
    versions = _versions(connection, organisation_id, source_form_id)
    return {
        form_id: MappingState(*versions.get(form_id, (0, False)), saved.get(form_id, 0))
        for form_id in versions.keys() | saved.keys()
    }


def last_answers(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> GivenAnswers | None:
    """What the form's newest submission answered, if it is among the last ``RECENT`` of the organisation."""
    newest = (
        sa.select(lead_submissions)
        .where(lead_submissions.c.organisation_id == organisation_id)
        .order_by(lead_submissions.c.id.desc())
        .limit(RECENT)
        .subquery()
    )
    mine = sa.select(newest).where(newest.c.source_form_id == source_form_id).order_by(newest.c.id.desc()).limit(1)
    row = connection.execute(mine).one_or_none()
    if row is None:
        return None
    answers: dict[str, tuple[str, ...]] = {}
    for answer in row.answers:
        answers[answer["key"]] = (*answers.get(answer["key"], ()), *answer["values"])
    return GivenAnswers(row.lead_id, row.submitted_at, row.language, answers)


def _versions(
    connection: Connection, organisation_id: UUID, source_form_id: UUID | None
) -> dict[UUID, tuple[int, bool]]:
    table = field_mappings.c
    statement = (
        sa.select(table.source_form_id, sa.func.max(table.version).label("newest"), sa.func.count(table.saved_by))
        .where(table.organisation_id == organisation_id)
        .group_by(table.source_form_id)
    )
    if source_form_id is not None:
        statement = statement.where(table.source_form_id == source_form_id)
    rows: list[Any] = list(connection.execute(statement))
    return {form_id: (newest, by_people > 0) for form_id, newest, by_people in rows}


def _counted(connection: Connection, organisation_id: UUID, source_form_id: UUID | None) -> dict[UUID, int]:
    table = drift_findings.c
    statement = (
        sa.select(table.source_form_id, sa.func.count())
        .where(table.organisation_id == organisation_id, table.settled_at.is_(None))
        .group_by(table.source_form_id)
    )
    if source_form_id is not None:
        statement = statement.where(table.source_form_id == source_form_id)
    rows: list[Any] = list(connection.execute(statement))
    return dict(rows)
