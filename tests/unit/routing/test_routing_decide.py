"""The order in which routing looks for somebody, and what its traces say."""

import json
from datetime import timedelta
from time import thread_time
from uuid import UUID

import pytest
from routing_teams import ALWAYS, NOON, QUEUE, VIP, member, person, rule, team, to_people

from hub.core.routing.decide import Decision, decide, recompute, take
from hub.core.routing.hours import read_hours
from hub.core.routing.request import RoutingRequest
from hub.core.routing.team import Member, Strategy, Team
from hub.core.routing.trace import considered


def _result(decision: Decision, step: str) -> str:
    return next(each["result"] for each in decision.trace["steps"] if each["step"] == step)


@pytest.mark.proves("Z-151", "N-061")
def test_without_a_default_the_person_with_the_fewest_leads_gets_it() -> None:
    """A form without an assignee hands its leads to automatic assignment, and that takes the least loaded."""
    decision = decide(RoutingRequest(), team([member(1, open_leads=5), member(2, open_leads=2)]), NOON)
    assert (decision.assignee_id, decision.decided_by) == (person(2), "least_loaded")


def test_the_default_assignee_of_the_form_comes_first() -> None:
    """The form's default wins over the former owner, rules and strategy."""
    rules = [rule(ALWAYS, to_people(3))]
    request = RoutingRequest(default_assignee_id=person(1), former_owner_id=person(2))
    decision = decide(request, team([member(1, open_leads=9), member(2), member(3)], rules=rules), NOON)
    assert (decision.assignee_id, decision.decided_by) == (person(1), "form_default")


@pytest.mark.parametrize(
    ("state", "why_not"),
    [
        ({"is_active": False}, "inactive"),
        ({"takes_leads": False}, "takes_no_leads"),
        ({"absent_until": NOON + timedelta(hours=1)}, "absent"),
        ({"absent_from": NOON - timedelta(hours=1)}, "absent"),
        ({"hours": read_hours({"wed": [["13:00", "17:00"]]}, "UTC")}, "outside_hours"),
        ({"capacity": 2, "open_leads": 2}, "full"),
    ],
)
@pytest.mark.proves("P-36")
def test_a_default_assignee_who_cannot_is_passed_over_and_the_trace_says_why(
    state: dict[str, object], why_not: str
) -> None:
    """Somebody gone, absent, asleep or full gets nothing, and the lead goes on to the next way."""
    request = RoutingRequest(default_assignee_id=person(1))
    decision = decide(request, team([member(1, **state), member(2, open_leads=7)]), NOON)
    assert decision.assignee_id == person(2)
    assert _result(decision, "form_default") == why_not
    assert {each.user_id: each.why_not for each in considered(decision.trace)} == {person(1): why_not, person(2): None}


def test_a_default_assignee_who_left_the_team_is_named_as_such() -> None:
    """An id that is not in the team is passed over."""
    decision = decide(RoutingRequest(default_assignee_id=person(8)), team([member(1)]), NOON)
    assert decision.assignee_id == person(1)
    assert _result(decision, "form_default") == "not_in_team"


@pytest.mark.proves("P-45")
def test_a_returning_person_keeps_the_earlier_owner_if_able() -> None:
    """The former owner comes before rules and strategy; one who is full is passed over."""
    rules = [rule(ALWAYS, to_people(3))]
    request = RoutingRequest(former_owner_id=person(2))
    able = decide(request, team([member(1), member(2, open_leads=9), member(3)], rules=rules), NOON)
    full = decide(request, team([member(1), member(2, open_leads=9, capacity=9), member(3)], rules=rules), NOON)
    assert (able.assignee_id, able.decided_by) == (person(2), "former_owner")
    assert (full.assignee_id, full.decided_by) == (person(3), "rule")


@pytest.mark.proves("P-39")
def test_a_rule_prefers_and_does_not_exclude() -> None:
    """When nobody whom a rule names can take the lead, the next rule and then the strategy are asked."""
    rules = [rule(ALWAYS, to_people(1), 1), rule(ALWAYS, to_people(2), 2)]
    decision = decide(
        RoutingRequest(), team([member(1, takes_leads=False), member(2, is_active=False), member(3)], rules=rules), NOON
    )
    assert (decision.assignee_id, decision.decided_by) == (person(3), "least_loaded")
    assert [step["result"] for step in decision.trace["steps"]] == ["nobody_able", "nobody_able", "chosen"]


def test_rules_are_tried_from_the_top_and_the_trace_names_those_that_did_not_hold() -> None:
    """The first rule that holds and finds somebody decides."""
    rules = [
        rule({"about": "priority", "operator": "eq", "operand": "high"}, to_people(1), 1),
        rule({"about": "priority", "operator": "eq", "operand": "low"}, to_people(2), 2),
        rule(ALWAYS, to_people(3), 3),
    ]
    decision = decide(RoutingRequest(priority="low"), team([member(1), member(2), member(3)], rules=rules), NOON)
    assert decision.assignee_id == person(2)
    assert [(step["name"], step["result"]) for step in decision.trace["steps"]] == [
        ("Rule 1", "no_match"),
        ("Rule 2", "chosen"),
    ]


def test_a_rule_for_a_centre_takes_its_people_or_those_of_the_leads_centre() -> None:
    """A centre named by the rule, or the lead's own, limits the choice to its people."""
    here, there = UUID(int=70), UUID(int=71)
    people = [member(1, centre_ids=frozenset({here})), member(2, centre_ids=frozenset({there}))]
    named = [rule(ALWAYS, {"kind": "centre", "centre_id": str(there)})]
    own = [rule(ALWAYS, {"kind": "centre"})]
    assert decide(RoutingRequest(), team(people, rules=named), NOON).assignee_id == person(2)
    assert decide(RoutingRequest(centre_id=here), team(people, rules=own), NOON).assignee_id == person(1)
    nowhere = decide(RoutingRequest(), team(people, rules=own), NOON)
    assert nowhere.decided_by == "least_loaded"


