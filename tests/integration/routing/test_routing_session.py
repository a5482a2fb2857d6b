"""Routing inside transactions: batches, decisions by hand, counters, concurrency."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from routing_rows import NOON, Office, add_lead, apply, minutes, open_leads, open_office
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.organisations.models import users
from hub.core.routing.decide import Decision, recompute
from hub.core.routing.models import queues, routing_settings
from hub.core.routing.queries import assignments_of, list_assignees, list_queues
from hub.core.routing.request import RoutingRequest
from hub.core.routing.rulebook import create_rule, parse_rule, set_strategy
from hub.core.routing.service import RoutingSession, assign_manually, load_changed, unassign
from hub.core.routing.staffing import set_absence, set_capacity, set_hours, set_takes_leads, set_weight
from hub.core.routing.team import Strategy
from hub.db.engine import Database
from hub.db.schema import new_id


def _route(connection: Connection, office: Office, count: int, **more: Any) -> list[Decision]:
    session = RoutingSession.open(connection, office.organisation_id, more.pop("now", NOON))
    decisions = [session.route(RoutingRequest(**more)) for _ in range(count)]
    session.flush(connection)
    return decisions


def test_a_batch_never_sees_the_same_fewest_twice(database: Database, office: Office) -> None:
    """Leads of one batch are shared out, and the counters say so afterwards."""
    decisions = database.write_now(_route, office, 7)
    counts = Counter(decision.assignee_id for decision in decisions)
    assert sorted(counts.values()) == [2, 2, 3]
    assert sorted(open_leads(database, office)) == [2, 2, 3]


@pytest.mark.parametrize("strategy", list(Strategy))
def test_the_state_of_a_strategy_outlives_the_transaction(
    database: Database, office: Office, strategy: Strategy
) -> None:
    """Turns go on where the last batch left off."""
    database.write_now(set_strategy, office.organisation_id, strategy)
    chosen = [database.write_now(_route, office, 1)[0].assignee_id for _ in range(6)]
    assert chosen[:3] == chosen[3:]
    assert len(set(chosen)) == 3


def test_weights_are_kept_between_batches(database: Database, office: Office) -> None:
    """Three leads of five go to the person with weight three, however the batches fall."""

    def weigh(connection: Connection) -> None:
        set_strategy(connection, office.organisation_id, Strategy.WEIGHTED)
        set_weight(connection, office.organisation_id, office.people[0], 3)

    database.write_now(weigh)
    for size in (1, 2, 3, 4):
        database.write_now(_route, office, size)
    assert open_leads(database, office) == [6, 2, 2]


@pytest.mark.proves("X-09")
def test_leads_routed_at_the_same_moment_are_shared_out(database: Database, office: Office) -> None:
    """Four workers at once: nobody is given two leads while another has none (X-09 e)."""

    def one(_: int) -> UUID | None:
        return database.write_now(_route, office, 1)[0].assignee_id

    with ThreadPoolExecutor(4) as workers:
        chosen = list(workers.map(one, range(36)))
    assert sorted(Counter(chosen).values()) == [12, 12, 12]
    assert open_leads(database, office) == [12, 12, 12]


def test_a_transaction_that_fails_leaves_no_trace_in_the_counters(database: Database, office: Office) -> None:
    """Counters and leads are written together or not at all."""

    def fail(connection: Connection) -> None:
        _route(connection, office, 2)
        raise RuntimeError("the batch failed")

    with pytest.raises(RuntimeError):
        database.write_now(fail)
    assert open_leads(database, office) == [0, 0, 0]


@pytest.mark.proves("P-36")
def test_absence_hours_and_switches_keep_people_out(database: Database, office: Office) -> None:
    """What is set for a person counts from the next decision on."""
    first, second, third = office.people

    def arrange(connection: Connection) -> None:
        set_absence(connection, office.organisation_id, first, start=None, end=minutes(60))
        set_hours(connection, office.organisation_id, second, {"wed": [["13:00", "18:00"]]}, "Europe/Lisbon")
        set_takes_leads(connection, office.organisation_id, third, False)

    database.write_now(arrange)
    nobody = database.write_now(_route, office, 1)[0]
    later = database.write_now(_route, office, 1, now=minutes(90))[0]
    assert nobody.queue_id is not None
    assert sorted(row[1] for row in nobody.trace["people"]) == ["absent", "outside_hours", "takes_no_leads"]
    assert later.assignee_id in (first, second)


def test_an_inactive_user_gets_nothing(database: Database, office: Office) -> None:
    """Switching a user off keeps leads away from them at once."""

    def switch_off(connection: Connection) -> None:
        mine = (users.c.organisation_id == office.organisation_id, users.c.id.in_(office.people[:2]))
        connection.execute(sa.update(users).where(*mine).values(is_active=False))

    database.write_now(switch_off)
    assert {each.assignee_id for each in database.write_now(_route, office, 4)} == {office.people[2]}


@pytest.mark.proves("P-35")
def test_capacity_is_never_passed(database: Database, office: Office) -> None:
    """Once everybody is full the rest waits in the queue."""

    def limit(connection: Connection) -> None:
        for user_id, capacity in zip(office.people, (1, 2, 0), strict=True):
            set_capacity(connection, office.organisation_id, user_id, capacity)

    database.write_now(limit)
    decisions = database.write_now(_route, office, 5)
    assert [each.assignee_id is None for each in decisions] == [False, False, False, True, True]
    assert open_leads(database, office) == [1, 2, 0]


def test_missing_settings_and_queue_are_made(database: Database, office: Office) -> None:
    """Even with routing's own rows gone a lead has a place to go."""

    def empty(connection: Connection) -> None:
        connection.execute(sa.delete(queues).where(queues.c.organisation_id == office.organisation_id))
        mine = routing_settings.c.organisation_id == office.organisation_id
        connection.execute(sa.delete(routing_settings).where(mine))
        for user_id in office.people:
            set_takes_leads(connection, office.organisation_id, user_id, False)

    database.write_now(empty)
    decision = database.write_now(_route, office, 1)[0]
    known = database.read_now(list_queues, office.organisation_id)
    assert [(queue.id, is_default) for queue, is_default in known] == [(decision.queue_id, True)]


