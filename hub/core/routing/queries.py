"""Reading what people set up for routing, and what it decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import UnknownRecordError
from hub.core.organisations.models import users
from hub.core.routing.models import assignees, assignments, queues, routing_rules, routing_settings
from hub.core.routing.rules import RuleDraft
from hub.core.routing.team import Queue, Strategy
from hub.core.routing.trace import Trace


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule and its place; ``position`` counts from 1."""

    id: UUID
    position: int
    draft: RuleDraft


@dataclass(frozen=True, slots=True)
class AssigneeState:
    """A person as routing knows them; the meaning of each value stands in ``team.Member``."""

    user_id: UUID
    name: str
    is_active: bool
    takes_leads: bool
    capacity: int | None
    weight: int
    absent_from: datetime | None
    absent_until: datetime | None
    hours: dict[str, Any] | None
    time_zone: str | None
    open_leads: int
    last_assigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One decision about a lead, with its trace."""

    id: UUID
    assignee_id: UUID | None
    queue_id: UUID | None
    decided_by: str
    trace: Trace
    assigned_at: datetime


def routing_strategy(connection: Connection, organisation_id: UUID) -> Strategy:
    """The strategy in force."""
    statement = sa.select(routing_settings.c.strategy).where(routing_settings.c.organisation_id == organisation_id)
    return Strategy(connection.execute(statement).scalar() or Strategy.LEAST_LOADED.value)


def list_rules(connection: Connection, organisation_id: UUID) -> list[StoredRule]:
    """All rules in order, the inactive ones too."""
    statement = (
        sa.select(routing_rules)
        .where(routing_rules.c.organisation_id == organisation_id)
        .order_by(routing_rules.c.position, routing_rules.c.id)
    )
    return [_stored_rule(row) for row in connection.execute(statement)]


def read_rule(connection: Connection, organisation_id: UUID, rule_id: UUID) -> StoredRule:
    """One rule, or ``UnknownRecordError``."""
    mine = (routing_rules.c.organisation_id == organisation_id, routing_rules.c.id == rule_id)
    row = connection.execute(sa.select(routing_rules).where(*mine)).one_or_none()
    if row is None:
        raise UnknownRecordError("routing rule")
    return _stored_rule(row)


def list_queues(connection: Connection, organisation_id: UUID) -> list[tuple[Queue, bool]]:
    """All queues by name, each with whether it is the default one."""
    statement = sa.select(queues).where(queues.c.organisation_id == organisation_id).order_by(queues.c.name)
    rows = connection.execute(statement)
    return [(Queue(row.id, row.name, row.claim_within_minutes), row.is_default) for row in rows]


def list_assignees(connection: Connection, organisation_id: UUID) -> list[AssigneeState]:
    """Everybody who can have leads, by name."""
    person = sa.and_(users.c.id == assignees.c.user_id, users.c.organisation_id == assignees.c.organisation_id)
    statement = (
        sa.select(assignees, users.c.name, users.c.is_active)
        .join(users, person)
        .where(assignees.c.organisation_id == organisation_id)
        .order_by(users.c.name, users.c.id)
    )
    return [
        AssigneeState(**{name: row[name] for name in AssigneeState.__slots__})
        for row in connection.execute(statement).mappings()
    ]


def assignments_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> list[Assignment]:
    """Every decision about a lead, the oldest first."""
    statement = (
        sa.select(assignments)
        .where(assignments.c.organisation_id == organisation_id, assignments.c.lead_id == lead_id)
        .order_by(assignments.c.assigned_at, assignments.c.id)
    )
    return [
        Assignment(row.id, row.assignee_id, row.queue_id, row.decided_by, row.trace, row.assigned_at)
        for row in connection.execute(statement)
    ]


def _stored_rule(row: Any) -> StoredRule:
    draft = {"name": row.name, "conditions": row.conditions, "target": row.target, "is_active": row.is_active}
    return StoredRule(row.id, row.position, RuleDraft.model_validate(draft))
