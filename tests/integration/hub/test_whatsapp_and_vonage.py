"""The whole hub with a WhatsApp account and with a Vonage account: connected by keys, fed by webhooks, replying."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from hub.bootstrap import open_hub
from hub.connector.clock import SystemClock
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest
from hub.connectors import Registry
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.sms_voice.simulator import whatsapp_wire as meta
from plugins.sms_voice.simulator.vonage import VonageSimulator, VonageSmsSimulator
from plugins.sms_voice.simulator.vonage_tokens import new_private_key
from plugins.sms_voice.simulator.whatsapp import WhatsAppSimulator
from tests.integration.hub.conftest import Served, free_port, set_up

BSUID = "US.13491208655302741918"
ADA = "+14155550001"
CALL = {"from": "14155550001", "to": "15005550001", "uuid": "call-1", "conversation_uuid": "CON-1"}


class ServedWithProvider(Served):
    """A served hub with the simulated provider beside it."""

    simulator: Any
    webhook_url: str = ""

    async def connect(self) -> Any:
        """Add the app with its settings as they are typed in, and connect the account by its keys."""
        shown = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value
            for key, value in self.simulator.settings()
            if value is not None
        }
        body = {"connector": "sms_voice", "name": "Our account", "settings": shown}
        app = await self.ask("POST", "/api/v1/apps", body, expect=201)
        assert app["has_list"] is False
        self.webhook_url = self.simulator.callback_url = app["webhook_url"]
        return await self.ask("POST", f"/api/v1/apps/{app['id']}/connections", {"settings": {}}, expect=201)

    async def deliver(self, request: InboundRequest, *, expect: int = 200) -> str:
        """Send a request as it was signed; the answer."""
        async with self.client.request(
            request.method, request.url, data=io.BytesIO(request.body), headers=dict(request.headers)
        ) as answer:
            text = await answer.text()
            assert answer.status == expect, text
            return text

    async def deliver_all(self, *requests: InboundRequest) -> None:
        """Several, one after the other."""
        for each in requests:
            await self.deliver(each)

    async def until(self, leads: int, **totals: int) -> list[Any]:
        """Wait until exactly so many leads and at least such totals are there, and nothing is pending; the leads."""
        for _ in range(300):
            page = await self.ask("GET", "/api/v1/leads?limit=200")
            balance = await self.ask("GET", "/api/v1/ledger")
            counted = balance["totals"]
            are_there = all(counted.get(name, 0) >= number for name, number in totals.items())
            if len(page["items"]) == leads and are_there and not counted.get("pending"):
                assert balance["holds"]
                return list(page["items"])
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(page['items'])} leads, {counted}")

    async def pieces(self, lead: Any) -> list[Any]:
        """The conversation of a lead."""
        return list((await self.ask("GET", f"/api/v1/leads/{lead['id']}/conversation"))["items"])


Serve = Callable[[Any], AbstractAsyncContextManager[ServedWithProvider]]


@pytest.fixture
def serve(whole_url: str, tmp_path: Path) -> Serve:
    """Serves a hub beside a simulator."""

    @asynccontextmanager
    async def start(simulator: Any) -> AsyncIterator[ServedWithProvider]:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        async with simulator:
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
                found = ServedWithProvider(hub, url, client, simulator)
                await set_up(found)
                yield found
                await runner.cleanup()

    return start


@pytest.fixture
async def whatsapp(serve: Serve) -> AsyncIterator[ServedWithProvider]:
    """A WhatsApp account with one number."""
    simulator = WhatsAppSimulator(SystemClock())
    simulator.add_form("Example Roofs")
    async with serve(simulator) as served:
        yield served


@pytest.fixture
async def vonage(serve: Serve) -> AsyncIterator[ServedWithProvider]:
    """A Vonage account with one number and an application."""
    simulator = VonageSimulator(SystemClock())
    simulator.private_key = new_private_key()
    simulator.add_form("Example Roofs", form_id="sms:+15005550001")
    async with serve(simulator) as served:
        yield served


def message(served: ServedWithProvider, text: str, *, phone: str = ADA, **facts: str) -> InboundRequest:
    """A delivery of one new message."""
    simulator: WhatsAppSimulator = served.simulator
    form_id = next(iter(simulator.forms))
    answers = {"name": ("Ada Example",), "message": (text,), **({"phone": (phone,)} if phone else {})}
    (request,) = simulator.delivery([simulator.add_submission(form_id, answers, facts=facts)])
    return request


def change(served: ServedWithProvider, **message: Any) -> InboundRequest:
    """A delivery of one message of another type than text."""
    simulator: WhatsAppSimulator = served.simulator
    number = next(iter(simulator.numbers.values()))
    contact = {"profile": {"name": "Ada Example"}, "wa_id": ADA.removeprefix("+"), "user_id": BSUID}
    told = {"from": ADA.removeprefix("+"), "timestamp": meta.seconds(simulator.clock.now()), **message}
    return simulator.posted([meta.change(number, contacts=[contact], messages=[told])])


async def test_person_who_hides_the_number_stays_one_lead(whatsapp: ServedWithProvider) -> None:
    """A message without number, by an ad, begins a lead; later ones, with the number too, join it."""
    connection = await whatsapp.connect()
    assert connection["account_name"] == "Example Roofs"
    first = message(whatsapp, "Price?", phone="", user_id=BSUID, username="ada", ad_id="120200000000000001")
    await whatsapp.deliver_all(first, first)
    await whatsapp.until(1)
    await whatsapp.deliver_all(
        message(whatsapp, "Are you there?", phone="", user_id=BSUID, username="ada"),
        message(whatsapp, "My number shows now", user_id=BSUID),
        message(whatsapp, "And here without any id"),
    )
    (lead,) = await whatsapp.until(1, lead_created=1, attached=3)
    shown = await whatsapp.ask("GET", f"/api/v1/leads/{lead['id']}")
    assert shown["submissions"][0]["campaign"]["click_ids"] == {"ctwa_clid": "ARAdoc1"}
    assert (await whatsapp.pieces(lead))[-1]["text"] == "Price?"


async def test_edits_and_revocations_begin_nothing(whatsapp: ServedWithProvider) -> None:
    """Of somebody unknown they make no lead; of somebody known they stand at the conversation."""
    await whatsapp.connect()
    revoke = {"type": "revoke", "revoke": {"original_message_id": "wamid.GONE"}}
    await whatsapp.deliver(change(whatsapp, id="wamid.REVOKE0", **revoke))
    await whatsapp.until(0, received=1)
    await whatsapp.deliver(change(whatsapp, id="wamid.TEXT1", type="text", text={"body": "One roof"}))
    await whatsapp.until(1)
    edited = {"original_message_id": "wamid.TEXT1", "message": {"type": "text", "text": {"body": "Two roofs"}}}
    await whatsapp.deliver(change(whatsapp, id="wamid.EDIT1", type="edit", edit=edited))
    (lead,) = await whatsapp.until(1, received=3)
    assert {each["kind"] for each in await whatsapp.pieces(lead)} >= {"message"}


async def test_new_number_belongs_to_the_same_lead(whatsapp: ServedWithProvider) -> None:
    """After Meta told of a new number, a message from it joins the lead of the old one."""
    await whatsapp.connect()
    await whatsapp.deliver(message(whatsapp, "Hello"))
    await whatsapp.until(1)
    number = next(iter(whatsapp.simulator.numbers.values()))
    told = {
        "from": ADA.removeprefix("+"),
        "id": "wamid.SYSTEM1",
        "timestamp": meta.seconds(whatsapp.simulator.clock.now()),
        "type": "system",
        "system": {"type": "user_changed_number", "wa_id": "14155550009", "body": "User changed"},
    }
    await whatsapp.deliver(whatsapp.simulator.posted([meta.change(number, messages=[told])]))
    await whatsapp.until(1, received=2)
    await whatsapp.deliver(message(whatsapp, "My new number", phone="+14155550009"))
    await whatsapp.until(1, received=3)


async def test_number_that_was_added_later_loses_nothing(whatsapp: ServedWithProvider) -> None:
    """What comes to a number that the hub does not know waits; once it is known, it becomes a lead."""
    connection = await whatsapp.connect()
    simulator: WhatsAppSimulator = whatsapp.simulator
    added = simulator.add_form("A new branch")
    lead = simulator.add_submission(added, {"phone": (ADA,), "message": ("Hello",)})
    await whatsapp.deliver(*simulator.delivery([lead]))
    await whatsapp.until(0, quarantined=1)
    path = f"/api/v1/apps/{connection['app_id']}/connections"
    again = await whatsapp.ask("POST", path, {"settings": {}}, expect=201)
    assert again["id"] == connection["id"]
    (waiting,) = (await whatsapp.ask("GET", "/api/v1/receipts?disposition=quarantined"))["items"]
    await whatsapp.ask("POST", "/api/v1/receipts/redrive", {"receipt_ids": [waiting["id"]]})
    await whatsapp.until(1)


async def test_largest_batch_is_taken_whole(whatsapp: ServedWithProvider) -> None:
    """A batch of nearly three megabytes, twice the usual limit of a body, loses nothing."""
    await whatsapp.connect()
    simulator: WhatsAppSimulator = whatsapp.simulator
    form_id = next(iter(simulator.forms))
    ids = [
        simulator.add_submission(form_id, {"phone": (f"+1415555{number:04}",), "message": ("x" * 60_000,)})
        for number in range(45)
    ]
    (request,) = simulator.delivery(ids)
    assert len(request.body) > 2_600_000
    await whatsapp.deliver(request)
    await whatsapp.until(45)


async def test_reply_leaves_by_whatsapp_and_its_receipt_comes_back(whatsapp: ServedWithProvider) -> None:
    """A reply to somebody without a number goes to the id, and the statuses reach the message."""
    await whatsapp.connect()
    await whatsapp.deliver(message(whatsapp, "Price?", phone="", user_id=BSUID, username="ada"))
    (lead,) = await whatsapp.until(1)
    await reply(whatsapp, lead, BSUID)


async def test_marketing_stopped_at_whatsapp_is_an_opt_out(whatsapp: ServedWithProvider) -> None:
    """A choice made in WhatsApp's own settings holds at once: no reply leaves, until it is taken back."""
    await whatsapp.connect()
    await whatsapp.deliver(message(whatsapp, "Hello", user_id=BSUID))
    (lead,) = await whatsapp.until(1)
    path = f"/api/v1/leads/{lead['id']}/messages"
    simulator: WhatsAppSimulator = whatsapp.simulator
    number = next(iter(simulator.numbers.values()))
    told = {"wa_id": ADA.removeprefix("+"), "user_id": BSUID, "category": "marketing_messages"}
    for value, expected in (("stop", 409), ("resume", 201)):
        now = int(simulator.clock.now().timestamp()) + (value == "resume")
        said = {**told, "value": value, "timestamp": now}
        before = (await whatsapp.ask("GET", "/api/v1/ledger"))["totals"]["received"]
        await whatsapp.deliver(simulator.posted([meta.change(number, "user_preferences", user_preferences=[said])]))
        await whatsapp.until(1, received=before + 1)
        await whatsapp.ask("POST", path, {"text": "Good morning"}, expect=expected)


