"""Rules, queues and people as admins change them."""

from typing import Any
from uuid import UUID

import pytest
from routing_rows import NOON, Office, open_office
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.queries import config_version
from hub.core.pipelines.queries import source_by_code
from hub.core.routing.queries import list_queues, list_rules, read_rule, routing_strategy
from hub.core.routing.request import RoutingRequest
from hub.core.routing.rulebook import (
    create_queue,
    create_rule,
    delete_rule,
    move_rule,
    parse_rule,
    set_strategy,
    update_queue,
    update_rule,
)
from hub.core.routing.service import RoutingSession
from hub.core.routing.staffing import set_absence, set_capacity, set_hours, set_weight
from hub.core.routing.team import Strategy
from hub.db.engine import Database
from hub.db.schema import new_id

NOBODY = str(UUID(int=9))


def _rule(office: Office, name: str, conditions: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    target = {"kind": "user", "user_id": str(office.people[0])}
    return {"name": name, "conditions": conditions or {"all": []}, "target": target, **more}


def _create(connection: Connection, office: Office, body: dict[str, Any], position: int | None = None) -> UUID:
    return create_rule(connection, office.organisation_id, parse_rule(body), position=position)


def test_rules_keep_their_order_without_gaps(database: Database, office: Office) -> None:
    """Inserting, moving and deleting renumber the others."""
    names = {}
    for name, position in (("A", None), ("B", None), ("C", 1), ("D", 2)):
        names[name] = database.write_now(_create, office, _rule(office, name), position)
    database.write_now(move_rule, office.organisation_id, names["C"], position=4)
    database.write_now(delete_rule, office.organisation_id, names["A"])
    rules = database.read_now(list_rules, office.organisation_id)
    assert [(rule.position, rule.draft.name) for rule in rules] == [(1, "D"), (2, "B"), (3, "C")]


@pytest.mark.proves("D-004")
def test_a_rule_changes_the_next_decision(database: Database, office: Office) -> None:
    """Stored, updated and switched off rules are what routing tries."""
    rule_id = database.write_now(_create, office, _rule(office, "All to one"))

    def route(connection: Connection) -> str:
        session = RoutingSession.open(connection, office.organisation_id, NOON)
        return session.route(RoutingRequest()).decided_by

    assert database.write_now(route) == "rule"
    off = parse_rule(_rule(office, "All to one", is_active=False))
    database.write_now(update_rule, office.organisation_id, rule_id, off)
    assert database.write_now(route) == "least_loaded"
    assert database.read_now(read_rule, office.organisation_id, rule_id).draft == off


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"conditions": {"about": "value.no_such_field", "operator": "is_set"}}, "conditions"),
        (
            {"conditions": {"all": [{"about": "source", "operator": "eq", "operand": NOBODY}]}},
            "conditions.all.0",
        ),
        (
            {"conditions": {"any": [{"about": "centre", "operator": "in", "operand": [NOBODY]}]}},
            "conditions.any.0",
        ),
        ({"target": {"kind": "user", "user_id": NOBODY}}, "target.user_id"),
        ({"target": {"kind": "team", "user_ids": [NOBODY]}}, "target.user_ids"),
        ({"target": {"kind": "queue", "queue_id": NOBODY}}, "target.queue_id"),
        ({"target": {"kind": "centre", "centre_id": NOBODY}}, "target.centre_id"),
        ({"target": {"kind": "nobody"}}, "target"),
        ({"conditions": {"all": [{"about": "priority", "operator": "eq", "operand": "soon"}]}}, "conditions.all.0"),
        ({"conditions": {"any": [{"all": [{"about": "priority"}]}]}}, "conditions.any.0.all.0.operator"),
        ({"target": {"kind": "user", "user_id": "x"}}, "target.user_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_rule_is_refused_and_the_place_named(
    database: Database, office: Office, change: dict[str, Any], field: str
) -> None:
    """Every error says where it is; nothing is stored."""
    with pytest.raises(RefusedChangeError) as refused:
        database.write_now(_create, office, {**_rule(office, "New"), **change})
    assert refused.value.field == field
    assert database.read_now(list_rules, office.organisation_id) == []


