"""The whole hub with an SMS and voice account: connected by keys, conversations by webhook, by reading, by both."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator
from yarl import URL

from hub.bootstrap import open_hub
from hub.connector.clock import SystemClock
from hub.connectors import Registry
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.sms_voice.simulator.agent import AgentSimulator
from plugins.sms_voice.simulator.twilio import OwnNumber, TwilioSimulator
from tests.integration.hub.conftest import Served, free_port, set_up

OWN = "+15005550001"
ADA, BEN = "+14155550001", "+14155550002"


class ServedWithNumbers(Served):
    """A served hub with the simulated Twilio beside it."""

    simulator: TwilioSimulator  # type: ignore[assignment]  # the same place, another source
    webhook_url: str = ""

    async def connect(self) -> Any:
        """Add the app, and connect the account by its keys."""
        app = await self.add_app("twilio", self.simulator.settings())
        self.webhook_url = self.simulator.callback_url = app["webhook_url"]
        return await self.ask("POST", f"/api/v1/apps/{app['id']}/connections", {"settings": {}}, expect=201)

    async def add_app(self, name: str, settings: Any) -> Any:
        """An app with the settings as they are typed in."""
        shown = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value
            for key, value in settings
            if value is not None
        }
        body = {"connector": "sms_voice", "name": name, "settings": shown}
        return await self.ask("POST", "/api/v1/apps", body, expect=201)

    async def post(self, fields: dict[str, str], *, topic: str = "", query: str = "") -> str:
        """A form as Twilio posts it, signed by the official library over the address that is called; the answer."""
        url = self.webhook_url + (f"/{topic}" if topic else "") + (f"?{query}" if query else "")
        signature = RequestValidator(self.simulator.auth_token.get_secret_value()).compute_signature(url, fields)
        target = URL(url, encoded=True)
        async with self.client.post(target, data=fields, headers={"X-Twilio-Signature": signature}) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/xml"
            return await answer.text()

    async def until(self, leads: int) -> list[Any]:
        """Wait until exactly so many leads are there and nothing is pending; their list."""
        for _ in range(300):
            page = await self.ask("GET", "/api/v1/leads?limit=200")
            balance = await self.ask("GET", "/api/v1/ledger")
            if len(page["items"]) == leads and not balance["totals"].get("pending"):
                return list(page["items"])
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(page['items'])} leads, {balance['totals']}")

    async def until_state(self, path: str, message_id: str, state: str) -> None:
        """Wait until a message to a lead stands so."""
        for _ in range(300):
            found = {each["id"]: each["state"] for each in (await self.ask("GET", path))["items"]}
            if found[message_id] == state:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(found)

    async def until_totals(self, received: int) -> dict[str, int]:
        """Wait until so many receipts are there and none is pending; all totals."""
        for _ in range(300):
            balance = await self.ask("GET", "/api/v1/ledger")
            totals: dict[str, int] = balance["totals"]
            if totals["received"] >= received and not totals.get("pending"):
                assert balance["holds"]
                return totals
            await asyncio.sleep(0.05)
        raise AssertionError(totals)

    def text(self, sid: str, sender: str, body: str, **more: str) -> dict[str, str]:
        """The fields of an inbound text."""
        known = {"MessageSid": sid, "AccountSid": self.simulator.account_sid, "SmsStatus": "received", "NumMedia": "0"}
        return {**known, "From": sender, "To": OWN, "Body": body, "FromCity": "", **more}

    def call(self, sid: str, caller: str, status: str, **more: str) -> dict[str, str]:
        """The fields of a call."""
        known = {"CallSid": sid, "AccountSid": self.simulator.account_sid, "Direction": "inbound"}
        return {**known, "From": caller, "To": OWN, "CallStatus": status, **more}


@pytest.fixture
async def twilio(whole_url: str, tmp_path: Path) -> AsyncIterator[ServedWithNumbers]:
    """The hub, set up, with an account of one number that can do everything."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with TwilioSimulator(SystemClock()) as simulator:
        form = simulator.add_form("Front desk", form_id=f"sms:{OWN}")
        number: OwnNumber = simulator.numbers[OWN]
        number.channels = simulator.every_channel
        assert form == f"sms:{OWN}"
        settings = Settings(
            data_dir=tmp_path,
            database_url=whole_url,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides=simulator.origin_overrides(),
        )
        async with (
            open_hub(settings, "serve", registry=Registry.from_entry_points()) as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            found = ServedWithNumbers(hub, url, client, simulator)
            await set_up(found)
            yield found
            await runner.cleanup()


async def test_conversation_becomes_one_lead_whichever_way_it_comes(twilio: ServedWithNumbers) -> None:
    """Old messages are read, new ones posted twice, one never posted: one lead for each person."""
    source, form = twilio.simulator, f"sms:{OWN}"
    old = source.add_submission(form, {"phone": (ADA,), "message": ("Hello",)}, submitted_at=_ago(2))
    connection = await twilio.connect()
    assert (connection["account_name"], connection["account_id"]) == ("Example Roofs", source.account_sid)
    await twilio.until(1)

    await twilio.post(twilio.text(old, ADA, "Hello"))
    for _ in range(2):
        await twilio.post(twilio.text("SM" + "a" * 32, ADA, "Are you there?"))
    await twilio.post(twilio.text("SM" + "b" * 32, BEN, "Quote please", FromCity="DENVER"))
    await twilio.until(2)

    source.add_submission(form, {"phone": (BEN,), "message": ("Never announced",)})
    await twilio.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    totals = await twilio.until_totals(6)
    assert totals["lead_created"] == 2
    assert totals["attached"] == 2
    (one, two) = await twilio.until(2)
    shown = [await twilio.ask("GET", f"/api/v1/leads/{each['id']}") for each in (one, two)]
    assert {each["values"]["phone"] for each in shown} == {ADA, BEN}


async def test_call_its_recording_and_its_transcript_are_one_lead(twilio: ServedWithNumbers) -> None:
    """A ringing call is answered with TwiML; its end, the recording and the transcript, in any order, join one lead."""
    await twilio.connect()
    sid = "CA" + "c" * 32
    answer = await twilio.post(twilio.call(sid, ADA, "ringing"))
    assert "<Record " in answer
    assert f"{twilio.webhook_url}/recording?From=%2B14155550001&amp;To=%2B15005550001" in answer
    transcript = {"TranscriptionSid": "TR" + "1" * 32, "TranscriptionStatus": "completed", "CallSid": sid}
    await twilio.post(
        {**transcript, "TranscriptionText": "My roof leaks.", "From": ADA, "To": OWN}, topic="transcription"
    )
    recording = {"RecordingSid": "RE" + "1" * 32, "RecordingStatus": "completed", "RecordingUrl": "https://x.example"}
    await twilio.post({**recording, "CallSid": sid}, topic="recording", query="From=%2B14155550001&To=%2B15005550001")
    await twilio.post(twilio.call(sid, ADA, "no-answer", CallbackSource="call-progress-events"))
    totals = await twilio.until_totals(3)
    assert totals["lead_created"] == 1
    (lead,) = await twilio.until(1)
    pieces = (await twilio.ask("GET", f"/api/v1/leads/{lead['id']}/conversation"))["items"]
    assert {each["kind"] for each in pieces} == {"call", "recording", "transcript"}


async def test_call_whose_end_was_never_told_is_found_by_reading(twilio: ServedWithNumbers) -> None:
    """The status callback is lost; the list of calls brings the call, and one still going on is left for later."""
    connection = await twilio.connect()
    form = f"voice:{OWN}"
    twilio.simulator.add_submission(
        form, {"phone": (ADA,)}, source_id="CA" + "d" * 32, facts={"CallStatus": "no-answer"}
    )
    twilio.simulator.add_submission(
        form, {"phone": (BEN,)}, source_id="CA" + "e" * 32, facts={"CallStatus": "in-progress"}
    )
    await twilio.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    (lead,) = await twilio.until(1)
    sources = {each["id"]: each["built_in_code"] for each in (await twilio.ask("GET", "/api/v1/lead-sources"))["items"]}
    assert sources[lead["source_id"]] == "voice"


async def test_signature_over_the_raw_target_is_taken(twilio: ServedWithNumbers) -> None:
    """The query is checked in the spelling in which it was sent, not in an equal one."""
    await twilio.connect()
    await twilio.post(twilio.text("SM" + "a" * 32, ADA, "Hi"), topic="in", query="note=Couldn%27t+find%2Fit&a=1")
    await twilio.until(1)


async def test_reply_leaves_once_and_its_report_comes_back(twilio: ServedWithNumbers) -> None:
    """A text to a lead is taken by the platform from the number that was written to; its status callback is shown."""
    await twilio.connect()
    await twilio.ask("PUT", "/api/v1/quiet-hours", {"starts": None, "ends": None})
    await twilio.post(twilio.text("SM" + "a" * 32, ADA, "Quote please"))
    (lead,) = await twilio.until(1)
    path = f"/api/v1/leads/{lead['id']}/messages"
    asked = await twilio.ask("POST", path, {"text": "Good morning. When shall we call?"}, expect=201)
    await twilio.until_state(path, asked["id"], "sent")
    (taken,) = twilio.simulator.sent_messages
    assert (taken.sender, taken.recipient, taken.text) == (OWN, ADA, "Good morning. When shall we call?")
    assert twilio.simulator.callbacks == {taken.provider_id: twilio.webhook_url}
    report = {"MessageSid": taken.provider_id, "MessageStatus": "delivered", "From": OWN, "To": ADA}
    await twilio.post(report)
    await twilio.until_state(path, asked["id"], "delivered")


async def test_keys_that_died_ask_for_new_ones(twilio: ServedWithNumbers) -> None:
    """Refused credentials show as such; after new ones were entered the same connection goes on."""
    connection = await twilio.connect()
    twilio.simulator.is_revoked = True
    await twilio.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    await _until_label(twilio, connection, "Authorization is needed")
    twilio.simulator.is_revoked = False
    app_id = connection["app_id"]
    again = await twilio.ask("POST", f"/api/v1/apps/{app_id}/connections", {"settings": {}}, expect=201)
    assert again["id"] == connection["id"]
    await _until_label(twilio, connection, "Integration is active")


async def test_agent_conversation_becomes_a_lead_of_its_source(twilio: ServedWithNumbers) -> None:
    """A conversation signed by the reference library makes a lead with every field, of the source AI receptionist."""
    agent = AgentSimulator(SystemClock())
    app = await twilio.add_app("agent", agent.settings())
    assert app["has_list"] is False
    await twilio.ask("POST", f"/api/v1/apps/{app['id']}/connections", {"settings": {}}, expect=201)
    told = {"id": "call_1", "caller": {"phone": ADA, "name": "Ada Example"}, "fields": {"service": "New roof"}}
    body = json.dumps({"type": "conversation.ended", "timestamp": "2026-01-01T00:00:00Z", "data": told})
    now = agent.clock.now()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(agent.secret.get_secret_value()).sign("msg_1", now, body),
    }
    async with twilio.client.post(app["webhook_url"], data=body.encode(), headers=headers) as answer:
        assert answer.status == 200
    (lead,) = await twilio.until(1)
    shown = await twilio.ask("GET", f"/api/v1/leads/{lead['id']}")
    assert {"key": "service", "label": "service", "values": ["New roof"]} in shown["submissions"][0]["answers"]
    sources = {each["id"]: each["built_in_code"] for each in (await twilio.ask("GET", "/api/v1/lead-sources"))["items"]}
    assert sources[lead["source_id"]] == "ai_receptionist"


async def _until_label(twilio: ServedWithNumbers, connection: Any, label: str) -> None:
    for _ in range(300):
        shown = await twilio.ask("GET", f"/api/v1/connections/{connection['id']}")
        if shown["label"] == label:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{shown['label']}, not {label}")


def _ago(hours: int) -> Any:
    return SystemClock().now() - timedelta(hours=hours)