async def test_vonage_message_and_reply(vonage: ServedWithProvider) -> None:
    """A signed text becomes a lead, repeated or not; the reply leaves as the application, its status comes back."""
    await vonage.connect()
    request = message(vonage, "Quote please")
    await vonage.deliver_all(request, request)
    (lead,) = await vonage.until(1)
    await reply(vonage, lead, ADA)


async def reply(served: ServedWithProvider, lead: Any, address: str) -> None:
    """Send a text, and let the provider tell that it was read."""
    path = f"/api/v1/leads/{lead['id']}/messages"
    await served.ask("POST", path, {"text": "Good morning"}, expect=201)
    await until(lambda: bool(served.simulator.sent_messages))
    (taken,) = served.simulator.sent_messages
    assert (taken.recipient, taken.text) == (address, "Good morning")
    for status in (DeliveryStatus.READ, DeliveryStatus.SENT):
        await served.deliver(served.simulator.delivery_report(taken.provider_id, status))
    for _ in range(200):
        (shown,) = (await served.ask("GET", path))["items"]
        if shown["state"] == "read":
            return
        await asyncio.sleep(0.05)
    raise AssertionError(shown)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(400):
        if is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to be")


async def test_call_is_kept_although_its_end_is_never_told(vonage: ServedWithProvider) -> None:
    """The question how to answer begins the lead and gets its answer; recording and end join it in any order."""
    await vonage.connect()
    answer = await vonage.deliver(vonage.simulator.asked(CALL))
    assert '"action": "record"' in answer
    (lead,) = await vonage.until(1)
    recording = {"recording_uuid": "rec-1", "conversation_uuid": "CON-1", "recording_url": "https://x.example/1"}
    ended = {**CALL, "status": "completed", "direction": "inbound", "duration": "61"}
    await vonage.deliver_all(vonage.simulator.posted(recording), vonage.simulator.posted(ended))
    await vonage.until(1, attached=2)
    assert [each["kind"] for each in await vonage.pieces(lead)].count("call") == 2


