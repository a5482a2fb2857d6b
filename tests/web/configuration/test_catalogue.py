"""Pipelines, stages, sources and types through HTTP."""

from typing import Any

import pytest

from tests.web.configuration.office import Office

STAGE = {"name": "Offer", "position": 2, "code": "offer", "color": "#2F80ED", "description": "An offer was made"}
NEW = {"name": "New", "position": 1, "code": "new", "color": "#111111", "description": "Just came"}
WON = {"name": "Won", "position": 2, "code": "won", "color": "#222222", "description": "Bought", "kind": "won"}
LOST = {"name": "Lost", "position": 2, "code": "lost", "color": "#333333", "description": "Gone", "kind": "lost"}


def places(stages: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(stage["position"], stage["code"]) for stage in stages]


@pytest.mark.proves("C-001", "C-003", "C-004")
async def test_pipelines_are_added_renamed_and_made_the_default(office: Office) -> None:
    """A second pipeline stands beside the first and can take its place as the default."""
    body = {"name": "Groups", "stages": [NEW, WON, LOST]}
    made = await office.ask("POST", "/pipelines", body, status=201)
    assert places(made["stages"]) == [(1, "new"), (2, "won"), (2, "lost")]
    assert made["is_default"] is False
    changed = await office.ask("PATCH", f"/pipelines/{made['id']}", {"name": "Group sales", "is_default": True})
    assert (changed["name"], changed["is_default"]) == ("Group sales", True)
    listed = (await office.get("/pipelines"))["items"]
    assert [(each["id"], each["is_default"]) for each in listed] == [(made["id"], True), (listed[1]["id"], False)]
    assert await office.get(f"/pipelines/{made['id']}") == changed
    office.require_audited("pipeline_created", "pipeline_changed")


async def test_a_pipeline_that_cannot_be_is_refused_with_its_field(office: Office) -> None:
    """A missing kind, a code used twice, a gap, a taken name, and the only default switched off."""
    first = (await office.get("/pipelines"))["items"][0]
    assert "won" in (await office.refused("POST", "/pipelines", {"name": "A", "stages": [NEW, LOST]}))["/stages"]
    twice = {"name": "A", "stages": [NEW, {**WON, "code": "NEW"}, LOST]}
    assert list(await office.refused("POST", "/pipelines", twice, status=409)) == ["/stages/1/code"]
    gap = {"name": "A", "stages": [NEW, {**WON, "position": 9}, LOST]}
    assert "from 1 to" in (await office.refused("POST", "/pipelines", gap))["/stages"]
    taken = {"name": first["name"].upper(), "stages": [NEW, WON, LOST]}
    assert list(await office.refused("POST", "/pipelines", taken, status=409)) == ["/name"]
    assert list(await office.refused("PATCH", f"/pipelines/{first['id']}", {"is_default": False})) == ["/is_default"]
    assert [action for _, action in office.audited()] == ["organisation_created"]


@pytest.mark.proves("Z-047", "Z-050", "Z-051")
async def test_a_stage_at_an_occupied_place_moves_the_others_and_says_so_before(office: Office) -> None:
    """The preview and the save agree; moving on and removing leave no gap."""
    pipeline = (await office.get("/pipelines"))["items"][0]
    url = f"/pipelines/{pipeline['id']}"
    assert places(pipeline["stages"]) == [(1, "NEW"), (2, "CONTACTED"), (3, "WON"), (3, "LOST")]
    told = (await office.get(f"{url}/stage-moves?position=2"))["items"]
    assert [(each["name"], each["position"], each["new_position"]) for each in told] == [
        ("Contacted", 2, 3),
        ("Won", 3, 4),
        ("Lost", 3, 4),
    ]
    after = (await office.ask("POST", f"{url}/stages", STAGE, status=201))["items"]
    assert places(after) == [(1, "NEW"), (2, "offer"), (3, "CONTACTED"), (4, "WON"), (4, "LOST")]
    offer = after[1]["id"]
    told = (await office.get(f"{url}/stage-moves?position=1&stage_id={offer}"))["items"]
    assert [(each["name"], each["new_position"]) for each in told] == [("New", 2), ("Offer", 1)]
    moved = (await office.ask("PATCH", f"/stages/{offer}", {"position": 1, "color": "#ffffff"}))["items"]
    assert places(moved)[:2] == [(1, "offer"), (2, "NEW")]
    assert (await office.get(f"/stages/{offer}"))["color"] == "#FFFFFF"
    await office.ask("DELETE", f"/stages/{offer}", status=204)
    listed = (await office.get(f"/stages?pipeline_id={pipeline['id']}"))["items"]
    assert listed == pipeline["stages"]
    office.require_audited("stage_created", "stage_changed", "stage_deleted")


