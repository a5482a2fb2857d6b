"""Pieces of conversations become leads: one per conversation, in whatever order they come."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connector.conversations import MessageKind
from hub.core.intake.balance import recount
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.redriving import redrive
from hub.core.intake.work_off import Intake
from hub.core.leads import service
from hub.core.leads.models import lead_changes, lead_submissions, leads, person_contacts, persons
from hub.core.leads.placing import STILL_THE_SAME_TALK
from hub.core.leads.service import Author
from hub.core.pipelines.models import stages
from tests.integration.conversations.conftest import OWN, PHONE, Office, Talk
from tests.integration.intake.conftest import PROCESS

ME = Author("user:00000000-0000-0000-0000-000000000001")
CALL: dict[str, Any] = {"channel": "voice", "thread": "call-1", "phone": None, "sender": "anonymous"}


def close(office: Office) -> None:
    """Close the newest lead as lost."""

    def move(connection: sa.Connection) -> None:
        lost = (
            connection.execute(
                sa.select(stages.c.id).where(
                    stages.c.organisation_id == office.organisation_id, stages.c.kind == "lost"
                )
            )
            .scalars()
            .first()
        )
        assert lost is not None
        lead = office.leads()[-1].id
        now = office.clock.now()
        service.move_stage(connection, office.organisation_id, lead, lost, author=ME, now=now, lost_reason="no answer")

    office.database.write_now(move)


async def test_a_hundred_messages_of_one_unknown_number_are_one_lead(talk: Talk) -> None:
    """The first begins it, the others are its journey; no receipt is left over."""
    bodies = [(f"sms-{place}", talk.body(f"message {place}")) for place in range(100)]
    await talk.office.send(*bodies)
    assert len(talk.office.leads()) == 1
    assert talk.office.dispositions() == ["lead_created", *["attached"] * 99]
    assert talk.steps().count("message_received") == 100
    assert len(talk.threads()) == 1
    assert len(talk.office.rows(lead_submissions)) == 100
    assert talk.office.leads()[0].revision == 1, "messages stand in nobody's way who edits the lead"
    assert talk.office.database.read_now(recount, talk.office.organisation_id).agrees


async def test_the_same_message_twice_is_one_piece(talk: Talk) -> None:
    """Webhook and list bring the same id."""
    await talk.say("hello", source_id="sms-1")
    assert await talk.say("hello", source_id="sms-1") == "duplicate:differing_copy"
    assert len(talk.pieces()) == 1


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])), ids=str)
async def test_call_recording_and_transcript_are_one_lead_in_any_order(talk: Talk, order: tuple[int, ...]) -> None:
    """The parts of a call tell no phone of their own; the thread holds them together."""
    parts: list[dict[str, Any]] = [
        {**CALL, "kind": "call", "phone": PHONE, "duration": 61, "source_id": "call-1"},
        {**CALL, "kind": "recording", "source_id": "recording-1", "media": [{"url": "https://example.com/1"}]},
        {**CALL, "kind": "transcript", "source_id": "transcript-1", "text": "I would like an appointment"},
    ]
    for place in order:
        await talk.say(**parts[place])
    assert sorted(talk.office.dispositions()) == ["attached", "attached", "lead_created"]
    lead = talk.office.leads()[0]
    assert lead.phone == PHONE
    assert {row.value for row in talk.office.rows(person_contacts)} == {PHONE}
    assert set(talk.steps()) >= {"call_received", "recording_added", "transcript_added"}


async def test_a_person_without_a_phone_is_known_by_an_id_and_tied_to_a_phone_later(talk: Talk) -> None:
    """What an id and a phone say together holds for both afterwards."""
    known = {"identities": [{"scope": "shop:1", "value": "US.77"}]}
    await talk.say("hello", phone=None, sender="US.77", **known)
    await talk.say("my number", sender="US.77", thread="another", **known)
    await talk.say("hello again", channel="voice", kind="call", thread="call-9")
    assert len(talk.office.leads()) == 1
    assert len(talk.office.rows(persons)) == 1
    contacts = {(row.kind, row.value) for row in talk.office.rows(person_contacts)}
    assert contacts == {("id", "shop:1|US.77"), ("phone", PHONE)}
    assert talk.office.leads()[0].phone == PHONE


async def test_the_same_id_in_another_scope_is_another_person(talk: Talk) -> None:
    """An id means nothing outside of its scope."""
    for scope in ("shop:1", "shop:2"):
        await talk.say("hi", phone=None, sender=scope, identities=[{"scope": scope, "value": "7"}])
    assert len(talk.office.rows(persons)) == 2


async def test_where_contacts_belong_to_two_persons_the_first_known_has_the_piece(talk: Talk) -> None:
    """The other person stays as they are: whether the two are one, somebody decides."""
    await talk.say("by phone")
    await talk.say("by id", phone=None, sender="US.1", identities=[{"scope": "s", "value": "US.1"}])
    assert await talk.say("by both", thread="both", identities=[{"scope": "s", "value": "US.1"}]) == "attached"
    first, second = talk.office.leads()
    pieces = {piece.text: piece.lead_id for piece in talk.pieces()}
    assert (pieces["by phone"], pieces["by both"]) == (first.id, second.id)
    assert len(talk.office.rows(persons)) == 2


@pytest.mark.parametrize("kind", ["edit", "revocation", "preference", "identity"])
async def test_what_may_not_begin_a_lead_ends_with_a_reason_and_is_kept(talk: Talk, kind: str) -> None:
    """Nobody knows the thread yet; when its lead begins, the piece is there."""
    reasons = {"preference": "preference_without_lead", "identity": "identity_without_lead"}
    found = await talk.say("earlier", kind=kind, amends="sms-1", source_id="odd-1")
    assert found == f"rejected:{reasons.get(kind, 'amends_nothing_known')}"
    assert not talk.office.leads()
    assert not talk.office.rows(persons)
    assert talk.office.database.read_now(recount, talk.office.organisation_id).agrees
    assert await talk.say("earlier", kind=kind, amends="sms-1", source_id="odd-1") == "duplicate:differing_copy"
    assert await talk.say("hello", source_id="sms-1") == "lead_created"
    lead = talk.office.leads()[0]
    assert [piece.lead_id for piece in talk.pieces()] == [lead.id, lead.id]


async def test_a_receipt_without_lead_that_is_sent_through_again_finds_its_lead(talk: Talk) -> None:
    """Redriven, it is attached where its thread has a lead by now, and else ends as before."""
    await talk.say("earlier", kind="edit", amends="sms-1")
    receipt = talk.office.rows(receipts)[0].id

    async def again() -> str:
        office = talk.office
        office.database.write_now(
            redrive,
            office.organisation_id,
            ReceiptFilter(),
            process_name=PROCESS,
            actor="user:1",
            now=office.clock.now(),
            receipt_ids=(receipt,),
        )
        await office.intake.drain()
        return str(office.rows(receipts)[0].disposition)

    assert await again() == "rejected"
    await talk.say("hello", source_id="sms-1")
    assert await again() == "attached"
    assert len(talk.pieces()) == 2
    assert talk.office.rows(receipts)[0].lead_id == talk.office.leads()[0].id


async def test_an_edit_joins_the_lead_of_its_message_and_begins_none(talk: Talk) -> None:
    """So does a revocation, long after the lead was closed and another one began."""
    await talk.say("hello", source_id="sms-1")
    close(talk.office)
    talk.office.clock.advance(STILL_THE_SAME_TALK + timedelta(days=1))
    assert await talk.say("a new question") == "lead_created"
    assert await talk.say("hullo", kind="edit", amends="sms-1") == "attached"
    assert await talk.say(kind="revocation", amends="sms-1") == "attached"
    assert await talk.say("and one more thing") == "attached"
    first, second = talk.office.leads()
    assert [piece.lead_id for piece in talk.pieces()] == [first.id, second.id, first.id, first.id, second.id]
    assert talk.steps(first.id)[-2:] == ["message_edited", "message_revoked"]


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (STILL_THE_SAME_TALK - timedelta(hours=1), "attached"),
        (STILL_THE_SAME_TALK + timedelta(hours=1), "lead_created"),
    ],
    ids=["soon", "late"],
)
async def test_a_message_after_closing_joins_for_a_week_and_begins_a_lead_then(
    talk: Talk, wait: timedelta, expected: str
) -> None:
    """Thanks belong to what was; a question months later is a new interest."""
    await talk.say("hello")
    close(talk.office)
    talk.office.clock.advance(wait)
    assert await talk.say("thank you") == expected


async def test_the_parts_of_a_call_join_its_closed_lead_however_late(talk: Talk) -> None:
    """They tell of what happened then."""
    await talk.say(**CALL, kind="call")
    close(talk.office)
    talk.office.clock.advance(timedelta(days=400))
    assert await talk.say("words", **CALL, kind="transcript") == "attached"
    assert len(talk.office.leads()) == 1


async def test_a_deleted_lead_does_not_come_back_by_its_own_pieces(talk: Talk) -> None:
    """A new message of the person is an enquiry again."""
    await talk.say("hello", source_id="sms-1")
    await talk.say(**CALL, kind="call")
    office = talk.office
    for lead in office.leads():
        office.database.write_now(
            service.delete_lead, office.organisation_id, lead.id, author=ME, now=office.clock.now()
        )
    assert not talk.pieces()
    assert await talk.say("words", **CALL, kind="transcript") == "rejected:lead_deleted"
    assert await talk.say("hullo", kind="edit", amends="sms-1") == "rejected:lead_deleted"
    assert not talk.pieces()
    assert await talk.say("it is me again") == "lead_created"


async def test_the_referral_of_the_first_message_stays_on_the_thread(talk: Talk) -> None:
    """Advertisements are named once, by the first message."""
    number = {"ids": {"number": OWN}}
    await talk.say("delivered before the first one", campaign=number)
    await talk.say("hello", campaign={"click_ids": {"clid": "abc"}, "ids": {"ad": "7"}})
    await talk.say("more", campaign={"click_ids": {"clid": "def"}})
    await talk.say("and more", campaign=number)
    assert talk.threads()[0].campaign == {"click_ids": {"clid": "abc"}, "ids": {"ad": "7"}}
    assert talk.office.rows(lead_submissions)[1].campaign["ids"] == {"ad": "7"}


async def test_a_thread_keeps_the_newest_time_and_address(talk: Talk) -> None:
    """Messages may come in the wrong order, and an address may change."""
    newest = talk.office.clock.now() - timedelta(minutes=5)
    await talk.say("second", at=newest, thread="t", sender="+4915100000002")
    await talk.say("first", at=newest - timedelta(minutes=4), thread="t", sender="+4915100000001")
    thread = talk.threads()[0]
    assert (thread.last_inbound_at, thread.sender, thread.recipient) == (newest, "+4915100000002", OWN)


async def test_an_open_lead_of_a_form_is_joined_by_a_message_of_its_person(talk: Talk) -> None:
    """One person, one open lead, whichever way they come."""
    await talk.office.send(("form-1", {"answers": {"full_name": ["Ada Example"], "phone": [PHONE]}}))
    assert await talk.say("hello") == "attached"
    assert talk.steps() == ["created", "assigned", "message_received"]


async def test_a_value_that_a_message_adds_is_a_change_of_the_lead(talk: Talk) -> None:
    """The name that comes with the second message fills a gap."""
    await talk.say("hello")
    await talk.say("again", answers={"full_name": ["Ada Example"]})
    lead = talk.office.leads()[0]
    assert (lead.name, lead.revision) == ("Ada Example", 2)
    assert {row.field for row in talk.office.rows(lead_changes)} == {"full_name", "first_name", "last_name"}


async def test_a_test_message_binds_nobody(talk: Talk) -> None:
    """It is a test lead without person, thread and opt-out."""
    assert await talk.say("STOP", test=True) == "test"
    assert not talk.threads()
    assert not talk.opt_outs()


async def test_first_messages_at_the_same_time_in_two_processes_are_one_lead(talk: Talk) -> None:
    """The routing lock lets one of them begin it."""
    office = talk.office
    workers = []
    for process in ("test-1", "test-2"):
        beside = replace(office, ledger=Ledger(office.database, office.clock, process))
        for place in range(5):
            await beside.store((f"{process}-{place}", talk.body(f"{process} {place}")))
        forms = FormWorks(office.database, office.clock)
        workers.append(Intake(office.database, office.clock, process, talk.connectors, forms))
    await asyncio.gather(*(worker.drain() for worker in workers))
    assert len(office.leads()) == 1
    assert sorted(office.dispositions()) == [*["attached"] * 9, "lead_created"]
    assert len(talk.threads()) == 1


@pytest.mark.parametrize("kind", list(MessageKind), ids=str)
async def test_a_piece_of_any_kind_and_content_is_kept_whole(talk: Talk, kind: MessageKind) -> None:
    """Text that no database takes, media without a type, details: nothing of it costs the receipt."""
    await talk.say("hello", thread="t")
    found = await talk.say(
        "nul \0 and \ud83d",
        thread="t",
        kind=kind.value,
        media=[{"url": "https://example.com/a", "name": "a"}],
        duration=61.4,
        detail={"call_status": "busy"},
    )
    assert found == "attached"
    piece = talk.pieces()[-1]
    assert piece.text == "nul � and �"
    assert (piece.seconds, piece.detail) == (61, {"call_status": "busy"})
    assert piece.media == [{"url": "https://example.com/a", "content_type": "", "name": "a"}]
    assert [row.id for row in talk.office.rows(leads)] == [piece.lead_id]


async def test_a_clock_that_runs_ahead_opens_no_window(talk: Talk) -> None:
    """What the platform dates into the future was said when it came, and the next message is newer again."""
    await talk.say("hello", at=talk.office.clock.now() + timedelta(days=30))
    (thread,) = talk.threads()
    assert thread.last_inbound_at == talk.office.clock.now()
    await talk.say("hello again")
    (thread,) = talk.threads()
    assert thread.last_inbound_at == talk.office.clock.now()
