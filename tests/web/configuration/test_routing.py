"""Routing rules, strategy, what-if, queues and assignees through HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.leads.models import journey_steps, leads
from hub.core.outbox.models import outbox_events
from hub.core.routing.models import assignees, assignments
from tests.integration.routing import routing_rows
from tests.web.configuration.office import Office

IS_PORTUGUESE = {"about": "language", "operator": "eq", "operand": "pt"}


def rule(name: str, target: dict[str, Any], conditions: Any = None) -> dict[str, Any]:
    return {"name": name, "conditions": conditions or {"all": [IS_PORTUGUESE]}, "target": target}


def names(rules: dict[str, Any]) -> list[str]:
    return [each["name"] for each in rules["items"]]


async def test_rules_are_added_ordered_replaced_and_removed(office: Office) -> None:
    """The order is kept without gaps."""
    sales, manager = (str(office.hub.mine.user_ids[role]) for role in ("Sales", "Manager"))
    to_sales = rule("Portuguese", {"kind": "user", "user_id": sales})
    first = await office.ask("POST", "/routing/rules", to_sales, status=201)
    assert first == {**to_sales, "id": first["id"], "position": 1, "is_active": True}
    centre = {"kind": "centre", "centre_id": None}
    second = await office.ask("POST", "/routing/rules", rule("By centre", centre), status=201)
    url = f"/routing/rules/{second['id']}"
    assert names(await office.ask("PUT", f"{url}/position", {"position": 1})) == ["By centre", "Portuguese"]
    replaced = await office.ask("PUT", url, rule("A team", {"kind": "team", "user_ids": [sales, manager]}))
    assert (replaced["position"], replaced["target"]["user_ids"]) == (1, [sales, manager])
    assert await office.get(url) == replaced
    assert names(await office.get("/routing/rules")) == ["A team", "Portuguese"]
    await office.ask("DELETE", url, status=204)
    assert (await office.get("/routing/rules"))["items"] == [first]
    office.require_audited(
        "routing_rule_created",
        "routing_rule_created",
        "routing_rule_moved",
        "routing_rule_changed",
        "routing_rule_deleted",
    )


async def test_a_rule_that_makes_no_sense_is_refused_with_the_place_in_it(office: Office) -> None:
    """The place inside nested conditions and the target; other organisations' people and queues are unknown."""
    target = {"kind": "user", "user_id": str(office.hub.mine.user_ids["Sales"])}
    wrong = {"all": [IS_PORTUGUESE, {"any": [{"about": "priority", "operator": "eq", "operand": "urgent"}]}]}
    assert list(await office.refused("POST", "/routing/rules", rule("A", target, wrong))) == ["/conditions/all/1/any/0"]
    unknown = {"about": "value.shoe_size", "operator": "is_set"}
    assert list(await office.refused("POST", "/routing/rules", rule("A", target, unknown))) == ["/conditions"]
    foreign = {"kind": "user", "user_id": str(office.hub.other.user_ids["Sales"])}
    assert list(await office.refused("POST", "/routing/rules", rule("A", foreign))) == ["/target/user_id"]
    assert list(await office.refused("POST", "/routing/rules", {"name": "A"})) == ["/conditions"]
    for shapeless in (5, "x", None, {"all": [1]}):
        body = {**rule("A", target), "conditions": shapeless}
        (place,) = await office.refused("POST", "/routing/rules", body)
        assert place in ("/conditions", "/conditions/all/0")
    await office.ask("POST", "/routing/rules", rule("A", target), status=201)
    assert list(await office.refused("POST", "/routing/rules", rule("a", target), status=409)) == ["/name"]
    only = (await office.get("/routing/rules"))["items"][0]["id"]
    assert list(await office.refused("PUT", f"/routing/rules/{only}/position", {"position": 3})) == ["/position"]


async def test_strategy_queues_and_assignees_are_set(office: Office) -> None:
    """The strategy, a second queue as the default, and capacity, weight, absence and hours of a person."""
    assert await office.get("/routing/strategy") == {"strategy": "least_loaded"}
    for strategy in ("round_robin", "weighted"):
        assert await office.ask("PUT", "/routing/strategy", {"strategy": strategy}) == {"strategy": strategy}
    assert list(await office.refused("PUT", "/routing/strategy", {"strategy": "random"})) == ["/strategy"]
    first = (await office.get("/queues"))["items"][0]
    assert (first["is_default"], first["waiting"], first["oldest_submitted_at"]) == (True, 0, None)
    queue = await office.ask("POST", "/queues", {"name": "Parking lot", "claim_within_minutes": 30}, status=201)
    url = f"/queues/{queue['id']}"
    changed = await office.ask("PATCH", url, {"claim_within_minutes": 45, "is_default": True})
    assert changed == {**queue, "claim_within_minutes": 45, "is_default": True}
    assert list(await office.refused("PATCH", url, {"is_default": False})) == ["/is_default"]
    assert list(await office.refused("PATCH", url, {"claim_within_minutes": 10**6})) == ["/claim_within_minutes"]
    taken = {"name": "parking lot", "claim_within_minutes": 1}
    assert list(await office.refused("POST", "/queues", taken, status=409)) == ["/name"]
    url = f"/assignees/{office.hub.mine.user_ids['Sales']}"
    person = await office.ask("PATCH", url, {"capacity": 3, "weight": 5})
    assert (person["capacity"], person["weight"], person["takes_leads"]) == (3, 5, True)
    assert (await office.ask("PATCH", url, {"capacity": None, "takes_leads": False}))["capacity"] is None
    hours = {"hours": {"mon": [["09:00", "17:00"]]}, "time_zone": "Europe/Berlin"}
    assert (await office.ask("PUT", f"{url}/hours", hours))["hours"] == hours["hours"]
    away = {"absent_from": "2026-01-02T09:00:00+01:00", "absent_until": "2026-01-09T08:00:00Z"}
    person = await office.ask("PUT", f"{url}/absence", away)
    assert (person["absent_from"], person["absent_until"]) == ("2026-01-02T08:00:00Z", "2026-01-09T08:00:00Z")
    assert person in (await office.get("/assignees"))["items"]
    office.require_audited(
        "routing_strategy_changed",
        "routing_strategy_changed",
        "queue_created",
        "queue_changed",
        "assignee_changed",
        "assignee_changed",
        "assignee_hours_set",
        "assignee_absence_set",
    )


