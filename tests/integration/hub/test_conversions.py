"""The whole hub with both advertising platforms: a stage that somebody sets is told to the platform of the lead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hub.bootstrap import open_hub
from hub.connector.clock import SystemClock
from hub.connector.models import FieldType, Question
from hub.connectors import Registry
from hub.core.jobs.service import add, planned_job
from hub.jobs.conversions import FIND_CONVERSIONS
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.google_ads.connector import GoogleAds
from plugins.google_ads.simulator import GoogleAdsSimulator
from plugins.google_ads.simulator.world import NORTH, QUALIFIED, WON
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator import MetaAdsSimulator
from plugins.meta_ads.simulator.world import DATA_SET, OTHER_DATA_SET
from plugins.web_forms.connector import WebForms
from tests.integration.hub.conftest import Served, free_port, set_up

META_QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
)
GOOGLE_QUESTIONS = (
    Question(key="FULL_NAME", label="Full name"),
    Question(key="EMAIL", label="E-mail", kind=FieldType.EMAIL),
)
YESTERDAY = timedelta(days=1)


class Agency(Served):
    """A served hub with both platforms beside it."""

    meta: MetaAdsSimulator
    google: GoogleAdsSimulator

    async def connect(self, connector: str) -> dict[str, Any]:
        """Add the app and sign in at the platform as the person would; the connection."""
        simulator = {"meta_ads": self.meta, "google_ads": self.google}[connector]
        settings = simulator.settings()
        secret_of = {"meta_ads": ("app_secret",), "google_ads": ("client_secret", "webhook_secret")}[connector]
        plain_of = {"meta_ads": "app_id", "google_ads": "client_id"}[connector]
        values = {name: getattr(settings, name).get_secret_value() for name in secret_of}
        values[plain_of] = getattr(settings, plain_of)
        body = {"connector": connector, "name": "Our app", "settings": values}
        app = await self.ask("POST", "/api/v1/apps", body, expect=201)
        start = await self.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]}, expect=201)
        async with self.client.get(await simulator.authorize(start["url"])) as landed:
            assert landed.status == 200, await landed.text()
        found = (await self.ask("GET", "/api/v1/connections"))["items"]
        return next(each for each in found if each["connector"] == connector)

    async def leads(self, number: int) -> list[Any]:
        """Wait until that many leads are there; their list, oldest first."""
        for _ in range(300):
            items = (await self.ask("GET", "/api/v1/leads?limit=200"))["items"]
            if len(items) >= number:
                return sorted(items, key=lambda lead: lead["submitted_at"])
            await asyncio.sleep(0.05)
        raise AssertionError(items)

    async def stages(self) -> list[str]:
        """The ids of the stages of the pipeline in order, but for the lost ones."""
        (pipeline,) = (await self.ask("GET", "/api/v1/pipelines"))["items"]
        return [each["id"] for each in pipeline["stages"] if each["kind"] != "lost"]

    async def move(self, lead: Any, stage_id: str) -> None:
        """Somebody moves a lead."""
        await self.ask("PUT", f"/api/v1/leads/{lead['id']}/stage", {"stage_id": stage_id})

    async def reports(self, *states: str) -> list[Any]:
        """Look for what is due now, and wait until the reports stand in these states; newest first."""
        await self.hub.database.write(add, planned_job(FIND_CONVERSIONS), self.hub.clock.now())
        self.hub.engine.wake()
        for _ in range(300):
            items = (await self.ask("GET", "/api/v1/conversion-reports"))["items"]
            if sorted(each["state"] for each in items) == sorted(states):
                return list(items)
            await asyncio.sleep(0.05)
        raise AssertionError(items)

    async def until_problem(self, rule: dict[str, Any], code: str) -> Any:
        """Wait until a rule shows why nothing gets through; the rule as shown."""
        for _ in range(300):
            shown = await self.ask("GET", f"/api/v1/conversion-rules/{rule['id']}")
            if shown["problem_code"] == code and shown["reports"].get("sent", 0) == 0:
                return shown
            await asyncio.sleep(0.05)
        raise AssertionError(shown)


@pytest.fixture
async def agency(whole_url: str, tmp_path: Path) -> AsyncIterator[Agency]:
    """Set up through its first-run link."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with AsyncExitStack() as stack:
        meta = await stack.enter_async_context(MetaAdsSimulator(SystemClock()))
        google = await stack.enter_async_context(GoogleAdsSimulator(SystemClock()))
        settings = Settings(
            data_dir=tmp_path,
            database_url=whole_url,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides={**meta.origin_overrides(), **google.origin_overrides()},
        )
        registry = Registry.from_connectors([MetaAds(), GoogleAds(), WebForms()])
        hub = await stack.enter_async_context(open_hub(settings, "serve", registry=registry))
        jar = aiohttp.CookieJar(unsafe=True)
        client = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        assert hub.app is not None
        runner = WatchedRunner(hub.app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        found = Agency(hub, url, client, None)  # type: ignore[arg-type]  # two other platforms stand in its place
        found.meta, found.google = meta, google
        await set_up(found)
        yield found


@pytest.mark.proves("P-53")
async def test_stages_of_meta_leads_are_reported_once(agency: Agency) -> None:
    """Targets are offered, a rule is added, a lead enters the stage three times: Meta counts one event, of its own lead
    id, in time; the lead and the list show it."""
    source = agency.meta
    form = source.add_form("Roof check", META_QUESTIONS)
    lead_ids = [
        source.add_submission(
            form,
            {"full_name": (name,), "email": (f"{name.lower()}@example.com",)},
            submitted_at=source.clock.now() - YESTERDAY,
        )
        for name in ("Ada", "Ben")
    ]
    connection = await agency.connect("meta_ads")
    leads = await agency.leads(2)
    address = f"/api/v1/connections/{connection['id']}/conversion-targets"
    targets = await agency.ask("GET", address)
    assert targets["has_event_names"]
    assert {each["id"] for each in targets["items"]} == {DATA_SET, OTHER_DATA_SET}

    first, second, *_ = await agency.stages()
    body = {"connection_id": connection["id"], "target_id": DATA_SET, "stage_id": second, "event_name": "Qualified"}
    rule = await agency.ask("POST", "/api/v1/conversion-rules", body, expect=201)
    assert rule["target_name"] == "Leads of the clinics"
    for _ in range(3):
        await agency.move(leads[0], second)
        await agency.move(leads[0], first)
    (report,) = await agency.reports("accepted")
    (event,) = source.counted_conversions
    assert (event.event_id, event.event_name) == (report["event_id"], "Qualified")
    (call,) = [each for each in source.requests if each.path.endswith("/events")]
    assert any(lead_id.encode() in call.body for lead_id in lead_ids)
    of_lead = await agency.ask("GET", f"/api/v1/leads/{leads[0]['id']}/conversion-reports")
    assert of_lead["items"] == [report]
    assert (await agency.ask("GET", f"/api/v1/leads/{leads[1]['id']}/conversion-reports"))["items"] == []

    source.lose_target(DATA_SET)
    await agency.move(leads[1], second)
    await agency.reports("accepted", "waiting")
    shown = await agency.until_problem(rule, "target_gone")
    assert shown["reports"] == {"accepted": 1, "waiting": 1}
    (still,) = (await agency.ask("GET", "/api/v1/connections"))["items"]
    assert still["label"] == "Integration is active"


@pytest.mark.proves("P-53")
async def test_stages_of_google_leads_are_reported_by_their_click(agency: Agency) -> None:
    """One request, an outcome for each lead: taken, unknown to Google, too late; the order id makes a second try
    harmless."""
    source = agency.google
    form = source.add_form("Roof check", GOOGLE_QUESTIONS, part_id=NORTH)
    facts = {"Ada": None, "Ben": {"gclid": "Cj0Kben"}, "Cleo": None}
    days = {"Ada": 3, "Ben": 2, "Cleo": 1}
    for name in facts:
        source.add_submission(
            form,
            {"FULL_NAME": (name,), "EMAIL": (f"{name.lower()}@example.com",)},
            submitted_at=source.clock.now() - timedelta(days=days[name]),
            facts=facts[name],
        )
    connection = await agency.connect("google_ads")
    leads = await agency.leads(3)
    targets = await agency.ask("GET", f"/api/v1/connections/{connection['id']}/conversion-targets")
    assert not targets["has_event_names"]
    assert {each["id"] for each in targets["items"]} == {QUALIFIED, WON}
    _, second, *_ = await agency.stages()
    body = {"connection_id": connection["id"], "target_id": QUALIFIED, "stage_id": second}
    await agency.ask("POST", "/api/v1/conversion-rules", {**body, "event_name": "x"}, expect=422)
    await agency.ask("POST", "/api/v1/conversion-rules", body, expect=201)

    by_name = {lead["name"]: lead for lead in leads}
    ben = next(each for each in source.submissions.values() if each.facts.get("gclid") == "Cj0Kben")
    del source.submissions[ben.source_id]
    source.conversion_actions[QUALIFIED].click_window = timedelta(days=2, hours=12)
    for name in ("Ada", "Ben", "Cleo"):
        await agency.move(by_name[name], second)
    found = {each["lead_id"]: each for each in await agency.reports("accepted", "refused", "too_late")}
    outcomes = {name: found[by_name[name]["id"]]["code"] for name in by_name}
    assert outcomes == {"Ada": "expired_event", "Ben": "event_not_found", "Cleo": None}
    (taken,) = source.uploaded
    assert taken["orderId"] == found[by_name["Cleo"]["id"]]["event_id"]


async def test_rules_are_read_changed_and_removed(agency: Agency) -> None:
    """What is refused names its field; a rule that is switched off sends nothing, and its reports outlive it."""
    source = agency.meta
    form = source.add_form("Roof check", META_QUESTIONS)
    source.add_submission(
        form,
        {"full_name": ("Ada",), "email": ("ada@example.com",)},
        submitted_at=source.clock.now() - YESTERDAY,
    )
    connection = await agency.connect("meta_ads")
    (lead,) = await agency.leads(1)
    _, second, third, *_ = await agency.stages()
    good = {"connection_id": connection["id"], "target_id": DATA_SET, "stage_id": second, "event_name": "Qualified"}
    path = "/api/v1/conversion-rules"
    for change, pointer in (
        ({"target_id": "no-such"}, "/target_id"),
        ({"event_name": ""}, "/event_name"),
        ({"value_field": "full_name"}, "/value_field"),
        ({"currency": "euro"}, "/currency"),
        ({"connection_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "/connection_id"),
    ):
        refused = await agency.ask("POST", path, {**good, **change}, expect=422)
        assert [each["pointer"] for each in refused["errors"]] == [pointer]
    rule = await agency.ask("POST", path, good, expect=201)
    await agency.ask("POST", path, good, expect=409)
    one = f"{path}/{rule['id']}"
    assert (await agency.ask("PATCH", one, {"is_active": False}))["is_active"] is False
    await agency.move(lead, second)
    await agency.reports()
    changed = await agency.ask("PATCH", one, {"is_active": True, "stage_id": third, "consent_purpose": "ads"})
    assert (changed["stage_id"], changed["consent_purpose"], changed["event_name"]) == (third, "ads", "Qualified")
    changed = await agency.ask("PATCH", one, {"consent_purpose": None, "target_id": OTHER_DATA_SET})
    assert (changed["consent_purpose"], changed["target_name"]) == (None, "Website")
    await agency.move(lead, third)
    await agency.reports("accepted")
    assert [each["id"] for each in (await agency.ask("GET", path))["items"]] == [rule["id"]]
    await agency.ask("DELETE", one, expect=204)
    await agency.ask("GET", one, expect=404)
    (report,) = await agency.reports("accepted")
    assert (report["rule_id"], report["target_name"]) == (None, "Website")
    actions = [each["action"] for each in (await agency.ask("GET", "/api/v1/audit-records?limit=200"))["items"]]
    assert {"conversion_rule_created", "conversion_rule_changed", "conversion_rule_removed"} <= set(actions)


async def test_reports_are_listed_page_by_page(agency: Agency) -> None:
    """Newest first, each once, narrowed by state, rule and lead."""
    source = agency.meta
    form = source.add_form("Roof check", META_QUESTIONS)
    for number in range(5):
        source.add_submission(
            form,
            {"full_name": (f"P {number}",), "email": (f"p{number}@example.com",)},
            submitted_at=source.clock.now() - YESTERDAY,
        )
    connection = await agency.connect("meta_ads")
    leads = await agency.leads(5)
    _, second, *_ = await agency.stages()
    body = {"connection_id": connection["id"], "target_id": DATA_SET, "stage_id": second, "event_name": "Qualified"}
    rule = await agency.ask("POST", "/api/v1/conversion-rules", body, expect=201)
    for lead in leads:
        await agency.move(lead, second)
    whole = await agency.reports(*["accepted"] * 5)
    seen, cursor = [], ""
    while cursor is not None:
        page = await agency.ask("GET", f"/api/v1/conversion-reports?limit=2{cursor and '&cursor='}{cursor}")
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == whole
    for query, number in (
        (f"lead_id={leads[0]['id']}", 1),
        (f"conversion_rule_id={rule['id']}", 5),
        (f"connection_id={connection['id']}&state=accepted", 5),
        ("state=refused", 0),
    ):
        assert len((await agency.ask("GET", f"/api/v1/conversion-reports?{query}"))["items"]) == number
    await agency.ask("GET", "/api/v1/conversion-reports?state=lost", expect=400)
