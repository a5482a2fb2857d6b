"""Opt-outs are honoured when the receipt is worked off, on every channel, and outlive everything else (DA-08)."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Channel, Preference
from hub.core.intake.balance import recount
from hub.core.leads import service
from hub.core.leads.models import leads, person_contacts, persons
from hub.core.leads.service import Author
from hub.core.opt_outs.addresses import address_key
from hub.core.opt_outs.queries import is_opted_out
from hub.core.opt_outs.service import Cause, record
from tests.factories import START
from tests.integration.conversations.conftest import OWN, PHONE, Talk

ME = Author("user:00000000-0000-0000-0000-000000000001")
PHONE_CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.VOICE)


def is_out(talk: Talk, channel: Channel = Channel.SMS, address: str = PHONE) -> bool:
    """Whether nothing may be sent there."""
    return talk.office.database.read_now(is_opted_out, talk.office.organisation_id, channel, address)


@pytest.mark.proves("DA-08")
@pytest.mark.parametrize("text", ["STOP", "please stop texting me"], ids=["word", "sentence"])
@pytest.mark.parametrize("channel", PHONE_CHANNELS[:2], ids=str)
async def test_an_opt_out_on_any_channel_holds_for_the_phone_on_all(talk: Talk, text: str, channel: Channel) -> None:
    """From the moment at which its receipt was worked off; the message stays visible."""
    await talk.say("hello")
    assert await talk.say(text, channel=channel.value) == "attached"
    assert [is_out(talk, each) for each in PHONE_CHANNELS] == [True, True, True]
    assert not is_out(talk, address="+4915100000000")
    assert talk.steps()[-2:] == ["message_received", "opted_out"]
    assert talk.pieces()[-1].text == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [("STOP", "opt_out_without_lead"), ("START", "opt_in_without_lead"), ("yes", "opt_in_without_lead")],
)
async def test_a_word_alone_never_begins_a_lead(talk: Talk, text: str, reason: str) -> None:
    """The receipt says why; the wish of who is unknown is kept all the same."""
    assert await talk.say(text) == f"rejected:{reason}"
    assert not talk.office.leads()
    assert is_out(talk) is (text == "STOP")
    assert len(talk.opt_outs()) == (0 if text == "yes" else 1)
    assert talk.office.database.read_now(recount, talk.office.organisation_id).agrees


async def test_the_word_that_an_advertisement_asks_for_begins_a_lead(talk: Talk) -> None:
    """Where the platform says that an advertisement led to it; a stop word does not even then."""
    referral = {"ids": {"number": OWN}, "click_ids": {"clid": "7"}}
    assert await talk.say("START", campaign={"ids": {"number": OWN}}) == "rejected:opt_in_without_lead"
    assert await talk.say("START", campaign=referral) == "lead_created"
    assert await talk.say("STOP", campaign=referral, phone="+4915100000009") == "rejected:opt_out_without_lead"


async def test_an_opt_in_takes_an_opt_out_back(talk: Talk) -> None:
    """By the platform's word, by yes from who opted out, and not by yes from anybody else."""
    await talk.say("hello")
    await talk.say("yes")
    assert not talk.opt_outs()
    await talk.say("STOP")
    await talk.say("Yes!")
    assert not is_out(talk)
    assert [row.preference for row in talk.opt_outs()] == ["opt_out", "opt_in"]
    assert talk.steps()[-1] == "opted_in"


async def test_what_was_said_last_holds_whatever_came_last(talk: Talk) -> None:
    """Deliveries overtake each other: a start that was said after the stop is not undone by it."""
    now = talk.office.clock.now()
    await talk.say("START", at=now + timedelta(seconds=1))
    await talk.say("STOP", at=now - timedelta(minutes=1))
    assert not is_out(talk)
    await talk.say("STOP", at=now + timedelta(days=300))
    assert is_out(talk)
    talk.office.clock.advance(timedelta(minutes=1))
    await talk.say("START")
    assert not is_out(talk), "a clock that ran ahead outbids nothing that is said later"


async def test_what_the_platform_tells_wins(talk: Talk) -> None:
    """A preference without any text attaches to the lead it knows, and is no message."""
    await talk.say("hello")
    assert await talk.say(kind="preference", preference="opt_out") == "attached"
    assert is_out(talk)
    assert talk.steps()[-1] == "opted_out"
    assert "message_received" not in talk.steps()[-1:]
    assert talk.opt_outs()[0].actor == "connector:reference"


