"""The conversation of a lead and the opt-outs of its addresses, through the API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from hub.core.audit.models import audit_records
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.work_off import Intake
from hub.core.organisations.service import make_assignee
from hub.core.outbound.models import outgoing_messages
from hub.db.bulk import insert_rows
from hub.db.schema import new_id
from hub.management.setup import furnish_organisation
from hub.testing.clock import VirtualClock
from hub.web.api.conversations import CONVERSATIONS
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.leads import LEADS
from hub.web.app import build_app
from hub.web.services import WebServices
from tests.factories import START, add_connection
from tests.integration.conversations.conftest import OWN, PHONE, Talk
from tests.integration.intake.conftest import PROCESS, Office
from tests.web.conftest import Hub


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """Leads and their conversations."""
    return lambda services: build_app(services, *PLATFORM_GROUPS, LEADS, CONVERSATIONS)


@pytest.fixture
def talk(hub: Hub, clock: VirtualClock) -> Talk:
    """An office in the hub's own organisation, in which Sales takes leads too."""
    database, mine = hub.services.database, hub.mine
    database.write_now(furnish_organisation, mine.id, START)
    database.write_now(make_assignee, mine.id, mine.user_ids["Sales"])
    connection_id = database.write_now(add_connection, mine.id)
    intake = Intake(database, clock, PROCESS, {}, FormWorks(database, clock))
    ledger = Ledger(database, clock, PROCESS, intake.offer)
    return Talk(Office(database, clock, mine.id, connection_id, (mine.user_ids["Sales"],), ledger, intake))


