"""The whole hub with Google Ads: signed in through the consent page, leads by webhook, by reading, and by both."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp import web

from hub.bootstrap import open_hub
from hub.connector.clock import SystemClock
from hub.connector.models import FieldType, Question
from hub.connectors import Registry
from hub.core.accounts.first_run import issue_first_run_link
from hub.core.intake.models import receipts
from hub.db.guard import ALL_ORGANISATIONS
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.google_ads.simulator import GoogleAdsSimulator
from plugins.google_ads.simulator.world import HARBOUR, NORTH, SOUTH
from tests.integration.hub.conftest import PASSWORD, Served, free_port

QUESTIONS = (
    Question(key="FULL_NAME", label="Full name"),
    Question(key="EMAIL", label="Email", kind=FieldType.EMAIL),
    Question(key="Which roof?", label="Which roof?"),
)
ORGANISATION = {"name": "Example Roofs", "country": "DE", "language": "en", "time_zone": "Europe/Berlin"}
ADMINISTRATOR = {"name": "Ada Admin", "email": "ada@example.com", "password": PASSWORD}


class ServedWithGoogle(Served):
    """A served hub with the simulated Google beside it."""

    simulator: GoogleAdsSimulator  # type: ignore[assignment]  # the same place, another platform

    def lead(self, form_id: str, name: str, **more: Any) -> str:
        """A lead at Google, of somebody of this name."""
        answers = {"FULL_NAME": (name,), "EMAIL": (f"{name.replace(' ', '.').lower()}@example.com",)}
        return self.simulator.add_submission(form_id, {**answers, "Which roof?": ("Flat",)}, **more)

    async def connect(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add the app and sign in at the platform as the person would; app and connection."""
        settings = self.simulator.settings()
        body = {
            "connector": "google_ads",
            "name": "Our Cloud project",
            "settings": {
                "client_id": settings.client_id,
                "client_secret": settings.client_secret.get_secret_value(),
                "webhook_secret": settings.webhook_secret.get_secret_value(),
            },
        }
        app = await self.ask("POST", "/api/v1/apps", body, expect=201)
        start = await self.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]}, expect=201)
        async with self.client.get(await self.simulator.authorize(start["url"])) as landed:
            assert landed.status == 200, await landed.text()
        (connection,) = [each for each in await self.connections() if each["connector"] == "google_ads"]
        return app, connection

    async def connections(self) -> list[Any]:
        """All connections."""
        return list((await self.ask("GET", "/api/v1/connections"))["items"])

    async def until(self, leads: int) -> list[Any]:
        """Wait until that many leads are there and nothing is pending any more; their list."""
        for _ in range(300):
            page = await self.ask("GET", "/api/v1/leads?limit=200")
            balance = await self.ask("GET", "/api/v1/ledger")
            if len(page["items"]) >= leads and not balance["totals"].get("pending"):
                return list(page["items"])
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(page['items'])} leads, {balance['totals']}")

    async def until_label(self, address: str, label: str) -> None:
        """Wait until a connection shows this status."""
        for _ in range(300):
            shown = await self.ask("GET", address)
            if shown["label"] == label:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{shown['label']}, not {label}")

    async def until_total(self, disposition: str, number: int) -> dict[str, int]:
        """Wait until so many receipts ended so; all totals."""
        for _ in range(300):
            totals: dict[str, int] = (await self.ask("GET", "/api/v1/ledger"))["totals"]
            if totals.get(disposition, 0) >= number and not totals.get("pending"):
                return totals
            await asyncio.sleep(0.05)
        raise AssertionError(totals)