@pytest.mark.proves("N-064")
def test_assigning_by_hand_overrides_and_moves_the_counts(database: Database, office: Office) -> None:
    """A person's choice goes even to somebody full or absent, and the trace names who chose."""
    first, second, _ = office.people

    def arrange(connection: Connection) -> Decision:
        _route(connection, office, 1, default_assignee_id=first)
        set_capacity(connection, office.organisation_id, second, 0)
        return assign_manually(
            connection, office.organisation_id, user_id=second, former_id=first, actor="user:1", now=NOON
        )

    decision = database.write_now(arrange)
    assert (decision.assignee_id, decision.decided_by) == (second, "person")
    assert decision.trace["steps"][0]["actor"] == "user:1"
    assert recompute(decision.trace).assignee == str(second)
    assert open_leads(database, office) == [0, 1, 0]


def test_assigning_by_hand_to_somebody_inactive_or_unknown_is_refused(database: Database, office: Office) -> None:
    """Nobody who is gone is given a lead, not even by hand; nor a person of another organisation."""
    stranger = database.write_now(open_office).people[0]

    def switch_off(connection: Connection) -> None:
        mine = (users.c.organisation_id == office.organisation_id, users.c.id == office.people[0])
        connection.execute(sa.update(users).where(*mine).values(is_active=False))

    def assign(connection: Connection, user_id: UUID) -> Decision:
        return assign_manually(
            connection, office.organisation_id, user_id=user_id, former_id=None, actor="user:1", now=NOON
        )

    database.write_now(switch_off)
    with pytest.raises(RefusedChangeError):
        database.write_now(assign, office.people[0])
    with pytest.raises(UnknownRecordError):
        database.write_now(assign, stranger)


