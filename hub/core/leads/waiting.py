"""Leads that wait in queues get their people: what routing decides anew is written onto them (P-37)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.journey import add_step
from hub.core.leads.models import leads
from hub.core.outbox.service import publish
from hub.core.routing.decide import Decision
from hub.core.routing.models import assignments
from hub.core.routing.waiting import drain_queue
from hub.db.schema import new_id


@dataclass(frozen=True, slots=True)
class Drained:
    """How many waiting leads got a person, and how many went on to another queue."""

    assigned: int
    moved: int


def assign_waiting(
    connection: Connection, organisation_id: UUID, *, actor: str, now: datetime, limit: int = 100
) -> Drained:
    """Decide anew for up to ``limit`` waiting leads, the oldest first, and write assignment, journey step and event
    of each in the caller's transaction. ``actor`` is who asked for it."""
    decisions = drain_queue(connection, organisation_id, now, limit)
    for lead_id, decision in decisions:
        _write(connection, organisation_id, lead_id, decision, actor, now)
    assigned = sum(decision.assignee_id is not None for _, decision in decisions)
    return Drained(assigned, len(decisions) - assigned)


def _write(
    connection: Connection, organisation_id: UUID, lead_id: UUID, decision: Decision, actor: str, now: datetime
) -> None:
    placed = {"assignee_id": decision.assignee_id, "queue_id": decision.queue_id}
    change = {"claim_until": decision.claim_until, "updated_at": now, "revision": leads.c.revision + 1}
    mine = (leads.c.organisation_id == organisation_id, leads.c.id == lead_id)
    connection.execute(sa.update(leads).where(*mine).values(**placed, **change))
    connection.execute(
        sa.insert(assignments).values(
            id=new_id(),
            organisation_id=organisation_id,
            lead_id=lead_id,
            decided_by=decision.decided_by,
            trace=decision.trace,
            assigned_at=now,
            **placed,
        )
    )
    to = {"assignee": str(decision.assignee_id)} if decision.assignee_id else {"queue": str(decision.queue_id)}
    detail = {**to, "decided_by": decision.decided_by}
    add_step(connection, organisation_id, lead_id, kind="assigned", actor=actor, detail=detail, now=now)
    publish(connection, organisation_id, kind="lead_assigned", subject_id=lead_id, payload=detail, now=now)
