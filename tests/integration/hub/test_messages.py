"""Writing to a lead through the whole hub: asked for over the API, sent, followed, called back, refused."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import sqlalchemy as sa

from hub.connector.conversations import Channel, Preference
from hub.connector.delivery import DeliveryStatus
from hub.core.conversations.models import threads
from hub.core.opt_outs import service as opt_outs
from hub.core.opt_outs.addresses import address_key
from hub.db.schema import new_id
from tests.integration.hub.conftest import Served
from tests.integration.hub.test_whole_hub import QUESTIONS, connect, until

PERSON, OWN = "+14155552671", "+15005550006"


class Conversation:
    """A lead that wrote a moment ago, over a connected account."""

    def __init__(self, served: Served, lead: dict[str, Any], app: dict[str, Any], organisation_id: UUID) -> None:
        self.served = served
        self.address = f"/api/v1/leads/{lead['id']}"
        self.app = app
        self.organisation_id = organisation_id

    async def write(self, text: str, *, key: str | None = None, expect: int = 201) -> Any:
        """Ask for a message."""
        headers = {"Origin": self.served.url, **({"Idempotency-Key": key} if key else {})}
        url = f"{self.served.url}{self.address}/messages"
        async with self.served.client.post(url, json={"text": text}, headers=headers) as answer:
            body = await answer.json(content_type=None)
            assert answer.status == expect, body
            return body

    async def messages(self) -> list[Any]:
        """The list, newest first."""
        return list((await self.served.ask("GET", f"{self.address}/messages"))["items"])

    async def reaches(self, state: str) -> Any:
        """Wait until the newest message is in that state."""
        return await eventually(lambda: self._newest_in(state))

    async def _newest_in(self, state: str) -> Any:
        newest = (await self.messages())[0]
        return newest if newest["state"] == state else None

    async def report(self, provider_id: str, status: DeliveryStatus) -> int:
        """The platform tells how far a message got."""
        request = self.served.simulator.delivery_report(provider_id, status)
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.app["webhook_url"], data=request.body, headers=dict(request.headers)) as answer,
        ):
            return answer.status


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """What a look finds at last."""
    for _ in range(300):
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


@pytest.fixture
async def conversation(served: Served) -> Conversation:
    """A lead of the platform, and a thread in which the person wrote a moment ago."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Ada Example"], "email": ["ada@customer.example"]})
    app, connection = await connect(served)
    (lead,) = await until(served, 1)
    organisation_id = UUID((await served.ask("GET", "/api/v1/organisation"))["id"])
    now = served.hub.clock.now()
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "connection_id": UUID(connection["id"]),
        "key": "sms:1",
        "channel": Channel.SMS,
        "sender": PERSON,
        "recipient": OWN,
        "lead_id": UUID(lead["id"]),
        "is_begun": True,
        "last_inbound_at": now - timedelta(minutes=1),
        "created_at": now,
    }
    await served.hub.database.write(lambda c: c.execute(sa.insert(threads).values(**row)))
    return Conversation(served, lead, app, organisation_id)


async def test_a_message_is_sent_reported_and_shown(conversation: Conversation) -> None:
    """Asked for by a user, it arrives once; its reports move it on; lead and journey show it."""
    simulator = conversation.served.simulator
    asked = await conversation.write("Shall we say 10:30?", key="k-1")
    assert (asked["recipient"], asked["channel"], asked["asked_by"][:5]) == (PERSON, "sms", "user:")
    again = await conversation.write("Shall we say 10:30?", key="k-1")
    assert again["id"] == asked["id"]
    assert (await conversation.write("Something else", key="k-1", expect=422))["errors"]
    await conversation.reaches("sent")
    (taken,) = simulator.sent_messages
    assert (taken.text, taken.recipient, taken.sender, taken.key) == ("Shall we say 10:30?", PERSON, OWN, asked["id"])
    for status in (DeliveryStatus.READ, DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED, DeliveryStatus.SENT):
        assert await conversation.report(taken.provider_id, status) == 200
    (shown,) = await conversation.messages()
    assert shown["state"] == "read"
    assert shown["delivered_at"]
    lead = await conversation.served.ask("GET", conversation.address)
    (step,) = [each for each in lead["journey"] if each["kind"] == "message_sent"]
    assert lead["first_contacted_at"] == step["happened_at"]
    balance = await conversation.served.ask("GET", "/api/v1/ledger")
    assert balance["totals"]["received"] == 1


