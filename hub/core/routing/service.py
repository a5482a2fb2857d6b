"""Routing inside a transaction: deciding for many leads, by hand, and keeping the counts of open leads.

Everything here takes the organisation's routing lock and holds it to the end of the caller's transaction. Who
routes for several organisations in one transaction opens their sessions in the order of their ids; otherwise two
such transactions could wait for each other.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.routing.decide import Decision, decide, take
from hub.core.routing.loading import load_team, lock_routing
from hub.core.routing.models import assignees
from hub.core.routing.request import RoutingRequest
from hub.core.routing.team import Member, Team
from hub.core.routing.trace import trace_by_hand
from hub.db.types import from_micros

_STORE = (
    sa.update(assignees)
    .where(assignees.c.organisation_id == sa.bindparam("organisation"), assignees.c.user_id == sa.bindparam("person"))
    .values(
        open_leads=sa.bindparam("new_open_leads"),
        last_assigned_at=sa.bindparam("new_last_assigned_at"),
        current_weight=sa.bindparam("new_current_weight"),
    )
)


class RoutingSession:
    """Decisions for leads of one organisation in one writing transaction.

    The session holds the lock, so its picture of the team stays true; each decision moves the picture, so two
    leads of a batch never see the same "fewest". ``flush`` must be called before the transaction ends.
    """

    def __init__(self, organisation_id: UUID, team: Team, now: datetime) -> None:
        self.organisation_id = organisation_id
        self.team = team
        self.now = now
        self._touched: set[UUID] = set()

    @classmethod
    def open(cls, connection: Connection, organisation_id: UUID, now: datetime) -> Self:
        """Take the lock and load team, rules and queues."""
        strategy = lock_routing(connection, organisation_id)
        return cls(organisation_id, load_team(connection, organisation_id, strategy), now)

    def route(self, request: RoutingRequest) -> Decision:
        """Decide for one lead and count it; the decision names a person or a queue, always."""
        decision = decide(request, self.team, self.now)
        take(self.team, decision, self.now)
        self._touched.update(member.user_id for member in decision.turn)
        if decision.assignee_id is not None:
            self._touched.add(decision.assignee_id)
        return decision

    def assign(self, user_id: UUID, *, actor: str) -> Decision:
        """Give a lead to a person by hand (N-064): capacity, absence and hours do not stop this, but somebody who
        is inactive or not in the team is refused. ``actor`` is who says so, ``user:<id>``."""
        member = self.team.member(user_id)
        if member is None:
            raise UnknownRecordError("assignee")
        if not member.is_active:
            message = "this person is inactive and cannot have leads; choose somebody else or activate the account"
            raise RefusedChangeError(message, field="assignee_id", code="inactive")
        trace = trace_by_hand(self.now, actor, assignee=user_id)
        decision = Decision(user_id, None, "person", trace)
        take(self.team, decision, self.now)
        self._touched.add(user_id)
        return decision

    def enqueue(self, queue_id: UUID | None, *, actor: str) -> Decision:
        """Put a lead into a queue by hand, the default one if none is named; its clock starts now."""
        queue = self.team.default_queue if queue_id is None else self.team.queues.get(queue_id)
        if queue is None:
            raise UnknownRecordError("queue")
        until = self.now + timedelta(minutes=queue.claim_within_minutes)
        return Decision(None, queue.id, "person", trace_by_hand(self.now, actor, queue=queue.id), until)

    def anybody_able(self) -> bool:
        """Whether at least one person can take a lead now."""
        return any(
            member.why_away(self.now) is None and (member.capacity is None or member.open_leads < member.capacity)
            for member in self.team.members
        )

    def count(self, user_id: UUID | None, change: int) -> None:
        """Note that a person's open leads grew or shrank other than by a decision of this session: closed (-1),
        reopened (+1), taken away (-1), deleted (-1). None and people who left the team are passed over."""
        member = self.team.member(user_id) if user_id is not None else None
        if member is not None:
            member.open_leads = max(0, member.open_leads + change)
            self._touched.add(member.user_id)

    def flush(self, connection: Connection) -> None:
        """Write everybody whose state moved, with one statement."""
        if self._touched:
            people = [self.team.members[place] for place in sorted(self.team.position[key] for key in self._touched)]
            connection.execute(_STORE, [self._row(member) for member in people])
            self._touched.clear()

    def _row(self, member: Member) -> dict[str, object]:
        return {
            "organisation": self.organisation_id,
            "person": member.user_id,
            "new_open_leads": member.open_leads,
            "new_last_assigned_at": from_micros(member.last_assigned) if member.last_assigned else None,
            "new_current_weight": member.current_weight,
        }


def load_changed(connection: Connection, organisation_id: UUID, changes: Mapping[UUID, int], now: datetime) -> None:
    """Add to people's open leads, in a transaction without a session of its own: ``{user_id: -1}`` when a lead was
    closed, ``+1`` when one was reopened. With a session open, use its ``count``."""
    session = RoutingSession.open(connection, organisation_id, now)
    for user_id, change in changes.items():
        session.count(user_id, change)
    session.flush(connection)


def assign_manually(
    connection: Connection,
    organisation_id: UUID,
    *,
    user_id: UUID,
    former_id: UUID | None,
    actor: str,
    now: datetime,
    is_open: bool = True,
) -> Decision:
    """Give a lead to a person, whoever had it before (``former_id``); the caller writes the lead.

    A closed lead (``is_open`` False) is in nobody's count and moves none.
    """
    session = RoutingSession.open(connection, organisation_id, now)
    if is_open:
        session.count(former_id, -1)
    decision = session.assign(user_id, actor=actor)
    if not is_open:
        session.count(user_id, -1)
    session.flush(connection)
    return decision


def unassign(
    connection: Connection,
    organisation_id: UUID,
    *,
    former_id: UUID | None,
    actor: str,
    now: datetime,
    queue_id: UUID | None = None,
    reroute: RoutingRequest | None = None,
) -> Decision:
    """Take an open lead away from its owner (P-46): the decision to be written has another owner or a queue.

    With ``reroute`` automatic assignment runs at once (N-063) and passes over the former owner; without it the lead
    goes into the named queue or the default one.
    """
    session = RoutingSession.open(connection, organisation_id, now)
    session.count(former_id, -1)
    if reroute is None:
        decision = session.enqueue(queue_id, actor=actor)
    else:
        barred = reroute.not_to if former_id is None else reroute.not_to | {former_id}
        decision = session.route(replace(reroute, not_to=barred))
    session.flush(connection)
    return decision
