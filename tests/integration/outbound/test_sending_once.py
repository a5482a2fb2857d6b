"""A message leaves once at most, whatever the platform answers and whoever dies."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub.connector.errors import (
    ConnectorError,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
    RetryableError,
)
from hub.connector.sending import OutgoingMessage
from hub.core.backups import read_backup, write_backup
from hub.core.connections.models import connections
from hub.core.leads.models import journey_steps, leads
from hub.core.leads.service import delete_lead
from hub.core.outbound import settling
from hub.core.outbound.claiming import claim_next
from hub.core.outbound.moving import send_job
from hub.core.outbox.models import outbox_events
from hub.core.tables import metadata
from hub.db.engine import Database
from tests.integration.outbound.desk import ME, PERSON, Desk


async def test_a_message_is_sent_and_joins_the_journey(desk: Desk) -> None:
    """It arrives with its own id, addresses and words; the journey has it, and it is the first contact."""
    queued = desk.write("Hello Ada").message
    assert (queued.state, queued.channel, queued.recipient) == ("queued", "sms", PERSON)
    desk.clock.advance(timedelta(seconds=2))
    assert await desk.work() == 1
    (arrived,) = desk.platform.arrived
    assert (arrived.id, arrived.text, arrived.recipient) == (str(queued.id), "Hello Ada", PERSON)
    assert (arrived.report_to or "").startswith("https://hub.example.com/hooks/reference/")
    (row,) = desk.messages()
    assert (row.state, row.provider_id, row.sent_at) == ("sent", f"p-{queued.id}", desk.clock.now())
    (step,) = desk.office.rows(journey_steps, journey_steps.c.kind == "message_sent")
    assert (step.actor, step.detail["text"], step.detail["channel"]) == (ME.actor, "Hello Ada", "sms")
    assert desk.office.rows(leads)[0].first_contacted_at == desk.clock.now()
    told = [row.payload["state"] for row in desk.office.rows(outbox_events, outbox_events.c.kind == "message_changed")]
    assert told == ["queued", "sent"]


async def test_messages_to_one_person_keep_their_order(desk: Desk) -> None:
    """Twenty messages arrive in the order in which they were written, each once."""
    for number in range(20):
        desk.write(f"{number}")
    await desk.send()
    assert desk.platform.texts == [str(number) for number in range(20)]
    assert desk.states == ["sent"] * 20


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (RecipientRefusedError("No such number.", code="no_number"), "refused", "no_number"),
        (PermanentError("Too long.", code="too_long"), "failed", "too_long"),
        (PartAccessLostError("That number is gone.", part_id="n"), "failed", "part_access_lost"),
    ],
    ids=["recipient", "permanent", "part"],
)
async def test_a_message_that_is_not_taken_ends_with_its_words(
    desk: Desk, error: ConnectorError, state: str, reason: str
) -> None:
    """Code and text are kept, nothing is sent again, and the next message goes out."""
    desk.platform.refusing[0] = error
    desk.write("one")
    desk.write("two")
    await desk.send()
    first, second = desk.messages()
    assert (first.state, first.reason, first.detail) == (state, reason, error.user_message)
    assert second.state == "sent"
    assert desk.platform.texts == ["two"]
    await desk.send()
    assert desk.platform.attempts == 2


@pytest.mark.proves("DG-11")
@pytest.mark.parametrize(
    "error", [RetryableError("No answer.", code="timeout"), TimeoutError(), ZeroDivisionError()], ids=type
)
async def test_an_unknown_result_is_never_tried_again(desk: Desk, error: Exception) -> None:
    """The platform took it and the answer was lost: the message says so, and only a person writes anew. The outage
    costs this one message; the next waits for the next attempt."""
    desk.platform.losing[0] = error
    desk.write("one")
    desk.write("two")
    assert await desk.work() == 1
    assert desk.states == ["unknown", "queued"]
    for _ in range(5):
        desk.clock.advance(timedelta(minutes=10))
        await desk.sending().find_messages(None)
        await desk.work()
    assert desk.platform.texts == ["one", "two"]
    assert desk.states == ["unknown", "sent"]
    assert (desk.messages()[0].reason or "") in ("timeout", "took_too_long", "bug")


async def test_a_rate_limit_holds_the_connection_and_loses_nothing(desk: Desk) -> None:
    """The message waits as long as the platform asks, and then goes out once."""
    wait = timedelta(minutes=3)
    desk.platform.refusing[0] = RateLimitedError("Slow down.", retry_after=wait)
    desk.write()
    assert await desk.work() == 1
    assert desk.states == ["queued"]
    desk.clock.advance(wait - timedelta(seconds=5))
    await desk.sending().find_messages(None)
    assert await desk.work() == 0
    desk.clock.advance(timedelta(seconds=20))
    assert await desk.work() == 1
    assert desk.platform.texts == ["Hello Ada"]
    assert desk.states == ["sent"]


async def test_without_a_grant_messages_wait_for_a_day_at_most(desk: Desk) -> None:
    """A refused grant keeps them; who signs in within a day sends them, later they have failed and say so."""
    desk.platform.refusing[0] = ReauthorizationNeededError("Sign in again.")
    desk.write("one")
    with pytest.raises(ReauthorizationNeededError):
        await desk.send()
    assert desk.states == ["queued"]
    desk.clock.advance(timedelta(hours=23))
    await desk.sending().find_messages(None)
    assert desk.states == ["queued"]
    desk.clock.advance(timedelta(hours=2))
    await desk.sending().find_messages(None)
    (row,) = desk.messages()
    assert (row.state, row.reason) == ("failed", "too_late")
    await desk.send()
    assert desk.platform.texts == []


async def test_a_connection_that_is_switched_off_sends_nothing_more(desk: Desk) -> None:
    """Switched off in the midst of a batch: the message under way is the last one, the others wait."""

    async def switch_off(message: OutgoingMessage) -> None:
        mine = (connections.c.organisation_id == desk.office.organisation_id, connections.c.id == desk.connection_id)
        await desk.database.write(lambda c: c.execute(connections.update().where(*mine).values(state="inactive")))

    desk.platform.before = switch_off
    for number in range(3):
        desk.write(f"{number}")
    await desk.send()
    assert desk.states == ["sent", "queued", "queued"]
    await desk.sending().find_messages(None)
    assert desk.platform.texts == ["0"]


async def test_three_refusals_in_a_row_are_a_matter_of_the_connection(desk: Desk) -> None:
    """A closed account is not asked for every message that waits: the job ends, and the connection says why."""
    desk.platform.refusing = dict.fromkeys(range(10), PermanentError("The account is closed."))
    for number in range(5):
        desk.write(f"{number}")
    with pytest.raises(PermanentError):
        await desk.send()
    assert desk.states == ["failed"] * 3 + ["queued"] * 2


@pytest.mark.proves("DG-11")
async def test_what_a_dead_process_was_sending_is_unknown(desk: Desk) -> None:
    """Marked and never heard of again: taken over, the message is unknown, and nobody sends it."""
    desk.write()
    looked = desk.database.write_now(
        claim_next, desk.office.organisation_id, desk.connection_id, {}, "dead-1", desk.clock.now()
    )
    assert looked.claimed is not None
    assert desk.states == ["sending"]
    await desk.send()
    assert desk.database.write_now(settling.abandon, "dead-1") == 1
    (row,) = desk.messages()
    assert (row.state, row.reason) == ("unknown", "process_ended")
    await desk.send()
    assert desk.platform.texts == []


async def test_a_claimer_taken_for_dead_still_says_how_it_ended(desk: Desk) -> None:
    """What is known replaces unknown; but a message that was not taken is not sent after all."""
    for text in ("one", "two"):
        desk.write(text)
        claimed = desk.database.write_now(
            claim_next, desk.office.organisation_id, desk.connection_id, {}, "slow-1", desk.clock.now()
        ).claimed
        assert claimed is not None
        desk.database.write_now(settling.abandon, "slow-1")
        if text == "one":
            desk.database.write_now(settling.settle_sent, claimed, "p-1", desk.clock.now())
        else:
            desk.database.write_now(settling.give_back, claimed, desk.clock.now())
    assert desk.states == ["sent", "unknown"]


async def test_a_message_nobody_settled_is_unknown_after_a_while(desk: Desk) -> None:
    """Whoever had it and whyever it was left: after a quarter of an hour it is over."""
    desk.write()
    desk.database.write_now(
        claim_next, desk.office.organisation_id, desk.connection_id, {}, "alive-1", desk.clock.now()
    )
    desk.clock.advance(timedelta(minutes=14))
    await desk.sending().find_messages(None)
    assert desk.states == ["sending"]
    desk.clock.advance(timedelta(minutes=2))
    await desk.sending().find_messages(None)
    assert desk.states == ["unknown"]


async def test_an_orderly_stop_lets_the_request_under_way_end(desk: Desk) -> None:
    """The job is cancelled while a request is out: its answer is still written down, and no other leaves."""
    arrived, may_go_on = asyncio.Event(), asyncio.Event()

    async def wait(message: OutgoingMessage) -> None:
        arrived.set()
        await may_go_on.wait()

    desk.platform.before = wait
    desk.write("one")
    desk.write("two")
    job = asyncio.create_task(desk.send())
    await arrived.wait()
    job.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert desk.states == ["sent", "queued"]


async def test_two_senders_never_take_the_same_message(desk: Desk) -> None:
    """Two processes that both believe they have the connection: every message arrives once."""
    for number in range(40):
        desk.write(f"{number}")
    payload = send_job(desk.office.organisation_id, desk.connection_id).payload
    await asyncio.gather(*(desk.sending(f"twin-{number}").send(payload) for number in range(4)))
    while "queued" in desk.states:
        await desk.send()
    assert sorted(desk.platform.texts, key=int) == [str(number) for number in range(40)]
    assert desk.states == ["sent"] * 40


@pytest.mark.proves("DG-11")
async def test_what_waited_in_a_backup_is_not_sent_again_after_a_restore(desk: Desk, tmp_path: Path) -> None:
    """Written while a message waited, restored after it was sent: the message is unknown, what was sent stays sent."""
    keys = {"k1": bytes(32)}
    desk.write("sent before")
    await desk.send()
    desk.write("sent after the backup")
    file = tmp_path / "backup"
    desk.database.read_now(write_backup, file, keys)
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}")
    restored.write_now(metadata.create_all)
    restored.write_now(read_backup, file, keys)
    office = replace(desk.office, database=restored)
    again = replace(desk, office=office)
    assert again.states == ["sent", "unknown"]
    await again.send()
    assert desk.platform.texts == ["sent before"]
    restored.close()


async def test_a_deleted_lead_is_not_written_to(desk: Desk) -> None:
    """What waits goes with the lead; what is under way ends without a trace and without trouble."""

    async def delete(message: OutgoingMessage) -> None:
        now = desk.clock.now()
        await desk.database.write(delete_lead, desk.office.organisation_id, desk.lead_id, author=ME, now=now)

    desk.platform.before = delete
    desk.write("one")
    desk.write("two")
    await desk.send()
    assert desk.platform.texts == ["one"]
    assert not desk.messages()
