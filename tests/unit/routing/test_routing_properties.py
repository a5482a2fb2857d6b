"""What holds for every team, absence, hours, capacity and rule (X-09)."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_teams import ALWAYS, NOON, QUEUE, VIP, member, person, rule, team, to_people

from hub.core.routing.decide import decide, recompute, take
from hub.core.routing.hours import DAYS, read_hours
from hub.core.routing.request import RoutingRequest
from hub.core.routing.team import Member, Strategy, Team

_moments = st.none() | st.integers(-72, 72).map(lambda hours: NOON + timedelta(hours=hours))
_spans = st.tuples(st.integers(0, 22), st.integers(1, 24)).filter(lambda span: span[0] < span[1])
_hours = st.none() | st.dictionaries(
    st.sampled_from(DAYS), _spans.map(lambda span: [[f"{span[0]:02}:00", f"{span[1]:02}:00"]])
).map(lambda week: read_hours(week, "America/Sao_Paulo"))


@st.composite
def _teams(draw: st.DrawFn) -> Team:
    members = [
        member(
            number,
            is_active=draw(st.booleans()),
            takes_leads=draw(st.booleans()),
            capacity=draw(st.none() | st.integers(0, 6)),
            weight=draw(st.integers(1, 5)),
            absent_from=draw(_moments),
            absent_until=draw(_moments),
            hours=draw(_hours),
            open_leads=draw(st.integers(0, 6)),
            last_assigned=draw(st.integers(0, 3)),
        )
        for number in range(1, draw(st.integers(0, 6)) + 1)
    ]
    rules = [
        rule(
            draw(st.sampled_from([ALWAYS, {"about": "priority", "operator": "eq", "operand": "high"}])),
            draw(
                st.lists(st.integers(1, 8), min_size=1, max_size=4).map(lambda numbers: to_people(*numbers))
                | st.just({"kind": "queue", "queue_id": str(VIP.id)})
            ),
            number,
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return team(members, draw(st.sampled_from(Strategy)), rules)


_people = st.none() | st.integers(1, 8).map(person)
_requests = st.builds(
    RoutingRequest,
    priority=st.sampled_from([None, "high", "low"]),
    default_assignee_id=_people,
    former_owner_id=_people,
    not_to=st.frozensets(st.integers(1, 8).map(person), max_size=2),
    is_overdue=st.booleans(),
)
_steps = st.lists(st.tuples(_requests, st.integers(0, 30)), min_size=1, max_size=25)


def _could(who: Member, hour: int) -> bool:
    now = NOON + timedelta(hours=hour)
    has_room = who.capacity is None or who.open_leads < who.capacity
    has_begun = who.absent_from is None or who.absent_from <= now
    has_ended = who.absent_until is not None and who.absent_until <= now
    is_absent = has_begun and not has_ended and (who.absent_from, who.absent_until) != (None, None)
    is_awake = who.hours is None or who.hours.is_open(now)
    return who.is_active and who.takes_leads and has_room and is_awake and not is_absent


@pytest.mark.proves("X-09")
@settings(max_examples=300, deadline=None)
@given(_teams(), _steps)
def test_every_lead_gets_somebody_able_or_a_queue_with_a_clock(
    crew: Team, steps: list[tuple[RoutingRequest, int]]
) -> None:
    """No lead without owner or queue, nobody inactive, absent, asleep or full; and the trace leads to the same."""
    for request, hour in steps:
        now = NOON + timedelta(hours=hour)
        decision = decide(request, crew, now)
        assert (decision.assignee_id is None) != (decision.queue_id is None)
        if decision.assignee_id is not None:
            chosen = crew.member(decision.assignee_id)
            assert chosen is not None
            assert _could(chosen, hour)
            assert chosen.user_id not in request.not_to
        else:
            assert decision.queue_id in (QUEUE.id, VIP.id)
            assert decision.claim_until is not None
            assert decision.claim_until > now
        choice = recompute(json.loads(json.dumps(decision.trace)))
        queue = None if decision.queue_id is None else str(decision.queue_id)
        assignee = None if decision.assignee_id is None else str(decision.assignee_id)
        assert choice == (assignee, queue, decision.decided_by)
        take(crew, decision, now)


@given(_teams(), _requests)
def test_the_default_queue_is_only_used_when_nobody_can(crew: Team, request: RoutingRequest) -> None:
    """A lead waits in the default queue exactly when no person could take it."""
    decision = decide(request, crew, NOON)
    rows = {row[0]: row[1] for row in decision.trace["people"]}
    if decision.decided_by == "queue":
        assert all(rows.values())
    else:
        assert decision.decided_by == "rule" or not all(rows.values())


@given(_teams(), _requests)
def test_deciding_changes_nothing(crew: Team, request: RoutingRequest) -> None:
    """The same question gives the same answer; only taking the decision moves the team."""
    assert decide(request, crew, NOON) == decide(request, crew, NOON)


@pytest.mark.proves("X-09")
@settings(max_examples=200, deadline=None)
@given(
    strategy=st.sampled_from(Strategy),
    equals=st.integers(2, 5),
    others=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.none() | st.integers(0, 12)), max_size=4),
    leads=st.integers(1, 60),
    weight=st.integers(1, 4),
)
def test_equal_people_differ_by_at_most_one_lead_over_any_window(
    strategy: Strategy, equals: int, others: list[tuple[int, int, int | None]], leads: int, weight: int
) -> None:
    """Whoever else is in the team, people who are alike get the same number of leads, give or take one.

    By weight this holds while the team stays as it is; somebody who becomes full in between may shift it by one more.
    """
    alike = [member(number, weight=weight) for number in range(1, equals + 1)]
    rest = [
        member(
            100 + number,
            open_leads=load,
            weight=share,
            capacity=None if strategy is Strategy.WEIGHTED else capacity,
        )
        for number, (load, share, capacity) in enumerate(others)
    ]
    crew = team(alike + rest, strategy)
    chosen: list[int] = []
    for _ in range(leads):
        decision = decide(RoutingRequest(), crew, NOON)
        take(crew, decision, NOON)
        assert decision.assignee_id is not None
        chosen.append(decision.assignee_id.int)
    for start in range(len(chosen)):
        counts: Counter[int] = Counter(dict.fromkeys(range(1, equals + 1), 0))
        for who in chosen[start:]:
            if who in counts:
                counts[who] += 1
            assert max(counts.values()) - min(counts.values()) <= 1