@pytest.fixture
async def google(whole_url: str, tmp_path: Path) -> AsyncIterator[ServedWithGoogle]:
    """The hub, set up through its first-run link."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with GoogleAdsSimulator(SystemClock()) as simulator:
        settings = Settings(
            data_dir=tmp_path,
            database_url=whole_url,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides=simulator.origin_overrides(),
        )
        registry = Registry.from_entry_points()
        async with (
            open_hub(settings, "serve", registry=registry) as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            found = ServedWithGoogle(hub, url, client, simulator)
            link = await hub.database.write(issue_first_run_link, hub.clock.now())
            first = {"token": link, "organisation": ORGANISATION, "administrator": ADMINISTRATOR}
            await found.ask("POST", "/api/v1/first-run", first)
            yield found
            await runner.cleanup()


@pytest.mark.proves("Z-167", "X-02", "DG-03")
async def test_each_lead_comes_once_whichever_way_and_however_often(google: ServedWithGoogle) -> None:
    """Old leads are read, new ones delivered twice and read again, one is never delivered, and the token ends in the
    middle of a list: each becomes one lead with an owner, and the balance holds."""
    source = google.simulator
    source.largest_page = 2
    form = source.add_form("Roof check", QUESTIONS)
    for number in range(3):
        google.lead(form, f"Old {number}")
    app, connection = await google.connect()
    assert connection["label"] == "Integration is active"
    assert connection["account_name"] == "ada@example.com"
    assert {part["part_id"] for part in connection["parts"]} == {NORTH, SOUTH, HARBOUR}
    await google.until(3)

    source.set_webhook(form, f"{app['webhook_url']}/{NORTH}")
    source.duplicate(2)
    sent = await source.announce([google.lead(form, f"New {number}") for number in range(3)])
    assert [each.status for each in sent] == [200] * 6
    source.heal()
    await google.until(6)

    google.lead(form, "Never Announced")
    source.expire_token_after(1)
    await google.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    found = await google.until(7)
    assert sorted(lead["name"] for lead in found) == sorted(
        [*(f"Old {number}" for number in range(3)), *(f"New {number}" for number in range(3)), "Never Announced"]
    )
    assert all(lead["assignee_id"] for lead in found)
    balance = await google.ask("GET", "/api/v1/ledger")
    assert balance["holds"]
    assert balance["totals"]["lead_created"] == 7
    (path,) = balance["paths"]
    assert (path["found_by"]["pull"], path["found_by"]["webhook"]) == (4, 3)
    (after,) = await google.connections()
    assert after["label"] == "Integration is active"
    renewals = [each for each in source.requests if each.path == "/token" and b"refresh_token" in each.body]
    assert len(renewals) == 1


@pytest.mark.proves("Z-166", "Z-174")
async def test_both_advertising_platforms_are_offered_with_their_reviews(google: ServedWithGoogle) -> None:
    """The installed hub offers Meta and Google, each with the access review that an admin reads first."""
    listed = (await google.ask("GET", "/api/v1/connectors"))["items"]
    reviews = {each["key"]: [line["label"] for line in each["access_review"]] for each in listed}
    assert len(reviews["meta_ads"]) == 5
    assert reviews["google_ads"] == [
        "Customer accounts",
        "Forms",
        "Retrieve leads",
        "User email address",
        "User profile information",
    ]


@pytest.mark.proves("X-10")
async def test_where_a_lead_came_from_stands_on_it(google: ServedWithGoogle) -> None:
    """Campaign, ad group, creative, account and click id, and every answer, its own questions too."""
    form = google.simulator.add_form("Roof check", QUESTIONS, part_id=SOUTH)
    google.lead(form, "Ada Example")
    await google.connect()
    (lead,) = await google.until(1)
    shown = await google.ask("GET", f"/api/v1/leads/{lead['id']}")
    (submission,) = shown["submissions"]
    campaign = submission["campaign"]
    assert campaign["names"] == {"campaign": "Spring offer", "ad_group": "Near you"}
    assert campaign["ids"]["account"] == SOUTH
    assert campaign["ids"]["creative"] == "50000000001"
    assert campaign["click_ids"]["gclid"].startswith("Cj0K")
    assert {"key": "Which roof?", "label": "Which roof?", "values": ["Flat"]} in submission["answers"]
    assert shown["values"]["full_name"] == "Ada Example"
    assert shown["values"]["email"] == "ada.example@example.com"


async def test_withdrawn_access_asks_for_a_sign_in_and_the_gap_is_read(google: ServedWithGoogle) -> None:
    """The person removes the app at Google: the connection says so, webhooks still make leads, and after signing in
    again the lead that was never delivered is read."""
    source = google.simulator
    form = source.add_form("Roof check", QUESTIONS)
    app, connection = await google.connect()
    address = f"/api/v1/connections/{connection['id']}"
    await google.until_label(address, "Integration is active")
    source.set_webhook(form, app["webhook_url"])
    source.remove_app()
    await source.announce([google.lead(form, "Delivered Meanwhile")])
    google.lead(form, "Never Delivered")
    await google.ask("POST", f"{address}/pull", expect=202)
    await google.until_label(address, "Authorization is needed")
    assert [lead["name"] for lead in await google.until(1)] == ["Delivered Meanwhile"]

    wanted = {"app_id": app["id"], "connection_id": connection["id"]}
    start = await google.ask("POST", "/api/v1/authorisations", wanted, expect=201)
    async with google.client.get(await source.authorize(start["url"])) as landed:
        assert landed.status == 200, await landed.text()
    await google.until_label(address, "Integration is active")
    assert {lead["name"] for lead in await google.until(2)} == {"Delivered Meanwhile", "Never Delivered"}


async def test_disconnecting_gives_the_grant_back(google: ServedWithGoogle) -> None:
    """When the admin disconnects the account, no token of it works at Google any longer."""
    _, connection = await google.connect()
    tokens = google.simulator.tokens
    refresh = [each for each in tokens.values() if tokens.is_live(each, "refresh")]
    assert len(refresh) == 1
    address = f"/api/v1/connections/{connection['id']}"
    ended = await google.ask("POST", f"{address}/disconnection", {"reason": "We changed agencies."})
    assert ended["label"] == "Disconnected"
    assert not any(tokens.is_live(each) for each in tokens.values())


async def test_the_test_button_turns_green_and_makes_no_lead(google: ServedWithGoogle) -> None:
    """Test data is answered with exactly 200, goes the whole way, and is marked as a test; a wrong key or account
    stays red or is held."""
    source = google.simulator
    form = source.add_form("Roof check", QUESTIONS)
    app, _ = await google.connect()
    source.set_webhook(form, app["webhook_url"])
    assert await source.send_test(form)
    totals = await google.until_total("test", 1)
    assert not totals.get("lead_created")
    source.set_webhook(form, app["webhook_url"], source.client_secret)
    assert not await source.send_test(form)
    source.set_webhook(form, f"{app['webhook_url']}/999-999-9999")
    assert await source.send_test(form)
    assert (await google.until_total("quarantined", 1))["quarantined"] == 1


async def test_our_own_trouble_is_503_and_google_sends_again(google: ServedWithGoogle) -> None:
    """While nothing can be stored the answer is 503; the repeated delivery becomes the lead."""
    source = google.simulator
    form = source.add_form("Roof check", QUESTIONS)
    app, _ = await google.connect()
    source.set_webhook(form, app["webhook_url"])
    lead = google.lead(form, "Ada Example")
    await google.hub.database.write(_rename, "receipts", "receipts_away")
    try:
        (sent,) = await source.announce([lead])
        first_status = sent.status
    finally:
        await google.hub.database.write(_rename, "receipts_away", "receipts")
    assert first_status == 503
    assert source.lost == []
    await source.send_again(app["webhook_url"])
    (found,) = await google.until(1)
    assert found["name"] == "Ada Example"


async def test_the_key_stands_in_no_payload(google: ServedWithGoogle) -> None:
    """What is worked on and shown of a delivery does not hold the key."""
    stored = await _delivered(google)
    assert stored
    assert all(google.simulator.webhook_secret.get_secret_value() not in str(row.payload) for row in stored)


async def test_the_key_stands_in_no_raw_body(google: ServedWithGoogle) -> None:
    """The bytes that are kept with a receipt do not hold the key either."""
    for row in await _delivered(google):
        assert google.simulator.webhook_secret.get_secret_value().encode() not in bytes(row.raw)


async def _delivered(google: ServedWithGoogle) -> list[Any]:
    form = google.simulator.add_form("Roof check", QUESTIONS)
    app, _ = await google.connect()
    google.simulator.set_webhook(form, app["webhook_url"])
    await google.simulator.announce([google.lead(form, "Ada Example")])
    await google.until(1)
    return await google.hub.database.read(_kept)


def _kept(connection: sa.engine.Connection) -> list[Any]:
    statement = sa.select(receipts.c.raw, receipts.c.payload).where(receipts.c.path == "webhook")
    return list(connection.execute(statement.execution_options(**{ALL_ORGANISATIONS: "a test looks at everything"})))


def _rename(connection: sa.engine.Connection, old: str, new: str) -> None:
    connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))