async def test_what_a_person_cannot_be_is_refused_with_its_field(office: Office) -> None:
    """Limits, an absence that ends before it starts, hours that overlap, and people of somebody else."""
    url = f"/assignees/{office.hub.mine.user_ids['Sales']}"
    assert list(await office.refused("PATCH", url, {"capacity": -1})) == ["/capacity"]
    assert list(await office.refused("PATCH", url, {"takes_leads": False, "weight": 0})) == ["/weight"]
    assert next(each for each in (await office.get("/assignees"))["items"] if url.endswith(each["user_id"]))[
        "takes_leads"
    ]
    reverse = {"absent_from": "2026-01-09T08:00:00Z", "absent_until": "2026-01-02T08:00:00Z"}
    assert list(await office.refused("PUT", f"{url}/absence", reverse)) == ["/absent_until"]
    naive = {"absent_from": "2026-01-09T08:00:00", "absent_until": "9999-12-31T23:59:59-12:00"}
    assert set(await office.refused("PUT", f"{url}/absence", naive)) == {"/absent_from", "/absent_until"}
    overlapping = {"hours": {"tue": [["09:00", "12:00"], ["11:00", "13:00"]]}, "time_zone": "Europe/Berlin"}
    assert list(await office.refused("PUT", f"{url}/hours", overlapping)) == ["/hours/tue"]
    assert list(await office.refused("PUT", f"{url}/hours", {"hours": {}})) == ["/time_zone"]
    foreign = {"user_id": str(office.hub.other.user_ids["Sales"])}
    assert list(await office.refused("POST", "/assignees", foreign)) == ["/user_id"]

    def forget(connection: sa.Connection) -> None:
        mine = assignees.c.organisation_id == office.hub.mine.id
        connection.execute(sa.delete(assignees).where(mine))

    office.database.write_now(forget)
    body = {"user_id": str(office.hub.mine.user_ids["Sales"]), "capacity": 2}
    added = await office.ask("POST", "/assignees", body, status=201)
    assert (added["capacity"], added["weight"], added["open_leads"]) == (2, 1, 0)
    office.require_audited("assignee_created")


@pytest.mark.proves("X-09")
async def test_waiting_leads_are_assigned_and_other_rules_are_tried_without_a_change(office: Office) -> None:
    """A drained queue leaves assignment, step and event; what-if compares and writes nothing."""
    mine, now = office.hub.mine, office.now
    queue_id = (await office.get("/queues"))["items"][0]["id"]
    place = routing_rows.Office(mine.id, list(mine.user_ids.values()))

    def arrive(connection: sa.Connection) -> list[Any]:
        waiting = {"queue_id": UUID(queue_id), "claim_until": now + timedelta(hours=1)}
        return [
            routing_rows.add_lead(connection, place, now - timedelta(minutes=number), **waiting) for number in (1, 2)
        ]

    def written(connection: sa.Connection) -> list[int]:
        tables = (leads, assignments, journey_steps, outbox_events)
        return [
            connection.execute(
                sa.select(sa.func.count()).where(
                    table.c.organisation_id == mine.id,
                    *([leads.c.assignee_id.is_not(None)] if table is leads else []),
                )
            ).scalar_one()
            for table in tables
        ]

    office.database.write_now(arrive)
    assert (await office.get("/queues"))["items"][0]["waiting"] == 2
    assert await office.ask("POST", "/queues/drain") == {"assigned": 2, "moved": 0}
    assert (await office.get("/queues"))["items"][0]["waiting"] == 0
    assert sum(person["open_leads"] for person in (await office.get("/assignees"))["items"]) == 2
    assert office.database.read_now(written) == [2, 2, 2, 2]
    sales = str(mine.user_ids["Sales"])
    tried = {
        "rules": [rule("Portuguese", {"kind": "user", "user_id": sales})],
        "since": "2025-12-31T00:00:00Z",
        "until": "2026-01-02T00:00:00Z",
    }
    before = len(office.audited())
    compared = await office.ask("POST", "/routing/what-if", tried)
    assert compared["leads"] == 2
    assert compared["proposed"]["people"] == [{"user_id": sales, "leads": 2, "peak_open": 2}]
    assert len(compared["actual"]["people"]) == 2
    assert office.database.read_now(written) == [2, 2, 2, 2]
    assert len(office.audited()) == before
    tried["rules"].append(rule("B", {"kind": "queue", "queue_id": sales}))
    assert list(await office.refused("POST", "/routing/what-if", tried)) == ["/rules/1/target/queue_id"]
    assert list(await office.refused("POST", "/routing/what-if", {**tried, "until": tried["since"]})) == ["/until"]