@pytest.mark.proves("P-46")
def test_unassigning_clears_the_owner_and_queues_the_lead(database: Database, office: Office) -> None:
    """The decision names no person, the counter goes down, and a clock runs."""
    first = office.people[0]
    database.write_now(_route, office, 1, default_assignee_id=first)

    def clear(connection: Connection) -> Decision:
        return unassign(connection, office.organisation_id, former_id=first, actor="user:1", now=NOON)

    decision = database.write_now(clear)
    assert decision.assignee_id is None
    assert decision.queue_id is not None
    assert decision.claim_until == NOON + timedelta(hours=1)
    assert open_leads(database, office) == [0, 0, 0]


@pytest.mark.proves("N-063")
def test_unassigning_with_rerouting_finds_somebody_else(database: Database, office: Office) -> None:
    """An empty owner starts automatic assignment, and the one it was taken from is passed over."""
    first = office.people[0]
    database.write_now(_route, office, 1, default_assignee_id=first)

    def clear(connection: Connection) -> Decision:
        request = RoutingRequest(default_assignee_id=first, former_owner_id=first)
        return unassign(connection, office.organisation_id, former_id=first, actor="user:1", now=NOON, reroute=request)

    decision = database.write_now(clear)
    assert decision.assignee_id in office.people[1:]
    assert decision.decided_by == "least_loaded"
    assert sum(open_leads(database, office)) == 1


def test_closed_leads_free_their_owner(database: Database, office: Office) -> None:
    """Counters follow leads that close and reopen, and never go below zero."""
    database.write_now(_route, office, 3)
    first, second, third = office.people
    database.write_now(load_changed, office.organisation_id, {first: -1, second: -5, third: 1}, NOON)
    assert open_leads(database, office) == [0, 0, 2]


@pytest.mark.proves("X-09")
def test_stored_traces_recompute_to_the_stored_choice(database: Database, office: Office) -> None:
    """What was written for a lead can be decided again from what it says (X-09 b)."""

    def arrange(connection: Connection) -> list[UUID]:
        rule = {
            "name": "Portuguese speakers",
            "conditions": {"about": "language", "operator": "eq", "operand": "pt"},
            "target": {"kind": "user", "user_id": str(office.people[1])},
        }
        create_rule(connection, office.organisation_id, parse_rule(rule))
        set_capacity(connection, office.organisation_id, office.people[1], 2)
        lead_ids = []
        for number in range(6):
            session = RoutingSession.open(connection, office.organisation_id, minutes(number))
            decision = session.route(RoutingRequest(language="pt-PT" if number % 2 else "fr"))
            session.flush(connection)
            lead_id = add_lead(connection, office, minutes(number), assignee_id=decision.assignee_id)
            apply(connection, office, lead_id, decision, minutes(number))
            lead_ids.append(lead_id)
        return lead_ids

    for lead_id in database.write_now(arrange):
        (stored,) = database.read_now(assignments_of, office.organisation_id, lead_id)
        choice = recompute(stored.trace)
        assert (choice.assignee, choice.decided_by) == (str(stored.assignee_id), stored.decided_by)


def test_two_organisations_do_not_touch_each_other(database: Database, office: Office) -> None:
    """Routing for one organisation sees and moves only its own people."""
    other = database.write_now(open_office, 1)
    database.write_now(_route, office, 6)
    assert open_leads(database, other) == [0]
    assert {each.user_id for each in database.read_now(list_assignees, other.organisation_id)} == set(other.people)
    assert database.write_now(_route, other, 1, default_assignee_id=office.people[0])[0].assignee_id == other.people[0]


def test_a_queue_that_is_not_known_is_refused(database: Database, office: Office) -> None:
    """By hand a lead goes only into a queue of its organisation."""

    def enqueue(connection: Connection) -> Decision:
        session = RoutingSession.open(connection, office.organisation_id, NOON)
        return session.enqueue(new_id(), actor="user:1")

    with pytest.raises(UnknownRecordError):
        database.write_now(enqueue)
