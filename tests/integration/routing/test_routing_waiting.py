"""Leads in queues, and what new rules would have done."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from routing_rows import NOON, Office, add_lead, apply, minutes, open_leads
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import RefusedChangeError
from hub.core.routing.queries import list_queues
from hub.core.routing.rulebook import create_queue, parse_rule
from hub.core.routing.rules import RuleDraft
from hub.core.routing.service import RoutingSession, load_changed
from hub.core.routing.staffing import set_absence, set_capacity
from hub.core.routing.team import Strategy
from hub.core.routing.waiting import drain_queue, queue_loads
from hub.core.routing.what_if import Comparison, what_if
from hub.core.tables import metadata
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS


def _default_queue(connection: Connection, office: Office) -> UUID:
    return next(queue.id for queue, is_default in list_queues(connection, office.organisation_id) if is_default)


def _limit_all(connection: Connection, office: Office, capacity: int) -> None:
    for user_id in office.people:
        set_capacity(connection, office.organisation_id, user_id, capacity)


def _drain(connection: Connection, office: Office, now: datetime, limit: int = 100) -> dict[UUID, UUID | None]:
    moved = drain_queue(connection, office.organisation_id, now, limit)
    for lead_id, decision in moved:
        apply(connection, office, lead_id, decision, now)
    return {lead_id: decision.assignee_id for lead_id, decision in moved}


@pytest.mark.proves("P-37")
def test_waiting_leads_are_assigned_when_capacity_frees(database: Database, office: Office) -> None:
    """As many as there is room for, the oldest first, each once."""

    def arrange(connection: Connection) -> list[UUID]:
        _limit_all(connection, office, 0)
        queue_id = _default_queue(connection, office)
        waiting = [add_lead(connection, office, minutes(number), queue_id=queue_id) for number in range(4)]
        assert _drain(connection, office, minutes(10)) == {}
        set_capacity(connection, office.organisation_id, office.people[0], 2)
        return waiting

    waiting = database.write_now(arrange)
    assert database.write_now(_drain, office, minutes(11)) == dict.fromkeys(waiting[:2], office.people[0])
    assert database.write_now(_drain, office, minutes(12)) == {}
    database.write_now(load_changed, office.organisation_id, {office.people[0]: -1}, minutes(13))
    assert database.write_now(_drain, office, minutes(14)) == {waiting[2]: office.people[0]}
    assert open_leads(database, office) == [2, 0, 0]


@pytest.mark.proves("P-37")
def test_waiting_leads_are_assigned_when_somebody_comes_back(database: Database, office: Office) -> None:
    """The end of an absence is enough."""

    def arrange(connection: Connection) -> UUID:
        for user_id in office.people:
            set_absence(connection, office.organisation_id, user_id, start=None, end=minutes(30))
        return add_lead(connection, office, NOON, queue_id=_default_queue(connection, office))

    lead_id = database.write_now(arrange)
    assert database.write_now(_drain, office, minutes(29)) == {}
    assert list(database.write_now(_drain, office, minutes(30))) == [lead_id]


def test_a_named_queue_is_left_to_claims_until_its_clock_ends(database: Database, office: Office) -> None:
    """Somebody put the lead there on purpose; only when nobody claims it does the strategy choose."""

    def arrange(connection: Connection) -> UUID:
        queue_id = create_queue(connection, office.organisation_id, name="Important", claim_within_minutes=15)
        return add_lead(connection, office, NOON, queue_id=queue_id, claim_until=minutes(15))

    lead_id = database.write_now(arrange)
    assert database.write_now(_drain, office, minutes(14)) == {}
    assert list(database.write_now(_drain, office, minutes(15))) == [lead_id]


def test_a_drain_takes_no_more_than_asked(database: Database, office: Office) -> None:
    """The limit keeps the transaction short; closed, test and owned leads are not touched."""

    def arrange(connection: Connection) -> None:
        queue_id = _default_queue(connection, office)
        for number in range(5):
            add_lead(connection, office, minutes(number), queue_id=queue_id)
        add_lead(connection, office, minutes(-3), queue_id=queue_id, stage_kind="lost")
        add_lead(connection, office, minutes(-2), queue_id=queue_id, is_test=True)
        add_lead(connection, office, minutes(-1), assignee_id=office.people[0])

    database.write_now(arrange)
    sizes = [len(database.write_now(_drain, office, minutes(10), 2)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]


def test_a_drained_lead_returns_to_the_former_owner(database: Database, office: Office) -> None:
    """Waiting does not lose the person's earlier owner (P-45)."""

    def arrange(connection: Connection) -> UUID:
        person_id = UUID(int=77)
        add_lead(connection, office, minutes(-60), person_id=person_id, assignee_id=office.people[2], stage_kind="won")
        queue_id = _default_queue(connection, office)
        return add_lead(connection, office, NOON, person_id=person_id, queue_id=queue_id)

    lead_id = database.write_now(arrange)
    assert database.write_now(_drain, office, minutes(1)) == {lead_id: office.people[2]}


