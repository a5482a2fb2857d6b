"""Reading what routing decides on: team, rules and queues, in a handful of statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.models import user_centres, users
from hub.core.routing.hours import hours_of_text
from hub.core.routing.models import assignees, queues, routing_rules, routing_settings
from hub.core.routing.rules import CentreTarget, Rule, rule_of_text
from hub.core.routing.team import Member, Queue, Strategy, Team
from hub.db.schema import new_id
from hub.db.types import to_micros

FIRST_QUEUE = "Unassigned leads"
FIRST_CLAIM_MINUTES = 60

_ORGANISATION: sa.BindParameter[UUID] = sa.bindparam("organisation")
_LOCK = (
    sa.select(routing_settings.c.strategy).where(routing_settings.c.organisation_id == _ORGANISATION).with_for_update()
)
_MEMBERS = (
    sa.select(
        assignees.c.user_id,
        users.c.is_active,
        assignees.c.takes_leads,
        assignees.c.capacity,
        assignees.c.weight,
        assignees.c.absent_from,
        assignees.c.absent_until,
        sa.type_coerce(assignees.c.hours, sa.Text).label("hours"),
        assignees.c.time_zone,
        assignees.c.open_leads,
        assignees.c.last_assigned_at,
        assignees.c.current_weight,
    )
    .join(users, sa.and_(users.c.id == assignees.c.user_id, users.c.organisation_id == assignees.c.organisation_id))
    .where(assignees.c.organisation_id == _ORGANISATION)
    .order_by(assignees.c.user_id)
)
_CENTRES = sa.select(user_centres.c.user_id, user_centres.c.centre_id).where(
    user_centres.c.organisation_id == _ORGANISATION
)
_QUEUES = sa.select(queues).where(queues.c.organisation_id == _ORGANISATION)
_RULES = (
    sa.select(
        routing_rules.c.id,
        routing_rules.c.name,
        sa.type_coerce(routing_rules.c.conditions, sa.Text).label("conditions"),
        sa.type_coerce(routing_rules.c.target, sa.Text).label("target"),
    )
    .where(routing_rules.c.organisation_id == _ORGANISATION, routing_rules.c.is_active)
    .order_by(routing_rules.c.position, routing_rules.c.id)
)


def lock_routing(connection: Connection, organisation_id: UUID) -> Strategy:
    """Wait until nobody else routes for the organisation, and keep others out until the transaction ends.

    Needs a writing transaction. Settings and default queue are made if they are missing, so that a lead is never
    without a place to go.
    """
    strategy = connection.execute(_LOCK, {"organisation": organisation_id}).scalar()
    if strategy is None:
        ensure_routing(connection, organisation_id)
        strategy = connection.execute(_LOCK, {"organisation": organisation_id}).scalar_one()
    return Strategy(strategy)


def ensure_routing(connection: Connection, organisation_id: UUID) -> None:
    """Make routing settings and a default queue where they are missing."""
    settings = sa.select(routing_settings.c.version).where(routing_settings.c.organisation_id == organisation_id)
    if connection.execute(settings).first() is None:
        row = {"organisation_id": organisation_id, "strategy": Strategy.LEAST_LOADED.value, "version": 1}
        connection.execute(sa.insert(routing_settings).values(row))
    default = sa.select(queues.c.id).where(queues.c.organisation_id == organisation_id, queues.c.is_default)
    if connection.execute(default).first() is None:
        connection.execute(
            sa.insert(queues).values(
                id=new_id(),
                organisation_id=organisation_id,
                name=FIRST_QUEUE,
                is_default=True,
                claim_within_minutes=FIRST_CLAIM_MINUTES,
            )
        )


def load_team(
    connection: Connection, organisation_id: UUID, strategy: Strategy, rules: Sequence[Rule] | None = None
) -> Team:
    """The team as the database has it; ``rules`` replace the stored ones (to try new rules)."""
    if rules is None:
        rules = load_rules(connection, organisation_id)
    by_centre = any(isinstance(rule.target, CentreTarget) for rule in rules)
    centres_of = _load_centres(connection, organisation_id) if by_centre else {}
    rows = connection.execute(_MEMBERS, {"organisation": organisation_id})
    members = [_member(row, frozenset(centres_of.get(row.user_id, ()))) for row in rows]
    known, default = load_queues(connection, organisation_id)
    return Team(members, strategy, default, rules, known)


def load_rules(connection: Connection, organisation_id: UUID) -> list[Rule]:
    """The active rules in order, ready to be tried."""
    rows = connection.execute(_RULES, {"organisation": organisation_id})
    return [rule_of_text(row.id, row.name, row.conditions, row.target) for row in rows]


def load_queues(connection: Connection, organisation_id: UUID) -> tuple[dict[UUID, Queue], Queue]:
    """All queues by id, and the default one."""
    rows = connection.execute(_QUEUES, {"organisation": organisation_id}).all()
    known = {row.id: Queue(row.id, row.name, row.claim_within_minutes) for row in rows}
    return known, next(known[row.id] for row in rows if row.is_default)


def _load_centres(connection: Connection, organisation_id: UUID) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = {}
    for user_id, centre_id in connection.execute(_CENTRES, {"organisation": organisation_id}):
        found.setdefault(user_id, set()).add(centre_id)
    return found


def _member(row: Any, centre_ids: frozenset[UUID]) -> Member:
    last: datetime | None = row.last_assigned_at
    return Member(
        user_id=row.user_id,
        is_active=row.is_active,
        takes_leads=row.takes_leads,
        capacity=row.capacity,
        weight=row.weight,
        absent_from=row.absent_from,
        absent_until=row.absent_until,
        hours=hours_of_text(row.hours, row.time_zone) if row.hours is not None else None,
        centre_ids=centre_ids,
        open_leads=row.open_leads,
        last_assigned=0 if last is None else to_micros(last),
        current_weight=row.current_weight,
    )