class Reader:
    """Asks about the newest lead."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._base = f"/api/v1/leads/{talk.office.leads()[-1].id}"

    async def get(self, what: str, role: str = "Administrator", status: int = 200) -> Any:
        """What is answered to a GET."""
        answer = await self._hub.ask("GET", f"{self._base}{what}", as_role=role)
        assert answer.status == status, answer.body
        return answer.json

    async def give_to(self, role: str) -> None:
        """Have the lead assigned to somebody."""
        body = {"assignee_id": str(self._hub.mine.user_ids[role])}
        answer = await self._hub.ask("PUT", f"{self._base}/assignee", as_role="Administrator", body=body)
        assert answer.status == 200, answer.body

    async def opt(self, role: str = "Administrator", status: int = 201, **body: Any) -> Any:
        """What is answered to a noted preference."""
        answer = await self._hub.ask("POST", f"{self._base}/opt-outs", as_role=role, body=body)
        assert answer.status == status, answer.body
        return answer.json


def add_own_message(talk: Talk, text: str) -> None:
    """A message of ours, as if sent now."""
    now = talk.office.clock.now()
    row = {
        "id": new_id(),
        "organisation_id": talk.office.organisation_id,
        "lead_id": talk.office.leads()[-1].id,
        "connection_id": talk.office.connection_id,
        "channel": "sms",
        "sender": OWN,
        "recipient": PHONE,
        "text": text,
        "state": "delivered",
        "asked_by": "user:1",
        "digest": "",
        "asked_at": now,
        "not_before": now,
        "give_up_at": now,
    }
    talk.office.database.write_now(insert_rows, outgoing_messages, [row])


async def test_a_conversation_shows_both_sides_newest_first(hub: Hub, talk: Talk) -> None:
    """An edit and a revocation stand for themselves, and on the message that they are about."""
    await talk.say("hallo", source_id="sms-1", campaign={"ids": {"ad": "7"}})
    await talk.say("Tuesday", source_id="sms-2")
    talk.office.clock.advance(timedelta(seconds=1))
    add_own_message(talk, "Good morning")
    await talk.say("hello", kind="edit", amends="sms-1")
    await talk.say(kind="revocation", amends="sms-2")
    items = (await Reader(hub, talk).get("/conversation"))["items"]
    assert [(each["direction"], each["kind"], each["text"]) for each in items] == [
        ("inbound", "revocation", ""),
        ("inbound", "edit", "hello"),
        ("outbound", "message", "Good morning"),
        ("inbound", "message", "Tuesday"),
        ("inbound", "message", "hallo"),
    ]
    revocation, edit, ours, second, first = items
    assert (first["edited_text"], first["is_revoked"]) == ("hello", False)
    assert (second["edited_text"], second["is_revoked"]) == (None, True)
    assert (edit["amends"], revocation["amends"]) == (first["id"], second["id"])
    assert (first["sender"], first["recipient"], first["channel"]) == (PHONE, OWN, "sms")
    assert first["campaign"] == {"ids": {"ad": "7"}}
    assert (ours["state"], ours["recipient"]) == ("delivered", PHONE)


async def test_pages_of_a_conversation_hold_every_entry_once(hub: Hub, talk: Talk) -> None:
    """Pieces of the same moment and our messages among them."""
    at = talk.office.clock.now()
    for place in range(5):
        await talk.say(f"piece {place}", at=at)
        add_own_message(talk, f"ours {place}")
    reader, found, cursor = Reader(hub, talk), [], ""
    while True:
        page = await reader.get(f"/conversation?limit=3{cursor}")
        found += [each["text"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(found) == sorted(
        [*(f"piece {place}" for place in range(5)), *(f"ours {place}" for place in range(5))]
    )


async def test_who_may_not_see_contacts_sees_neither_addresses_nor_words(hub: Hub, talk: Talk) -> None:
    """In the conversation, the addresses and the journey; that something was said stays visible."""
    await talk.say("call me at ada@gmail.com", media=[{"url": "https://example.com/passport.jpg"}])
    add_own_message(talk, "We will")
    reader = Reader(hub, talk)
    for what in ("/conversation", "/opt-outs", ""):
        text = str(await reader.get(what, role="Viewer"))
        assert not [secret for secret in ("ada@gmail.com", PHONE, "passport") if secret in text], what
    items = (await reader.get("/conversation", role="Viewer"))["items"]
    assert [(each["kind"], each["sender"], each["recipient"]) for each in items] == [
        ("message", OWN, "hidden"),
        ("message", "hidden", OWN),
    ]


async def test_an_opt_out_noted_by_a_user_holds_and_is_told_everywhere(hub: Hub, talk: Talk) -> None:
    """State, journey and audit record; an opt-in takes it back."""
    await talk.say("hello")
    reader = Reader(hub, talk)
    nothing = {"is_opted_out": False, "cause": None, "channel": None, "said_at": None}
    assert (await reader.get("/opt-outs"))["items"] == [{"scope": "phone", "address": PHONE, **nothing}]
    await reader.give_to("Sales")
    shown = await reader.opt(role="Sales", preference="opt_out", reason="said so on the telephone")
    assert [(each["is_opted_out"], each["cause"]) for each in shown["items"]] == [(True, "user")]
    step = (await reader.get(""))["journey"][-1]
    assert (step["kind"], step["detail"]["reason"]) == ("opted_out", "said so on the telephone")
    assert step["actor"].startswith("user:")
    assert [row.action for row in talk.office.rows(audit_records)][-1] == "lead_opted_out"
    talk.office.clock.advance(timedelta(seconds=1))
    shown = await reader.opt(preference="opt_in", reason="asked for it", address={"scope": "phone", "address": PHONE})
    assert not shown["items"][0]["is_opted_out"]


@pytest.mark.parametrize(
    "body",
    [
        {"preference": "opt_out"},
        {"preference": "opt_out", "reason": " "},
        {"preference": "maybe", "reason": "x"},
        {"preference": "opt_out", "reason": "x", "address": {"scope": "phone", "address": "+4915100000000"}},
    ],
    ids=["no reason", "empty reason", "unknown", "another's address"],
)
async def test_a_preference_that_cannot_be_noted_names_what_is_wrong(
    hub: Hub, talk: Talk, body: dict[str, Any]
) -> None:
    """Nothing is written then."""
    await talk.say("hello")
    problem = await Reader(hub, talk).opt(status=422, **body)
    assert problem["errors"]
    assert not talk.opt_outs()


async def test_a_preference_needs_the_permission_and_the_lead_within_reach(hub: Hub, talk: Talk) -> None:
    """A viewer may not, and the lead of somebody else does not exist."""
    await talk.say("hello")
    reader = Reader(hub, talk)
    await reader.opt(role="Viewer", status=403, preference="opt_out", reason="x")
    await reader.opt(role="Manager", status=404, preference="opt_out", reason="x")
    await reader.get("/conversation", role="Manager", status=404)
    assert not talk.opt_outs()