def test_a_rule_may_send_a_lead_to_a_queue_with_its_clock() -> None:
    """A queue target sets the moment until which the lead should be claimed."""
    rules = [rule(ALWAYS, {"kind": "queue", "queue_id": str(VIP.id)})]
    decision = decide(RoutingRequest(), team([member(1)], rules=rules), NOON)
    assert (decision.assignee_id, decision.queue_id, decision.decided_by) == (None, VIP.id, "rule")
    assert decision.claim_until == NOON + timedelta(minutes=15)
    overdue = decide(RoutingRequest(is_overdue=True), team([member(1)], rules=rules), NOON)
    assert overdue.assignee_id == person(1)


@pytest.mark.proves("L-17")
def test_with_nobody_able_the_lead_waits_in_the_default_queue_with_a_clock() -> None:
    """Gone, full or asleep: the lead sits with none of them but in a named queue."""
    people = [
        member(1, is_active=False),
        member(2, capacity=0),
        member(3, hours=read_hours({}, "UTC")),
    ]
    decision = decide(RoutingRequest(), team(people), NOON)
    assert (decision.assignee_id, decision.queue_id, decision.decided_by) == (None, QUEUE.id, "queue")
    assert decision.claim_until == NOON + timedelta(hours=1)
    assert [each.why_not for each in considered(decision.trace)] == ["inactive", "full", "outside_hours"]


@pytest.mark.proves("P-38")
def test_ties_go_to_who_waited_longest_and_then_by_id() -> None:
    """Equal loads are told apart by the last assignment, then by id."""
    waited = team([member(1, last_assigned=50), member(2, last_assigned=20), member(3, last_assigned=90)])
    fresh = team([member(2), member(1)])
    assert decide(RoutingRequest(), waited, NOON).assignee_id == person(2)
    assert decide(RoutingRequest(), fresh, NOON).assignee_id == person(1)


def _spread(crew: Team, leads: int) -> list[int]:
    chosen = []
    for _ in range(leads):
        decision = decide(RoutingRequest(), crew, NOON)
        take(crew, decision, NOON)
        chosen.append(decision.assignee_id.int)
    return chosen


@pytest.mark.proves("P-34")
def test_round_robin_takes_turns_whatever_the_load() -> None:
    """Everybody in turn, even inside one batch with one moment of time."""
    crew = team([member(1, open_leads=50), member(2), member(3)], Strategy.ROUND_ROBIN)
    assert _spread(crew, 7) == [1, 2, 3, 1, 2, 3, 1]


@pytest.mark.proves("P-35")
def test_weights_share_out_smoothly_and_capacity_ends_it() -> None:
    """Weights 5, 1, 1 give five of seven, spread out; a full person's share goes to the others."""
    crew = team([member(1, weight=5), member(2), member(3)], Strategy.WEIGHTED)
    assert _spread(crew, 7) == [1, 1, 2, 1, 3, 1, 1]
    limited = team([member(1, weight=5, capacity=1), member(2), member(3)], Strategy.WEIGHTED)
    spread = _spread(limited, 5)
    assert spread.count(1) == 1
    assert {spread.count(2), spread.count(3)} == {2}


def test_a_clock_set_back_does_not_upset_the_turns() -> None:
    """Times of assignment grow even when now does not."""
    crew = team([member(1), member(2)], Strategy.ROUND_ROBIN)
    chosen = []
    for minutes in (10, 0, -30, -60):
        decision = decide(RoutingRequest(), crew, NOON + timedelta(minutes=minutes))
        take(crew, decision, NOON + timedelta(minutes=minutes))
        chosen.append(decision.assignee_id.int)
    assert chosen == [1, 2, 1, 2]


def test_people_it_was_taken_from_are_passed_over() -> None:
    """A lead just taken from somebody does not come back to them."""
    decision = decide(RoutingRequest(not_to=frozenset({person(1)})), team([member(1), member(2, open_leads=5)]), NOON)
    assert decision.assignee_id == person(2)


def test_a_trace_holds_no_value_of_the_lead() -> None:
    """What a person wrote stays on the lead: a trace outlives corrections and erasure."""
    rules = [rule({"about": "value.city", "operator": "eq", "operand": "Porto"}, to_people(1))]
    decision = decide(
        RoutingRequest(values={"city": "Lisbon", "email": "ada@example.com"}), team([member(1)], rules=rules), NOON
    )
    text = json.dumps(decision.trace)
    assert "Lisbon" not in text
    assert "ada@example.com" not in text


def test_a_trace_tampered_with_recomputes_to_another_choice() -> None:
    """Recomputing looks at what was seen, not at what is said to be chosen."""
    trace = decide(RoutingRequest(), team([member(1), member(2)]), NOON).trace
    trace["people"][0][2] = 10
    assert recompute(trace).assignee == str(person(2))
    assert trace["assignee"] == str(person(1))


def test_a_decision_for_ten_people_is_fast() -> None:
    """A decision with its trace costs at most 25 microseconds of work, however busy the machine is with others."""
    crew = team([Member(person(number), capacity=1_000_000) for number in range(1, 11)])
    best = min(_seconds_of_a_decision(crew) for _ in range(12))
    assert best < 25e-6


def _seconds_of_a_decision(crew: Team) -> float:
    request = RoutingRequest(values={"city": "Porto"})
    started = thread_time()
    for _ in range(500):
        take(crew, decide(request, crew, NOON), NOON)
    return (thread_time() - started) / 500
