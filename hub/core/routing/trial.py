"""Playing past leads through a team: who would have had how many, and who would have waited. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from uuid import UUID

from hub.core.routing.decide import decide, take
from hub.core.routing.request import RoutingRequest
from hub.core.routing.team import Team

CLOSES, CLOCK_ENDS = "closes", "clock_ends"


@dataclass(slots=True)
class Tally:
    """What a way of routing led to.

    ``leads`` per person, ``peak_open`` the most open leads a person had at one time, ``waited`` how many leads stood
    in a queue first and how long together, ``never_assigned`` how many got nobody in the time looked at.
    """

    leads: dict[UUID, int] = field(default_factory=dict)
    peak_open: dict[UUID, int] = field(default_factory=dict)
    waited: int = 0
    total_wait: timedelta = timedelta()
    longest_wait: timedelta = timedelta()
    never_assigned: int = 0

    def assigned(self, user_id: UUID, open_leads: int, wait: timedelta | None) -> None:
        """A person got a lead and now has that many open; ``wait`` is None for one that did not stand in a queue."""
        self.leads[user_id] = self.leads.get(user_id, 0) + 1
        self.peak_open[user_id] = max(self.peak_open.get(user_id, 0), open_leads)
        if wait is not None:
            self.waited += 1
            self.total_wait += wait
            self.longest_wait = max(self.longest_wait, wait)

    def never(self, leads: int) -> None:
        """Leads that stood in a queue and got nobody."""
        self.waited += leads
        self.never_assigned += leads


@dataclass(slots=True)
class PastLead:
    """A lead as it came and went; ``assignee_id`` is who really had it."""

    id: UUID
    received_at: datetime
    closed_at: datetime | None
    assignee_id: UUID | None


class Trial:
    """One run. The team is used up: its state moves with every lead."""

    def __init__(self, team: Team) -> None:
        self.tally = Tally()
        self._team = team
        self._owner: dict[UUID, UUID] = {}
        self._waiting: deque[tuple[UUID, datetime]] = deque()
        self._claimable: dict[UUID, datetime] = {}
        self._requests: dict[UUID, RoutingRequest] = {}
        self._ahead: list[tuple[datetime, int, str, UUID]] = []
        self._count = 0

    def expect_close(self, lead_id: UUID, at: datetime, owner_id: UUID | None = None) -> None:
        """A lead will be closed then; ``owner_id`` for one that somebody already has at the start."""
        if owner_id is not None:
            self._owner[lead_id] = owner_id
        self._later(at, CLOSES, lead_id)

    def receive(self, arrivals: Iterable[PastLead], requests: Mapping[UUID, RoutingRequest]) -> None:
        """Let leads arrive, in order of time; may be called again with later ones."""
        for lead in arrivals:
            self._pass_until(lead.received_at)
            self._drain(lead.received_at)
            self._requests[lead.id] = requests[lead.id]
            if lead.closed_at is not None:
                self._later(lead.closed_at, CLOSES, lead.id)
            self._route(lead.id, lead.received_at, lead.received_at)

    def finish(self, until: datetime) -> Tally:
        """Let the rest of the time pass and give the result."""
        self._pass_until(until)
        self.tally.never(len(self._requests))
        return self.tally

    def _pass_until(self, moment: datetime) -> None:
        while self._ahead and self._ahead[0][0] <= moment:
            at, _, kind, lead_id = heappop(self._ahead)
            if kind == CLOSES:
                self._close(lead_id, at)
            elif lead_id in self._claimable:
                self._route(lead_id, self._claimable.pop(lead_id), at, is_overdue=True)

    def _close(self, lead_id: UUID, at: datetime) -> None:
        owner = self._owner.pop(lead_id, None)
        member = self._team.member(owner) if owner is not None else None
        if member is not None:
            member.open_leads = max(0, member.open_leads - 1)
            self._drain(at)
        elif self._requests.pop(lead_id, None) is not None:
            self._claimable.pop(lead_id, None)
            self.tally.never(1)

    def _drain(self, now: datetime) -> None:
        for _ in range(len(self._waiting)):
            lead_id, since = self._waiting.popleft()
            if lead_id in self._requests and not self._route(lead_id, since, now, is_drained=True):
                break

    def _route(
        self, lead_id: UUID, since: datetime, now: datetime, *, is_overdue: bool = False, is_drained: bool = False
    ) -> bool:
        """Decide at ``now`` for a lead that came at ``since``; False when it waits again for the first who can."""
        request = self._requests[lead_id]
        decision = decide(replace(request, is_overdue=is_overdue), self._team, now)
        take(self._team, decision, now)
        member = self._team.member(decision.assignee_id) if decision.assignee_id is not None else None
        if member is not None:
            del self._requests[lead_id]
            self._owner[lead_id] = member.user_id
            stood = is_overdue or is_drained
            self.tally.assigned(member.user_id, member.open_leads, now - since if stood else None)
            return True
        if decision.decided_by == "queue":
            put_back = self._waiting.appendleft if is_drained else self._waiting.append
            put_back((lead_id, since))
            return False
        self._claimable[lead_id] = since
        if decision.claim_until is not None:
            self._later(decision.claim_until, CLOCK_ENDS, lead_id)
        return True

    def _later(self, at: datetime, kind: str, lead_id: UUID) -> None:
        self._count += 1
        heappush(self._ahead, (at, self._count, kind, lead_id))
