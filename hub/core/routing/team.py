"""Who can take leads, as routing sees them at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from hub.core.routing.hours import WorkingHours
from hub.core.routing.rules import Rule


class Strategy(StrEnum):
    """How the hub chooses among people who can all take the lead; ties go to the longest wait, then by id."""

    LEAST_LOADED = "least_loaded"
    ROUND_ROBIN = "round_robin"
    WEIGHTED = "weighted"


class WhyNot(StrEnum):
    """Why a person cannot take a lead now. The first that is true is given, in this order."""

    NOT_IN_TEAM = "not_in_team"
    INACTIVE = "inactive"
    TAKES_NO_LEADS = "takes_no_leads"
    ABSENT = "absent"
    OUTSIDE_HOURS = "outside_hours"
    JUST_TAKEN_FROM = "just_taken_from"
    FULL = "full"


@dataclass(slots=True, eq=False)
class Member:
    """A person and the state that routing moves on.

    ``last_assigned`` is whole microseconds since 1970, 0 for never; ``open_leads`` counts leads in open stages.
    Absence is from ``absent_from`` (None: since ever) until ``absent_until`` (None: until further notice), and
    there is none when both are None.
    """

    user_id: UUID
    is_active: bool = True
    takes_leads: bool = True
    capacity: int | None = None
    weight: int = 1
    absent_from: datetime | None = None
    absent_until: datetime | None = None
    hours: WorkingHours | None = None
    centre_ids: frozenset[UUID] = frozenset()
    open_leads: int = 0
    last_assigned: int = 0
    current_weight: int = 0
    key: str = ""
    _judged_at: datetime | None = None
    _judgement: str | None = None

    def __post_init__(self) -> None:
        self.key = str(self.user_id)

    def why_away(self, now: datetime) -> str | None:
        """The reason for which this person takes nothing now, however few leads they have; remembered per moment."""
        if self._judged_at != now:
            self._judged_at = now
            self._judgement = self._judge(now)
        return self._judgement

    def _judge(self, now: datetime) -> str | None:
        if not self.is_active:
            return WhyNot.INACTIVE.value
        if not self.takes_leads:
            return WhyNot.TAKES_NO_LEADS.value
        if self._is_absent(now):
            return WhyNot.ABSENT.value
        if self.hours is not None and not self.hours.is_open(now):
            return WhyNot.OUTSIDE_HOURS.value
        return None

    def _is_absent(self, now: datetime) -> bool:
        if self.absent_from is None and self.absent_until is None:
            return False
        begun = self.absent_from is None or self.absent_from <= now
        return begun and (self.absent_until is None or now < self.absent_until)


@dataclass(frozen=True, slots=True)
class Queue:
    """Where a lead waits with a clock."""

    id: UUID
    name: str
    claim_within_minutes: int


@dataclass(slots=True)
class Team:
    """Everything that a decision depends on besides the lead. ``default_queue`` makes "never nobody" true.

    ``position`` says where in ``members`` a person stands; ``latest_assignment`` is the newest ``last_assigned``.
    """

    members: Sequence[Member]
    strategy: Strategy
    default_queue: Queue
    rules: Sequence[Rule] = ()
    queues: Mapping[UUID, Queue] = field(default_factory=dict)
    position: dict[UUID, int] = field(init=False)
    latest_assignment: int = field(init=False)

    def __post_init__(self) -> None:
        self.position = {member.user_id: place for place, member in enumerate(self.members)}
        self.queues = {**self.queues, self.default_queue.id: self.default_queue}
        self.latest_assignment = max((member.last_assigned for member in self.members), default=0)

    def member(self, user_id: UUID) -> Member | None:
        """The person with that id, if part of the team."""
        place = self.position.get(user_id)
        return None if place is None else self.members[place]

    def at_centre(self, centre_id: UUID | None) -> list[UUID]:
        """The ids of the people of a centre."""
        return [member.user_id for member in self.members if centre_id in member.centre_ids]