def test_a_rule_cannot_name_what_belongs_to_somebody_else(database: Database, office: Office) -> None:
    """Ids of another organisation are unknown here, in targets and in conditions."""
    other = database.write_now(open_office)
    source = database.read_now(source_by_code, other.organisation_id, "manual")
    foreign = {"about": "source", "operator": "eq", "operand": str(source)}
    with pytest.raises(RefusedChangeError):
        database.write_now(_create, office, _rule(office, "Foreign source", foreign))
    with pytest.raises(RefusedChangeError):
        database.write_now(_create, office, _rule(other, "Foreign person"))


def test_two_rules_cannot_share_a_name(database: Database, office: Office) -> None:
    """Traces name rules, so names are unique in any letter case."""
    database.write_now(_create, office, _rule(office, "French"))
    with pytest.raises(ConflictingChangeError):
        database.write_now(_create, office, _rule(office, "FRENCH"))


def test_rules_nested_too_deep_are_refused(database: Database, office: Office) -> None:
    """A rule stays small enough to be read and run."""
    deep: dict[str, Any] = {"all": []}
    for _ in range(12):
        deep = {"all": [deep]}
    with pytest.raises(RefusedChangeError, match="nested"):
        database.write_now(_create, office, _rule(office, "Deep", deep))


def test_there_is_always_exactly_one_default_queue(database: Database, office: Office) -> None:
    """Another queue may become the default one; none cannot."""
    queue_id = database.write_now(create_queue, office.organisation_id, name="Late shift", claim_within_minutes=30)
    database.write_now(update_queue, office.organisation_id, queue_id, is_default=True)
    defaults = [queue.id for queue, stands in database.read_now(list_queues, office.organisation_id) if stands]
    assert defaults == [queue_id]
    with pytest.raises(RefusedChangeError):
        database.write_now(update_queue, office.organisation_id, queue_id, is_default=False)
    with pytest.raises(ConflictingChangeError):
        database.write_now(create_queue, office.organisation_id, name="late shift", claim_within_minutes=30)
    with pytest.raises(RefusedChangeError):
        database.write_now(update_queue, office.organisation_id, queue_id, claim_within_minutes=0)


def test_changes_of_routing_are_told_to_every_process(database: Database, office: Office) -> None:
    """The configuration version grows with rules, queues and strategy."""
    seen = [database.read_now(config_version, office.organisation_id)]
    for change in (
        lambda connection: _create(connection, office, _rule(office, "One")),
        lambda connection: set_strategy(connection, office.organisation_id, Strategy.WEIGHTED),
        lambda connection: create_queue(connection, office.organisation_id, name="Q", claim_within_minutes=5),
    ):
        database.write_now(change)
        seen.append(database.read_now(config_version, office.organisation_id))
    assert seen == sorted(set(seen))
    assert database.read_now(routing_strategy, office.organisation_id) is Strategy.WEIGHTED


def test_wrong_staffing_is_refused(database: Database, office: Office) -> None:
    """Each value is checked, and a person of somebody else is unknown."""
    person, stranger = office.people[0], new_id()
    with pytest.raises(RefusedChangeError):
        database.write_now(set_capacity, office.organisation_id, person, -1)
    with pytest.raises(RefusedChangeError):
        database.write_now(set_weight, office.organisation_id, person, 0)
    with pytest.raises(RefusedChangeError):
        database.write_now(set_absence, office.organisation_id, person, start=NOON, end=NOON)
    with pytest.raises(RefusedChangeError):
        database.write_now(set_hours, office.organisation_id, person, {"mon": []}, "Nowhere/Land")
    with pytest.raises(UnknownRecordError):
        database.write_now(set_capacity, office.organisation_id, stranger, 5)