async def test_reports_are_checked_like_any_delivery(conversation: Conversation) -> None:
    """An unsigned report is refused and changes nothing; one about a stranger's message is taken and kept apart."""
    simulator = conversation.served.simulator
    await conversation.write("Hello")
    await conversation.reaches("sent")
    request = simulator.unsigned(simulator.delivery_report(simulator.sent_messages[0].provider_id, DeliveryStatus.READ))
    async with aiohttp.ClientSession() as session:
        url = conversation.app["webhook_url"]
        async with session.post(url, data=request.body, headers=dict(request.headers)) as answer:
            assert answer.status == 401
    assert await conversation.report("a-strangers", DeliveryStatus.READ) == 200
    assert (await conversation.messages())[0]["state"] == "sent"


@pytest.mark.proves("DA-08")
async def test_who_opted_out_is_not_written_to(conversation: Conversation) -> None:
    """409 with the reason, nothing sent, nothing in the list."""
    database, now = conversation.served.hub.database, conversation.served.hub.clock.now()
    await database.write(
        opt_outs.record,
        conversation.organisation_id,
        [address_key(Channel.SMS, PERSON)],
        preference=Preference.OPT_OUT,
        cause=opt_outs.Cause.WORD,
        channel=Channel.SMS,
        actor="person",
        said_at=now,
        now=now,
    )
    refused = await conversation.write("Hello", expect=409)
    assert refused["type"] == "urn:leadhub:problem:opted-out"
    assert "does not want" in refused["detail"]
    assert not await conversation.messages()
    assert not conversation.served.simulator.sent_messages


async def test_a_limited_message_waits_and_is_called_back(conversation: Conversation) -> None:
    """While the platform asks for patience the message waits; called back it never leaves, and not twice."""
    served = conversation.served
    served.simulator.rate_limit(3600)
    asked = await conversation.write("Hello")
    call_back = f"{conversation.address}/messages/{asked['id']}/cancellation"

    async def was_tried() -> bool:
        return any(each.path == "/messages" for each in served.simulator.requests)

    await eventually(was_tried)
    await conversation.reaches("queued")
    cancelled = await served.ask("POST", call_back)
    assert cancelled["state"] == "cancelled"
    assert (await served.ask("POST", call_back))["state"] == "cancelled"
    served.simulator.heal()
    await asyncio.sleep(0.2)
    assert not served.simulator.sent_messages


async def test_quiet_hours_are_read_and_set(served: Served) -> None:
    """Nine to eight unless said otherwise; both times or none; a wrong time is named."""
    assert await served.ask("GET", "/api/v1/quiet-hours") == {"starts": "21:00", "ends": "08:00"}
    chosen = {"starts": "22:30", "ends": "07:15"}
    assert await served.ask("PUT", "/api/v1/quiet-hours", chosen) == chosen
    assert await served.ask("GET", "/api/v1/quiet-hours") == chosen
    for wrong in ({"starts": "25:00", "ends": "07:00"}, {"starts": None, "ends": "07:00"}, {"starts": "22:00"}):
        assert (await served.ask("PUT", "/api/v1/quiet-hours", wrong, expect=422))["errors"]
    off = {"starts": None, "ends": None}
    assert await served.ask("PUT", "/api/v1/quiet-hours", off) == off
    assert await served.ask("GET", "/api/v1/quiet-hours") == off
