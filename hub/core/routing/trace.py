"""The trace of a decision: what was seen, what was tried, and what follows from it.

A trace is plain JSON::

    {"v": 1, "at": moment, "strategy": name,
     "people": [[user id, why not or null, open leads, capacity or null, last assigned], ...],
     "steps": [{"step": ..., "result": ...}, ...],
     "assignee": user id or null, "queue": queue id or null, "decided_by": ...}

``last assigned`` is microseconds since 1970 (0: never). Under the weighted strategy a person has two more entries,
the weight and the running weight before the decision: what the person was owed then, in millionths of a lead. It holds
ids and numbers, no value of the lead.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from hub.core.routing.team import Strategy, WhyNot
from hub.db.types import from_micros

Trace = dict[str, Any]
Row = Sequence[Any]

TRACE_VERSION = 1
ID, WHY_NOT, OPEN, CAPACITY, LAST, WEIGHT, RUNNING = range(7)

WHOLE_LEAD = 1_000_000
"""What is owed is counted in parts of a lead, so that it means the same however many can take the next one."""

_PREFERENCE: dict[str, Callable[[Row], Any]] = {
    Strategy.LEAST_LOADED.value: itemgetter(OPEN, LAST, ID),
    Strategy.ROUND_ROBIN.value: itemgetter(LAST, ID),
}
"""The row that sorts first gets the lead."""
_LONGEST_WAIT = itemgetter(LAST, ID)


class Choice(NamedTuple):
    """What a trace leads to; ids as text, one of the two set."""

    assignee: str | None
    queue: str | None
    decided_by: str


def prefer(strategy: str, able: Iterable[Row]) -> Row | None:
    """The row that the strategy likes best."""
    if strategy == Strategy.WEIGHTED.value:
        return _prefer_by_weight(list(able))
    return min(able, key=_PREFERENCE[strategy], default=None)


def share(weight: int, total: int) -> int:
    """The part of one lead that somebody of this weight earns beside others, rounded to the nearest."""
    return (WHOLE_LEAD * weight + total // 2) // total


def _prefer_by_weight(able: list[Row]) -> Row | None:
    """Whose weight is owed most, and of all who have that weight the one who waited longest.

    Who has the same weight owes each other nothing: they take turns, whatever each was owed when somebody else
    came, left or had no more room (X-09).
    """
    if not able:
        return None
    total = sum(row[WEIGHT] for row in able)
    most_owed = min(able, key=lambda row: (-row[RUNNING] - share(row[WEIGHT], total), row[LAST], row[ID]))
    return min((row for row in able if row[WEIGHT] == most_owed[WEIGHT]), key=_LONGEST_WAIT)


def trace_by_hand(now: datetime, actor: str, *, assignee: UUID | None = None, queue: UUID | None = None) -> Trace:
    """The trace of a decision that a person took (N-064)."""
    person_id, queue_id = (None if found is None else str(found) for found in (assignee, queue))
    step = {"step": "person", "actor": actor, "person": person_id, "queue": queue_id, "result": "chosen"}
    return {
        "v": TRACE_VERSION,
        "at": now.isoformat(),
        "strategy": None,
        "people": [],
        "steps": [step],
        "assignee": person_id,
        "queue": queue_id,
        "decided_by": "person",
    }


def recompute(trace: Trace) -> Choice:
    """Decide again from what the trace says was seen, without looking at what it says was chosen."""
    able = {row[ID]: row for row in trace["people"] if _is_able(row)}
    for step in trace["steps"]:
        choice = _RECOMPUTED[step["step"]](step, trace["strategy"], able)
        if choice is not None:
            return choice
    raise ValueError("the trace ends without a choice")


def _is_able(row: Row) -> bool:
    if row[WHY_NOT] not in (None, WhyNot.FULL.value):
        return False
    return row[CAPACITY] is None or bool(row[OPEN] < row[CAPACITY])


def _named_person(step: Trace, strategy: str, able: dict[str, Row]) -> Choice | None:
    return Choice(step["person"], None, step["step"]) if step["person"] in able else None


def _rule(step: Trace, strategy: str, able: dict[str, Row]) -> Choice | None:
    if step["result"] in ("no_match", "passed_over"):
        return None
    if "queue" in step:
        return Choice(None, step["queue"], "rule")
    row = prefer(strategy, (able[key] for key in step["people"] if key in able))
    return None if row is None else Choice(row[ID], None, "rule")


def _strategy(step: Trace, strategy: str, able: dict[str, Row]) -> Choice | None:
    row = prefer(strategy, able.values())
    return None if row is None else Choice(row[ID], None, strategy)


def _queue(step: Trace, strategy: str, able: dict[str, Row]) -> Choice | None:
    return Choice(None, step["queue"], "queue")


def _by_hand(step: Trace, strategy: str, able: dict[str, Row]) -> Choice | None:
    return Choice(step["person"], step["queue"], "person")


_RECOMPUTED: dict[str, Callable[[Trace, str, dict[str, Row]], Choice | None]] = {
    "form_default": _named_person,
    "former_owner": _named_person,
    "rule": _rule,
    "strategy": _strategy,
    "queue": _queue,
    "person": _by_hand,
}


@dataclass(frozen=True, slots=True)
class Considered:
    """A person as a decision saw them. ``why_not`` is a ``WhyNot`` value, None for who could take the lead."""

    user_id: UUID
    why_not: str | None
    open_leads: int
    capacity: int | None
    last_assigned_at: datetime | None
    weight: int | None
    running_weight: int | None


def considered(trace: Trace) -> list[Considered]:
    """The people of a trace in named form, for pages and reports."""
    return [_named(row) for row in trace["people"]]


def _named(row: Row) -> Considered:
    is_weighted = len(row) > WEIGHT
    return Considered(
        user_id=UUID(row[ID]),
        why_not=row[WHY_NOT],
        open_leads=row[OPEN],
        capacity=row[CAPACITY],
        last_assigned_at=from_micros(row[LAST]) if row[LAST] else None,
        weight=row[WEIGHT] if is_weighted else None,
        running_weight=row[RUNNING] if is_weighted else None,
    )
