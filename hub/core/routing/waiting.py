"""Leads that wait in queues (P-37).

A lead in the default queue waits because nobody could take it: it goes to the first who can. A lead in any other
queue was put there by a rule or by hand, so that somebody claims it: it goes to whom the strategy chooses only when
its clock has run out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import leads
from hub.core.routing.decide import Decision
from hub.core.routing.past_requests import load_requests
from hub.core.routing.service import RoutingSession


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How many open leads wait in a queue, for how many of them the clock ran out, and since when the oldest waits."""

    queue_id: UUID
    waiting: int
    overdue: int
    oldest_submitted_at: datetime


def drain_queue(
    connection: Connection, organisation_id: UUID, now: datetime, limit: int = 100
) -> list[tuple[UUID, Decision]]:
    """Decide anew for up to ``limit`` waiting leads, the oldest first; the caller writes each decision onto its lead
    in the same transaction. To be asked when somebody gets room or comes back, and from time to time for the clocks.

    A decision names a person, or another queue where a rule now says so. Leads for which nothing changes are not
    in the list; with nobody able to take anything the list is empty.
    """
    session = RoutingSession.open(connection, organisation_id, now)
    if not session.anybody_able():
        return []
    ready = _ready(connection, organisation_id, session.team.default_queue.id, now, limit)
    requests = load_requests(connection, organisation_id, [row.id for row in ready])
    moved: list[tuple[UUID, Decision]] = []
    for row in ready:
        is_overdue = row.claim_until is not None and row.claim_until <= now
        decision = session.route(replace(requests[row.id], is_overdue=is_overdue))
        if decision.queue_id != row.queue_id:
            moved.append((row.id, decision))
        if not session.anybody_able():
            break
    session.flush(connection)
    return moved


def queue_loads(connection: Connection, organisation_id: UUID, now: datetime) -> list[QueueLoad]:
    """What waits in each queue that is not empty."""
    is_overdue = sa.case((leads.c.claim_until <= now, 1), else_=0)
    statement = (
        sa.select(leads.c.queue_id, sa.func.count(), sa.func.sum(is_overdue), sa.func.min(leads.c.submitted_at))
        .where(*_waiting(organisation_id))
        .group_by(leads.c.queue_id)
    )
    return [QueueLoad(*row) for row in connection.execute(statement)]


def _ready(
    connection: Connection, organisation_id: UUID, default_queue_id: UUID, now: datetime, limit: int
) -> list[sa.Row[tuple[UUID, UUID, datetime]]]:
    statement = (
        sa.select(leads.c.id, leads.c.queue_id, leads.c.claim_until)
        .where(
            *_waiting(organisation_id),
            sa.or_(leads.c.queue_id == default_queue_id, leads.c.claim_until <= now),
        )
        .order_by(leads.c.submitted_at, leads.c.id)
        .limit(limit)
    )
    return list(connection.execute(statement))


def _waiting(organisation_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        leads.c.organisation_id == organisation_id,
        leads.c.assignee_id.is_(None),
        leads.c.stage_kind == "open",
        leads.c.is_test.is_(False),
    )