async def test_an_opt_out_by_an_id_holds_for_the_phone_named_with_it(talk: Talk) -> None:
    """A platform may name the same person by an id today and by the phone tomorrow."""
    both = {"phone": PHONE, "sender": "US.7", "channel": "whatsapp", "identities": [{"scope": "s", "value": "US.7"}]}
    await talk.say("STOP", **both)
    assert is_out(talk, Channel.WHATSAPP, "US.7")
    assert is_out(talk, Channel.SMS, PHONE)
    assert not is_out(talk, Channel.CHAT, "US.7")


async def test_an_opt_out_goes_along_to_a_new_number(talk: Talk) -> None:
    """The platform tells that the person has another one; under it the person is known, and opted out."""
    new = {"sender": "+4915100000009", "thread": f"sms:{PHONE}"}
    await talk.say("hello")
    await talk.say("please stop texting me")
    assert await talk.say(kind="identity", phone="+4915100000009", **new) == "attached"
    assert is_out(talk, address="+4915100000009")
    assert talk.steps()[-1] == "identity_changed"
    assert talk.threads()[0].sender == "+4915100000009"
    assert await talk.say("it is me", phone="+4915100000009") == "attached"


@pytest.mark.proves("DA-08")
async def test_an_opt_out_outlives_lead_and_person(talk: Talk) -> None:
    """Deleted, erased or merged away: nothing of the person is left but that they must not be written to."""
    await talk.say("hello")
    await talk.say("STOP")
    office = talk.office
    first = office.leads()[0]
    office.database.write_now(service.delete_lead, office.organisation_id, first.id, author=ME, now=office.clock.now())

    def erase(connection: Connection) -> None:
        for table in (person_contacts, persons):
            connection.execute(sa.delete(table).where(table.c.organisation_id == office.organisation_id))

    office.database.write_now(erase)
    assert is_out(talk)
    assert await talk.say("hello, it is me") == "lead_created"
    assert is_out(talk)


@pytest.mark.proves("DA-08")
async def test_an_opt_out_outlives_a_merge(talk: Talk) -> None:
    """The leads and contacts of one person become another's; the address is still silent."""
    await talk.say("STOP please. I am Ada", answers={"full_name": ["Ada"]})
    await talk.say("please stop texting me")
    await talk.say("hello", phone="+4915100000009")
    office = talk.office
    one, other = office.rows(persons)

    def merge(connection: Connection) -> None:
        for table in (leads, person_contacts):
            mine = (table.c.organisation_id == office.organisation_id, table.c.person_id == one.id)
            connection.execute(sa.update(table).where(*mine).values(person_id=other.id))
        mine = (persons.c.organisation_id == office.organisation_id, persons.c.id == one.id)
        connection.execute(sa.delete(persons).where(*mine))

    office.database.write_now(merge)
    assert is_out(talk)
    assert not is_out(talk, address="+4915100000009")


async def test_another_organisation_knows_nothing_of_it(talk: Talk) -> None:
    """Whom one business may not write to is no matter of another one."""
    await talk.say("STOP")
    other = talk.office.people[0]
    assert not talk.office.database.read_now(is_opted_out, other, Channel.SMS, PHONE)


async def test_who_marks_a_message_as_leaving_keeps_opt_outs_waiting(talk: Talk) -> None:
    """So an opt-out that is committed has nothing marked after it: each waits for the other's commit."""
    database, organisation_id = talk.office.database, talk.office.organisation_id
    asked, committed = threading.Event(), threading.Event()

    def stop() -> None:
        asked.wait(10)
        database.write_now(
            record,
            organisation_id,
            [address_key(Channel.SMS, PHONE)],
            preference=Preference.OPT_OUT,
            cause=Cause.WORD,
            channel=Channel.SMS,
            actor="person",
            said_at=START,
            now=START,
        )
        committed.set()

    stopping = threading.Thread(target=stop)
    stopping.start()

    def send(connection: Connection) -> tuple[bool, bool]:
        before = is_opted_out(connection, organisation_id, Channel.SMS, PHONE)
        asked.set()
        return before, committed.wait(0.2)

    assert database.write_now(send) == (False, False)
    stopping.join(10)
    assert database.write_now(send) == (True, True)
