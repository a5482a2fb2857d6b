"""After an opt-out nothing is sent, however much waits and however close it was."""

import threading
from datetime import timedelta

import pytest

from hub.connector.conversations import Channel, Preference
from hub.connector.errors import RecipientRefusedError
from hub.connector.sending import OutgoingMessage
from hub.core.opt_outs.models import opt_outs
from hub.core.opt_outs.queries import is_opted_out
from hub.core.outbound.claiming import Looked, claim_next
from hub.core.outbound.errors import MessageRefusedError
from tests.integration.leads.conftest import fresh_lead
from tests.integration.outbound.desk import OWN, PERSON, Desk

WAITING = 1000
BEFORE_THE_STOP = 7


@pytest.mark.proves("DA-08")
async def test_stop_amid_a_thousand_messages_is_the_last_word(desk: Desk) -> None:
    """The person says stop while the eighth of a thousand messages is under way: not one is marked as leaving after
    it, every other one says why it was not sent, and no new one is taken."""

    async def stop(message: OutgoingMessage) -> None:
        if message.text == str(BEFORE_THE_STOP):
            await desk.database.write(desk.note_opt_out)

    desk.platform.before = stop
    for number in range(WAITING):
        desk.write(str(number))
    await desk.send()
    await desk.send()
    assert desk.platform.texts == [str(number) for number in range(BEFORE_THE_STOP + 1)]
    refused = [row for row in desk.messages() if row.state == "refused"]
    assert {row.reason for row in refused} == {"opted_out"}
    assert len(refused) == WAITING - BEFORE_THE_STOP - 1
    with pytest.raises(MessageRefusedError) as raised:
        desk.write()
    assert raised.value.code == "opted_out"


@pytest.mark.proves("DA-08")
async def test_no_message_is_marked_while_a_stop_is_being_committed(desk: Desk) -> None:
    """A claimer that comes while the opt-out is written waits for it, and finds it: there is no gap between asking
    and marking."""
    desk.write()
    found: list[Looked] = []

    def claim() -> None:
        where = (desk.office.organisation_id, desk.connection_id)
        found.append(desk.database.write_now(claim_next, *where, {}, "test-1", desk.clock.now()))

    claimer = threading.Thread(target=claim)

    def stop(connection: object) -> None:
        desk.note_opt_out(connection)  # type: ignore[arg-type]
        claimer.start()
        claimer.join(timeout=0.3)
        assert claimer.is_alive()

    desk.database.write_now(stop)
    claimer.join(timeout=10)
    assert [looked.claimed for looked in found] == [None]
    assert desk.states == ["refused"]


async def test_a_start_after_the_stop_lets_new_messages_through(desk: Desk) -> None:
    """What was refused stays refused; what is asked for afterwards is sent."""
    desk.write("before")
    desk.opt_out()
    await desk.send()
    desk.clock.advance(timedelta(minutes=1))
    desk.opt_out(preference=Preference.OPT_IN)
    desk.write("after")
    await desk.send()
    assert desk.platform.texts == ["after"]
    assert desk.states == ["refused", "sent"]


async def test_others_are_still_written_to(desk: Desk) -> None:
    """An opt-out concerns its address, on every channel of that phone, and nobody else."""
    other = await fresh_lead(desk.office, "lead-2", "b@example.com")
    desk.add_thread(other.id, sender="+14155559999")  # type: ignore[attr-defined]
    desk.add_thread(channel=Channel.WHATSAPP, sender=PERSON, recipient=OWN)
    desk.write("by text", channel=Channel.SMS)
    desk.write("by the other way", channel=Channel.WHATSAPP)
    desk.write("to another", lead_id=other.id)  # type: ignore[attr-defined]
    desk.opt_out()
    await desk.send()
    assert desk.platform.texts == ["to another"]
    assert desk.states == ["refused", "refused", "sent"]


@pytest.mark.proves("DA-08")
async def test_an_opt_out_that_only_the_platform_knows_is_kept_to(desk: Desk) -> None:
    """The platform refuses because the person opted out there: it is written down here, and nothing more is tried."""
    desk.platform.refusing[0] = RecipientRefusedError("They unsubscribed.", opted_out=True, code="unsubscribed")
    desk.write("one")
    desk.write("two")
    await desk.send()
    assert [(row.state, row.reason) for row in desk.messages()] == [
        ("refused", "unsubscribed"),
        ("refused", "opted_out"),
    ]
    assert desk.platform.attempts == 1
    (noted,) = desk.office.rows(opt_outs)
    assert (noted.cause, noted.actor) == ("platform", "connector:reference")
    asked = (desk.office.organisation_id, Channel.WHATSAPP, PERSON)
    assert desk.database.write_now(is_opted_out, *asked)