@pytest.mark.proves("Z-048")
async def test_a_stage_needs_all_five_fields(office: Office) -> None:
    """Every missing field is named; so are a wrong colour, a wrong place and a code in use."""
    pipeline = (await office.get("/pipelines"))["items"][0]
    url = f"/pipelines/{pipeline['id']}/stages"
    assert set(await office.refused("POST", url, {})) == {"/name", "/position", "/code", "/color", "/description"}
    wrong = {**STAGE, "color": "blue", "description": " "}
    assert set(await office.refused("POST", url, wrong)) == {"/color", "/description"}
    assert list(await office.refused("POST", url, {**STAGE, "position": 9})) == ["/position"]
    assert list(await office.refused("POST", url, {**STAGE, "code": "new"}, status=409)) == ["/code"]
    moves = f"/pipelines/{pipeline['id']}/stage-moves?position=9"
    assert list(await office.refused("GET", moves, status=400)) == ["query/position"]
    won = pipeline["stages"][2]["id"]
    assert list(await office.refused("DELETE", f"/stages/{won}")) == ["/stages"]


@pytest.mark.proves("Z-059", "Z-061", "Z-062", "Z-063")
async def test_sources_are_added_changed_and_switched_off(office: Office) -> None:
    """Built-in sources are there; a source without a code gets the next one; the list shows the status."""
    built_in = {each["built_in_code"] for each in (await office.get("/lead-sources"))["items"]}
    chat_bots = {"chat_bot_sms", "chat_bot_voice", "chat_bot_web"}
    expected = {"manual", "web_forms", "meta_ads", "google_ads", "ai_receptionist", "sms", "voice", "whatsapp"}
    assert built_in == expected | chat_bots
    made = await office.ask("POST", "/lead-sources", {"name": "Fair", "color": "#abcdef"}, status=201)
    assert made["code"] == "LS000001"
    url = f"/lead-sources/{made['id']}"
    changed = await office.ask("PATCH", url, {"code": "fair_26", "description": "In May", "is_active": False})
    assert changed == {**made, "code": "fair_26", "description": "In May", "is_active": False}
    assert await office.get(url) == changed
    office.require_audited("lead_source_created", "lead_source_changed")
    assert list(await office.refused("PATCH", url, {"code": "manual"}, status=409)) == ["/code"]
    assert set(await office.refused("POST", "/lead-sources", {"name": "", "color": "red"})) == {"/name", "/color"}


@pytest.mark.proves("Z-040", "Z-042", "Z-043")
async def test_types_are_added_changed_and_switched_off(office: Office) -> None:
    """Teams define their own types."""
    made = await office.ask("POST", "/lead-types", {"name": "Gift card", "code": "gift"}, status=201)
    url = f"/lead-types/{made['id']}"
    changed = await office.ask("PATCH", url, {"name": "Gift cards", "description": "Bought", "is_active": False})
    assert changed == {**made, "name": "Gift cards", "description": "Bought", "is_active": False}
    assert await office.get(url) == changed
    assert changed in (await office.get("/lead-types"))["items"]
    office.require_audited("lead_type_created", "lead_type_changed")
    assert list(await office.refused("POST", "/lead-types", {"name": "X", "code": "GIFT"}, status=409)) == ["/code"]
    assert list(await office.refused("POST", "/lead-types", {"name": "X", "code": "a b"})) == ["/code"]
