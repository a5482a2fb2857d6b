"""Who may be written to, when, by which way; asking twice; calling back."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from hub.connector.conversations import Channel
from hub.core.leads.service import change_values
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.outbound import service
from hub.core.outbound.errors import MessageRefusedError
from hub.core.outbound.quiet_hours import QuietHours
from hub.db.schema import new_id
from tests.factories import add_connection
from tests.integration.leads.conftest import fresh_lead
from tests.integration.outbound.desk import ME, OWN, PERSON, Desk


def refused(desk: Desk, **wanted: Any) -> str:
    """The code with which a message is refused."""
    with pytest.raises(MessageRefusedError) as raised:
        desk.write(**wanted)
    assert not desk.messages()
    return raised.value.code


async def test_a_message_goes_where_the_person_wrote_last(desk: Desk) -> None:
    """Without saying how: by the channel, to the address and from the number of the newest conversation."""
    desk.clock.advance(timedelta(minutes=1))
    desk.add_thread(channel=Channel.WHATSAPP, sender="person-7", recipient="business-1")
    row = desk.write().message
    assert (row.channel, row.recipient, row.sender) == ("whatsapp", "person-7", "business-1")


async def test_who_called_is_answered_by_text_message(desk: Desk) -> None:
    """A call is no channel for words: the answer goes to the number that called, from the one it called."""
    desk.clock.advance(timedelta(minutes=1))
    desk.add_thread(channel=Channel.VOICE, sender="+14155550000", recipient="+15005550009")
    row = desk.write().message
    assert (row.channel, row.recipient, row.sender) == ("sms", PERSON, OWN)
    other = desk.write(channel=Channel.SMS, sender="+15005550009").message
    assert other.sender == "+15005550009"


async def test_a_lead_of_a_form_is_written_to_at_its_phone(desk: Desk) -> None:
    """Somebody who never wrote: connection, channel and own number have to be said."""
    phone = "+4915112345678"
    lead: Any = await fresh_lead(desk.office, "lead-2", "b@example.com")
    desk.database.write_now(
        change_values, desk.office.organisation_id, lead.id, {"phone": phone}, author=ME, now=desk.clock.now()
    )
    assert refused(desk, lead_id=lead.id) == "no_connection"
    assert refused(desk, lead_id=lead.id, connection_id=desk.connection_id) == "no_channel"
    way = {"lead_id": lead.id, "connection_id": desk.connection_id, "channel": Channel.SMS}
    assert refused(desk, **way) == "no_sender"
    assert desk.write(**way, sender=OWN).message.recipient == phone


async def test_a_lead_without_any_address_cannot_be_written_to(desk: Desk) -> None:
    """No conversation and no phone number: the text says what to do."""
    lead: Any = await fresh_lead(desk.office, "lead-2", "b@example.com")
    way = {"lead_id": lead.id, "connection_id": desk.connection_id, "channel": Channel.SMS, "sender": OWN}
    assert refused(desk, **way) == "no_address"


async def test_a_connection_that_cannot_send_is_refused(desk: Desk) -> None:
    """Unknown, unable or switched off: each has its own words."""
    database, organisation_id = desk.database, desk.office.organisation_id
    unable = database.write_now(add_connection, organisation_id, "other")
    off = database.write_now(add_connection, organisation_id, "reference", "inactive")
    assert refused(desk, connection_id=new_id()) == "no_connection"
    assert refused(desk, connection_id=unable) == "cannot_send"
    assert refused(desk, connection_id=off) == "not_active"
    assert refused(desk, channel=Channel.VOICE) == "cannot_send"


async def test_an_unknown_lead_is_refused(desk: Desk) -> None:
    """There is none of that id in this organisation."""
    with pytest.raises(UnknownRecordError):
        desk.write(lead_id=new_id())


async def test_free_text_needs_a_recent_message_where_the_channel_says_so(desk: Desk) -> None:
    """Within the window it is taken, a second later it is refused; without any message of theirs, too."""
    desk.add_thread(channel=Channel.WHATSAPP, sender="person-7", recipient="business-1")
    desk.clock.advance(timedelta(hours=24))
    assert desk.write(channel=Channel.WHATSAPP).message.state == "queued"
    desk.clock.advance(timedelta(seconds=1))
    with pytest.raises(MessageRefusedError, match="24 hours"):
        desk.write(channel=Channel.WHATSAPP)


async def test_a_window_that_closes_while_a_message_waits_ends_it(desk: Desk) -> None:
    """It was asked for in time and could not leave in time: it is refused and says why."""
    desk.add_thread(channel=Channel.WHATSAPP, sender="person-7", recipient="business-1")
    desk.write(channel=Channel.WHATSAPP)
    desk.clock.advance(timedelta(hours=23, minutes=59, seconds=59))
    desk.write("late", channel=Channel.WHATSAPP)
    desk.clock.advance(timedelta(seconds=2))
    await desk.send()
    assert [(row.state, row.reason) for row in desk.messages()] == [
        ("failed", "too_late"),
        ("refused", "reply_window_closed"),
    ]
    assert not desk.platform.arrived


async def test_at_night_only_answers_leave(desk: Desk) -> None:
    """An answer within a day of their message leaves at night; after that it waits for the morning where the lead
    is, and then goes out by itself."""
    desk.clock.advance(timedelta(hours=12))
    assert desk.write("answer").message.not_before == desk.clock.now()
    await desk.send()
    desk.clock.advance(timedelta(hours=24))
    waiting = desk.write("by ourselves").message
    assert waiting.not_before == datetime(2026, 1, 3, 7, tzinfo=UTC)
    await desk.sending().find_messages(None)
    await desk.work()
    assert desk.platform.texts == ["answer"]
    desk.clock.advance(waiting.not_before - desk.clock.now())
    await desk.sending().find_messages(None)
    await desk.work()
    assert desk.platform.texts == ["answer", "by ourselves"]


async def test_quiet_hours_that_are_set_later_hold_for_what_waits(desk: Desk) -> None:
    """Asked again at the moment of leaving: the message waits; switched off, it leaves."""
    desk.clock.advance(timedelta(hours=25))
    desk.write()
    always = QuietHours(time(0), time(23, 59))
    desk.database.write_now(service.set_quiet_hours, desk.office.organisation_id, always)
    await desk.send()
    assert desk.states == ["queued"]
    desk.database.write_now(service.set_quiet_hours, desk.office.organisation_id, None)
    desk.clock.advance(desk.messages()[0].not_before - desk.clock.now())
    await desk.send()
    assert desk.states == ["sent"]


async def test_the_same_key_is_the_same_message(desk: Desk) -> None:
    """Asked twice, sent once; the key with other words is refused; without a key two are two."""
    first = desk.write("one", key="k-1")
    again = desk.write("one", key="k-1")
    assert (again.is_repeated, again.message.id) == (True, first.message.id)
    with pytest.raises(RefusedChangeError) as raised:
        desk.write("two", key="k-1")
    assert raised.value.code == "key_reused"
    desk.write("one")
    await desk.send()
    assert desk.platform.texts == ["one", "one"]


async def test_a_waiting_message_can_be_called_back_and_no_other(desk: Desk) -> None:
    """Called back it never leaves, twice equals once; what was sent stays sent."""
    waiting, other = desk.write("one").message, desk.write("two").message
    cancel: dict[str, Any] = {"author": ME, "now": desk.clock.now()}
    for _ in range(2):
        row = desk.database.write_now(
            service.cancel_message, desk.office.organisation_id, desk.lead_id, waiting.id, **cancel
        )
        assert row.state == "cancelled"
    await desk.send()
    assert desk.platform.texts == ["two"]
    with pytest.raises(MessageRefusedError) as raised:
        desk.database.write_now(service.cancel_message, desk.office.organisation_id, desk.lead_id, other.id, **cancel)
    assert raised.value.code == "not_waiting"
    with pytest.raises(UnknownRecordError):
        desk.database.write_now(service.cancel_message, desk.office.organisation_id, desk.lead_id, new_id(), **cancel)
