"""The decision: who gets a lead, and why. Pure; nothing here reads a clock or a database.

The order (decision 21): the form's default assignee, the former owner of a returning person (P-45), the rules from
the top, the strategy, and then a queue with a clock. Whoever cannot take the lead is passed over and the trace says
why. So a lead always ends with a person or a queue.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from hub.core.routing.request import RoutingRequest
from hub.core.routing.rules import CentreTarget, Rule
from hub.core.routing.team import Member, Queue, Strategy, Team, WhyNot
from hub.core.routing.trace import TRACE_VERSION, WHY_NOT, Choice, Trace, prefer, recompute, share
from hub.db.types import to_micros

__all__ = ["Choice", "Decision", "Trace", "decide", "recompute", "take"]


class Decision(NamedTuple):
    """Where a lead goes: a person, or a queue until ``claim_until``; exactly one of the two ids is set.

    ``decided_by`` is ``form_default``, ``former_owner``, ``rule``, the strategy's name, ``queue`` or ``person``.
    ``turn`` are the people among whom the weighted strategy chose; ``take`` moves their running weights.
    """

    assignee_id: UUID | None
    queue_id: UUID | None
    decided_by: str
    trace: Trace
    claim_until: datetime | None = None
    turn: tuple[Member, ...] = ()


def decide(request: RoutingRequest, team: Team, now: datetime) -> Decision:
    """Choose for one lead. The team is not changed; ``take`` does that once the decision stands."""
    rows = _judge_people(request, team, now)
    steps: list[dict[str, Any]] = []
    trace: Trace = {
        "v": TRACE_VERSION,
        "at": now.isoformat(),
        "strategy": team.strategy.value,
        "people": rows,
        "steps": steps,
    }
    for name, user_id in (("form_default", request.default_assignee_id), ("former_owner", request.former_owner_id)):
        if user_id is not None:
            place = team.position.get(user_id)
            why_not = WhyNot.NOT_IN_TEAM.value if place is None else rows[place][WHY_NOT]
            steps.append({"step": name, "person": str(user_id), "result": why_not or "chosen"})
            if place is not None and why_not is None:
                return _to_person(team.members[place], name, trace)
    for rule in team.rules:
        if not rule.holds(request):
            steps.append(rule.no_match)
        elif (decision := _follow(rule, request, team, now, trace)) is not None:
            return decision
    return _by_strategy(team, now, trace)


def take(team: Team, decision: Decision, now: datetime) -> None:
    """Move the team's state: the next decision sees this lead. Times of assignment never repeat and never run
    backwards, so that "waited longest" stays true inside a batch and when a clock is set back."""
    if decision.assignee_id is None:
        return
    chosen = team.member(decision.assignee_id)
    if chosen is None:
        return
    team.latest_assignment = max(to_micros(now), team.latest_assignment + 1)
    chosen.open_leads += 1
    chosen.last_assigned = team.latest_assignment
    if decision.turn:
        _settle_turn(decision.turn, chosen)


def _settle_turn(turn: tuple[Member, ...], chosen: Member) -> None:
    """Everybody who could have taken the lead earns a share of it, and who took it owes a whole one.

    Shares of a lead, not weights: somebody who is full or away neither earns nor owes, and nobody has to make up
    for what was given out among others. The chosen one pays from what the most owed of the same weight had, because
    which of these it is was decided by waiting.
    """
    total = sum(member.weight for member in turn)
    earned = 0
    for member in turn:
        part = share(member.weight, total)
        member.current_weight += part
        earned += part
    most_owed = max((each for each in turn if each.weight == chosen.weight), key=lambda each: each.current_weight)
    owed, most_owed.current_weight = most_owed.current_weight, chosen.current_weight
    chosen.current_weight = owed - earned


def _judge_people(request: RoutingRequest, team: Team, now: datetime) -> list[list[Any]]:
    """One row per person: may they take this lead, and what the choice depends on."""
    is_weighted = team.strategy is Strategy.WEIGHTED
    not_to = request.not_to
    rows: list[list[Any]] = []
    for member in team.members:
        why_not = member.why_away(now)
        if why_not is None:
            if not_to and member.user_id in not_to:
                why_not = WhyNot.JUST_TAKEN_FROM.value
            elif member.capacity is not None and member.open_leads >= member.capacity:
                why_not = WhyNot.FULL.value
        row = [member.key, why_not, member.open_leads, member.capacity, member.last_assigned]
        if is_weighted:
            row += (member.weight, member.current_weight)
        rows.append(row)
    return rows


def _follow(rule: Rule, request: RoutingRequest, team: Team, now: datetime, trace: Trace) -> Decision | None:
    """What a rule that holds leads to; None when nobody whom it names can take the lead."""
    step: dict[str, Any] = {"step": "rule", "rule": rule.id, "name": rule.name}
    trace["steps"].append(step)
    if rule.queue_id is not None:
        queue = team.queues.get(rule.queue_id)
        if queue is None or request.is_overdue:
            step["result"] = "passed_over"
            return None
        step |= {"result": "queue", "queue": str(queue.id)}
        return _to_queue(queue, "rule", now, trace)
    people: Iterable[UUID] = rule.people
    if isinstance(rule.target, CentreTarget):
        people = team.at_centre(rule.target.centre_id or request.centre_id)
    places = [team.position[user_id] for user_id in dict.fromkeys(people) if user_id in team.position]
    step["people"] = [team.members[place].key for place in places]
    decision = _among(places, "rule", team, trace)
    step["result"] = "chosen" if decision else "nobody_able"
    return decision


def _by_strategy(team: Team, now: datetime, trace: Trace) -> Decision:
    decision = _among(range(len(team.members)), team.strategy.value, team, trace)
    trace["steps"].append({"step": "strategy", "result": "chosen" if decision else "nobody_able"})
    if decision is not None:
        return decision
    trace["steps"].append({"step": "queue", "queue": str(team.default_queue.id)})
    return _to_queue(team.default_queue, "queue", now, trace)


def _among(places: Iterable[int], decided_by: str, team: Team, trace: Trace) -> Decision | None:
    """The strategy's choice among the people at these places who can take the lead."""
    rows = trace["people"]
    able = [place for place in places if rows[place][WHY_NOT] is None]
    chosen = prefer(team.strategy.value, [rows[place] for place in able])
    if chosen is None:
        return None
    turn: tuple[Member, ...] = ()
    if team.strategy is Strategy.WEIGHTED:
        turn = tuple(team.members[place] for place in able)
    member = next(team.members[place] for place in able if rows[place] is chosen)
    return _to_person(member, decided_by, trace, turn)


def _to_person(member: Member, decided_by: str, trace: Trace, turn: tuple[Member, ...] = ()) -> Decision:
    trace |= {"assignee": member.key, "queue": None, "decided_by": decided_by}
    return Decision(member.user_id, None, decided_by, trace, None, turn)


def _to_queue(queue: Queue, decided_by: str, now: datetime, trace: Trace) -> Decision:
    trace |= {"assignee": None, "queue": str(queue.id), "decided_by": decided_by}
    return Decision(None, queue.id, decided_by, trace, now + timedelta(minutes=queue.claim_within_minutes))
