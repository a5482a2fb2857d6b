"""What holds for every team, absence, hours, capacity and rule (X-09)."""

import json
from collections import Counter
from datetime import timedelta
from itertools import combinations, groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_teams import ALWAYS, NOON, QUEUE, VIP, member, person, rule, team, to_people

from hub.core.routing.decide import decide, recompute, take
from hub.core.routing.hours import DAYS, read_hours
from hub.core.routing.request import RoutingRequest
from hub.core.routing.team import Member, Strategy, Team
from hub.core.routing.trace import WHOLE_LEAD

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


_aways = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=3)
"""Stretches of leads, from and how many, during which somebody is away."""


@st.composite
def _weights_and_aways(draw: st.DrawFn) -> tuple[int, int | None, list[tuple[int, int]]]:
    return draw(st.integers(1, 6)), draw(st.none() | st.integers(0, 12)), draw(_aways)


def _differences(chosen: list[int], people: list[int]) -> int:
    """The most by which the numbers of leads of these people differ over any window."""
    worst = 0
    for start in range(len(chosen)):
        counts: Counter[int] = Counter(dict.fromkeys(people, 0))
        for who in chosen[start:]:
            if who in counts:
                counts[who] += 1
            worst = max(worst, max(counts.values()) - min(counts.values()))
    return worst


def _run(crew: Team, leads: int, away: dict[int, list[tuple[int, int]]]) -> list[int]:
    """Give out leads while people come and go; 0 where nobody could take one."""
    chosen = []
    for lead in range(leads):
        for who in crew.members:
            stretches = away.get(who.user_id.int, [])
            who.takes_leads = not any(first <= lead < first + length for first, length in stretches)
            who._judged_at = None
        decision = decide(RoutingRequest(), crew, NOON)
        take(crew, decision, NOON)
        chosen.append(decision.assignee_id.int if decision.assignee_id else 0)
    return chosen


@pytest.mark.proves("X-09")
@settings(max_examples=300, deadline=None)
@given(
    strategy=st.sampled_from(Strategy),
    equals=st.integers(2, 5),
    others=st.lists(st.tuples(st.integers(0, 9), _weights_and_aways()), max_size=5),
    leads=st.integers(1, 70),
    weight=st.integers(1, 4),
)
def test_equal_people_differ_by_at_most_one_lead_over_any_window(
    strategy: Strategy,
    equals: int,
    others: list[tuple[int, tuple[int, int | None, list[tuple[int, int]]]]],
    leads: int,
    weight: int,
) -> None:
    """Whoever else is in the team, becomes full, goes and comes back in mid-course: people who are alike get the
    same number of leads, give or take one, over any window."""
    alike = [member(number, weight=weight) for number in range(1, equals + 1)]
    rest = [
        member(100 + number, open_leads=load, weight=share, capacity=capacity)
        for number, (load, (share, capacity, _)) in enumerate(others)
    ]
    away = {100 + number: stretches for number, (_, (_, _, stretches)) in enumerate(others)}
    chosen = _run(team(alike + rest, strategy), leads, away)
    assert 0 not in chosen
    assert _differences(chosen, list(range(1, equals + 1))) <= 1


@pytest.mark.proves("X-09")
@settings(max_examples=300, deadline=None)
@given(
    strategy=st.sampled_from([Strategy.ROUND_ROBIN, Strategy.WEIGHTED]),
    team_of=st.lists(_weights_and_aways(), min_size=2, max_size=6),
    leads=st.integers(1, 70),
)
def test_equal_people_who_are_both_there_take_turns_whatever_happened_before(
    strategy: Strategy, team_of: list[tuple[int, int | None, list[tuple[int, int]]]], leads: int
) -> None:
    """Nobody makes up for an absence: from the moment two people of one weight can both take leads, they differ by
    at most one for as long as they both can."""
    crew = team([member(number, weight=weight) for number, (weight, _, _) in enumerate(team_of, start=1)], strategy)
    away = {number: stretches for number, (_, _, stretches) in enumerate(team_of, start=1)}
    chosen = _run(crew, leads, away)
    weights = {number: weight for number, (weight, _, _) in enumerate(team_of, start=1)}
    for one, two in combinations(weights, 2):
        if strategy is Strategy.WEIGHTED and weights[one] != weights[two]:
            continue
        stretches = away[one] + away[two]
        there = [not any(first <= lead < first + length for first, length in stretches) for lead in range(leads)]
        for both, group in groupby(range(leads), key=there.__getitem__):
            if both:
                assert _differences([chosen[lead] for lead in group], [one, two]) <= 1


@settings(max_examples=200, deadline=None)
@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=6), leads=st.integers(1, 150))
def test_shares_follow_the_weights_closely(weights: list[int], leads: int) -> None:
    """At any moment nobody is more than two leads away from what the weights say."""
    crew = team([member(number, weight=weight) for number, weight in enumerate(weights, start=1)], Strategy.WEIGHTED)
    chosen = _run(crew, leads, {})
    for number, weight in enumerate(weights, start=1):
        assert abs(chosen.count(number) - leads * weight / sum(weights)) < 2


@settings(max_examples=200, deadline=None)
@given(team_of=st.lists(_weights_and_aways(), min_size=1, max_size=6), leads=st.integers(1, 150))
def test_what_is_owed_stays_small(team_of: list[tuple[int, int | None, list[tuple[int, int]]]], leads: int) -> None:
    """Comings and goings heap up no debts: nobody owes or is owed more than a few leads."""
    crew = team([member(number, weight=weight) for number, (weight, _, _) in enumerate(team_of, start=1)])
    crew.strategy = Strategy.WEIGHTED
    _run(crew, leads, {number: stretches for number, (_, _, stretches) in enumerate(team_of, start=1)})
    assert max(abs(each.current_weight) for each in crew.members) < 3 * WHOLE_LEAD
