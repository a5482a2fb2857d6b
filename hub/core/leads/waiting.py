"""Leads that wait in queues get their people: what routing decides anew is written onto them (P-37)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.leads.queries import EVERYTHING
from hub.core.leads.service import locked_lead, store_assignment
from hub.core.routing.waiting import drain_queue


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
        lead = locked_lead(connection, organisation_id, lead_id, EVERYTHING)
        store_assignment(connection, organisation_id, lead, decision, actor=actor, now=now)
    assigned = sum(decision.assignee_id is not None for _, decision in decisions)
    return Drained(assigned, len(decisions) - assigned)