async def test_unsigned_delivery_comes_again_and_a_forged_one_does_not(vonage: ServedWithProvider) -> None:
    """Without a token 503, with a wrong one 401; then, signed, the same is one lead. The address itself answers."""
    await vonage.connect()
    request = message(vonage, "Quote please")
    await vonage.deliver(vonage.simulator.unsigned(request), expect=503)
    forged = {"headers": {**request.headers, "authorization": "Bearer a.b.c"}}
    await vonage.deliver(request.model_copy(update=forged), expect=401)
    await vonage.until(0)
    await vonage.deliver(request)
    await vonage.until(1)
    async with vonage.client.get(vonage.webhook_url) as tried:
        assert tried.status == 200


async def test_parts_of_a_long_text_are_one_lead(serve: Serve) -> None:
    """Three signed parts of the old SMS API, the last one first, are three pieces of one lead."""
    simulator = VonageSmsSimulator(SystemClock())
    simulator.add_form("Example Roofs", form_id="sms:+15005550001")
    async with serve(simulator) as served:
        await served.connect()
        for place, words in ((3, "roof"), (1, "I need "), (2, "a new ")):
            parts = {"concat": "true", "concat-ref": "17", "concat-total": "3", "concat-part": str(place)}
            await served.deliver(message(served, words, **parts))
        (lead,) = await served.until(1, lead_created=1, attached=2)
        assert {each["text"] for each in await served.pieces(lead)} == {"I need ", "a new ", "roof"}