def test_queues_tell_how_many_wait_and_how_many_too_long(database: Database, office: Office) -> None:
    """Count, overdue and oldest per queue."""

    def arrange(connection: Connection) -> UUID:
        queue_id = _default_queue(connection, office)
        add_lead(connection, office, minutes(1), queue_id=queue_id, claim_until=minutes(61))
        add_lead(connection, office, minutes(5), queue_id=queue_id, claim_until=minutes(65))
        return queue_id

    queue_id = database.write_now(arrange)
    (load,) = database.read_now(queue_loads, office.organisation_id, minutes(62))
    assert (load.queue_id, load.waiting, load.overdue, load.oldest_submitted_at) == (queue_id, 2, 1, minutes(1))


def _history(connection: Connection, office: Office) -> None:
    """Twelve leads in two hours, all given to the first person; each closed after forty minutes."""
    for number in range(12):
        at = minutes(10 * number)
        session = RoutingSession.open(connection, office.organisation_id, at)
        decision = session.assign(office.people[0], actor="user:1")
        session.flush(connection)
        closed = at + timedelta(minutes=40)
        language = "fr" if number % 3 == 0 else "pt"
        lead_id = add_lead(
            connection,
            office,
            at,
            assignee_id=decision.assignee_id,
            closed_at=closed,
            stage_kind="lost",
            language=language,
        )
        apply(connection, office, lead_id, decision, at)


def _try(
    connection: Connection, office: Office, rules: list[RuleDraft] | None, strategy: Strategy | None = None
) -> Comparison:
    return what_if(connection, office.organisation_id, rules, strategy, NOON, minutes(24 * 60))


def _french_to_the_third(office: Office) -> RuleDraft:
    return parse_rule(
        {
            "name": "French speakers",
            "conditions": {"about": "language", "operator": "eq", "operand": "fr"},
            "target": {"kind": "user", "user_id": str(office.people[2])},
        }
    )


def test_what_if_compares_load_and_waiting(database: Database, office: Office) -> None:
    """Past leads under new rules: who would have had how many, and nobody would have waited."""
    database.write_now(_history, office)
    result = database.read_now(_try, office, [_french_to_the_third(office)], Strategy.ROUND_ROBIN)
    assert result.leads == 12
    assert result.actual.leads == {office.people[0]: 12}
    assert result.actual.peak_open == {office.people[0]: 4}
    assert sum(result.proposed.leads.values()) == 12
    assert result.proposed.leads[office.people[2]] >= 4
    assert max(result.proposed.peak_open.values()) <= 3
    assert (result.actual.waited, result.proposed.waited) == (0, 0)


def test_what_if_shows_who_would_have_waited(database: Database, office: Office) -> None:
    """With room for one lead each, later leads wait until one of the earlier is closed."""

    def arrange(connection: Connection) -> None:
        _history(connection, office)
        _limit_all(connection, office, 1)

    database.write_now(arrange)
    result = database.read_now(_try, office, None)
    assert result.proposed.waited > 0
    assert result.proposed.longest_wait >= timedelta(minutes=10)
    assert set(result.proposed.peak_open.values()) == {1}
    assert sum(result.proposed.leads.values()) + result.proposed.never_assigned == 12


@pytest.mark.proves("X-09")
def test_what_if_writes_nothing(database: Database, office: Office) -> None:
    """Every row of every table is the same before and after, even in a writing transaction (X-09 c)."""
    database.write_now(_history, office)
    before = database.read_now(_everything)
    database.write_now(_try, office, [_french_to_the_third(office)], Strategy.WEIGHTED)
    assert database.read_now(_everything) == before


def test_what_if_refuses_rules_that_name_nobody(database: Database, office: Office) -> None:
    """A trial checks rules as saving them would."""
    rule = _french_to_the_third(office).model_dump(mode="json")
    rule["target"]["user_id"] = str(UUID(int=5))
    with pytest.raises(RefusedChangeError, match=r"target\.user_id"):
        database.read_now(_try, office, [parse_rule(rule)])


def _everything(connection: Connection) -> dict[str, list[Any]]:
    reason = {ALL_ORGANISATIONS: "the test compares every row"}
    return {
        table.name: sorted(map(repr, connection.execute(sa.select(table), execution_options=reason)))
        for table in metadata.sorted_tables
    }
