"""Reading leads: lists by keyset, one lead with all that hangs on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import (
    consents,
    journey_steps,
    lead_changes,
    lead_submissions,
    leads,
    person_contacts,
)
from hub.core.routing.models import assignments
from hub.db.types import AnyRow

Position = tuple[datetime, UUID]
"""The last row of a page: its submit time and id."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which leads somebody may see: all of the organisation, those of some centres, or their own (Z-037).

    ``centres`` None means every centre; ``only_of`` is the user whose own leads alone are seen.
    """

    centres: tuple[UUID, ...] | None = None
    only_of: UUID | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a statement on ``leads`` adds to its filter."""
        found: list[sa.ColumnElement[bool]] = []
        if self.centres is not None:
            found.append(leads.c.centre_id.in_(self.centres))
        if self.only_of is not None:
            found.append(leads.c.assignee_id == self.only_of)
        return found


EVERYTHING = Visibility()


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Filters of the lead list; None means no filter. ``search`` looks at name, e-mail, phone and company."""

    stage_id: UUID | None = None
    stage_kind: str | None = None
    assignee_id: UUID | None = None
    unassigned: bool = False
    source_id: UUID | None = None
    type_id: UUID | None = None
    centre_id: UUID | None = None
    priority: str | None = None
    search: str | None = None
    submitted_from: datetime | None = None
    submitted_until: datetime | None = None
    with_tests: bool = False


def list_leads(
    connection: Connection,
    organisation_id: UUID,
    visible: Visibility,
    wanted: LeadFilter,
    *,
    after: Position | None = None,
    limit: int = 50,
) -> Sequence[AnyRow]:
    """One page of leads, newest submit time first, starting after the row ``after``."""
    query = (
        sa.select(
            *(leads.c[name] for name in LISTED),
        )
        .where(leads.c.organisation_id == organisation_id, *visible.conditions(), *_filters(wanted))
        .order_by(leads.c.submitted_at.desc(), leads.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(sa.tuple_(leads.c.submitted_at, leads.c.id) < sa.tuple_(*_position(after)))
    return connection.execute(query).all()


LISTED = (
    "id",
    "name",
    "email",
    "phone",
    "company",
    "type_id",
    "source_id",
    "pipeline_id",
    "stage_id",
    "stage_kind",
    "priority",
    "centre_id",
    "assignee_id",
    "queue_id",
    "is_test",
    "is_late",
    "submitted_at",
    "received_at",
    "processed_at",
    "first_contacted_at",
)


def _position(after: Position) -> tuple[Any, Any]:
    return sa.literal(after[0], leads.c.submitted_at.type), sa.literal(after[1], leads.c.id.type)


def _filters(wanted: LeadFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if not wanted.with_tests:
        found.append(leads.c.is_test.is_(False))
    for name in ("stage_id", "stage_kind", "assignee_id", "source_id", "type_id", "centre_id", "priority"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(leads.c[name] == value)
    if wanted.unassigned:
        found.append(leads.c.assignee_id.is_(None))
    if wanted.submitted_from is not None:
        found.append(leads.c.submitted_at >= wanted.submitted_from)
    if wanted.submitted_until is not None:
        found.append(leads.c.submitted_at < wanted.submitted_until)
    if wanted.search:
        found.append(_matches(wanted.search))
    return found


def _matches(text: str) -> sa.ColumnElement[bool]:
    pattern = f"%{text.translate(_ESCAPES)}%"
    columns = (leads.c.name, leads.c.email, leads.c.phone, leads.c.company)
    return sa.or_(*(column.ilike(pattern, escape="\\") for column in columns))


_ESCAPES = str.maketrans({"%": "\\%", "_": "\\_", "\\": "\\\\"})


def find_lead(connection: Connection, organisation_id: UUID, visible: Visibility, lead_id: UUID) -> AnyRow | None:
    """One lead with all its columns; None where there is none that may be seen."""
    return connection.execute(
        sa.select(leads).where(leads.c.organisation_id == organisation_id, leads.c.id == lead_id, *visible.conditions())
    ).first()


def journey(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """Every step of a lead, oldest first (C-022)."""
    return _of_lead(connection, journey_steps, organisation_id, lead_id)


def change_history(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """Every change of a field: who, what, from, to, when (N-049)."""
    return _of_lead(connection, lead_changes, organisation_id, lead_id)


def submissions_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """Everything that was sent and became part of this lead, whole, oldest first."""
    return _of_lead(connection, lead_submissions, organisation_id, lead_id)


def assignments_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """Every assignment with the trace that explains it (X-09)."""
    return _of_lead(connection, assignments, organisation_id, lead_id)


def consents_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """The consents that were given with this lead's submissions (P-07)."""
    return _of_lead(connection, consents, organisation_id, lead_id)


def contacts_of(connection: Connection, organisation_id: UUID, person_id: UUID) -> Sequence[AnyRow]:
    """The e-mail addresses and phone numbers by which a person is known."""
    return connection.execute(
        sa.select(person_contacts.c.kind, person_contacts.c.value).where(
            person_contacts.c.organisation_id == organisation_id, person_contacts.c.person_id == person_id
        )
    ).all()


def _of_lead(connection: Connection, table: sa.Table, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    return connection.execute(
        sa.select(table)
        .where(table.c.organisation_id == organisation_id, table.c.lead_id == lead_id)
        .order_by(table.c.id)
    ).all()
