"""What platforms tell of sent messages: repeated, out of order, too early, about others' messages."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.sending import OutgoingMessage
from hub.core.outbound.delivery import KEPT_UNKNOWN, note_reports
from hub.core.outbound.models import delivery_marks
from hub.core.outbound.queries import count_unknown_reports
from hub.db.schema import new_id
from tests.integration.outbound.desk import Desk, add_app

ACCEPTED, SENT, FAILED, DELIVERED, READ = DeliveryStatus


def report(desk: Desk, message: Any, *statuses: DeliveryStatus, **more: Any) -> None:
    """The platform tells, now, in one request."""
    now = desk.clock.now()
    name = message if isinstance(message, str) else f"p-{message.id}"
    told = [DeliveryReport(provider_id=name, status=status, reported_at=now, **more) for status in statuses]
    desk.database.write_now(note_reports, desk.app_id, told, now)


def marks(desk: Desk) -> Sequence[Any]:
    """What is kept of reports."""
    return desk.database.read_now(lambda c: c.execute(sa.select(delivery_marks)).all())


async def sent(desk: Desk) -> Any:
    """A message that the platform took."""
    message = desk.write().message
    await desk.send()
    return message


async def test_the_furthest_report_counts_in_any_order(desk: Desk) -> None:
    """In each of their orders, and each told twice: read is read, and when it was delivered is known."""
    for order in itertools.permutations((SENT, FAILED, DELIVERED, READ)):
        message = await sent(desk)
        for status in order:
            report(desk, message, status, status)
        row = desk.messages()[-1]
        assert row.id == message.id
        assert (row.state, row.reason) == ("read", None), order
        assert row.read_at is not None
        assert row.delivered_at is not None
    assert {mark.reports for mark in marks(desk)} == {8}


async def test_what_was_not_delivered_says_why(desk: Desk) -> None:
    """The platform's own code and words; a later word that it was delivered after all is believed."""
    message = await sent(desk)
    report(desk, message, ACCEPTED, SENT)
    assert desk.states == ["sent"]
    report(desk, message, FAILED, code="30003", detail="The phone is switched off.")
    (row,) = desk.messages()
    assert (row.state, row.reason, row.detail) == ("failed", "30003", "The phone is switched off.")
    report(desk, message, DELIVERED)
    (row,) = desk.messages()
    assert (row.state, row.reason, row.detail) == ("delivered", None, None)


async def test_a_report_before_we_know_the_platforms_id_is_not_lost(desk: Desk) -> None:
    """The report overtakes the answer to our own request: it counts as soon as the answer is stored."""

    async def told_early(message: OutgoingMessage) -> None:
        await desk.database.write(_note, desk, message.id)

    desk.platform.before = told_early
    await sent(desk)
    (row,) = desk.messages()
    assert (row.state, row.provider_id) == ("delivered", f"p-{row.id}")


def _note(connection: sa.Connection, desk: Desk, message_id: str) -> None:
    now = desk.clock.now()
    told = DeliveryReport(provider_id=f"p-{message_id}", status=DELIVERED, reported_at=now)
    note_reports(connection, desk.app_id, [told], now)


async def test_a_report_at_the_very_moment_is_not_lost(desk: Desk) -> None:
    """The report is written but not committed while our own answer is stored: who comes second sees the first."""
    message = desk.write().message
    sender = threading.Thread(target=lambda: asyncio.run(desk.send()))

    def tell(connection: sa.Connection) -> None:
        _note(connection, desk, str(message.id))
        sender.start()
        sender.join(timeout=0.5)

    desk.database.write_now(tell)
    sender.join(timeout=10)
    assert desk.states == ["delivered"]


async def test_reports_on_messages_of_others_are_counted_and_forgotten(desk: Desk) -> None:
    """Another system sends through the same account: its reports are kept for a week, and change nothing here."""
    await sent(desk)
    report(desk, "somebody-elses", SENT, DELIVERED, READ)
    assert desk.database.read_now(count_unknown_reports) == 1
    assert desk.states == ["sent"]
    desk.clock.advance(KEPT_UNKNOWN + timedelta(seconds=1))
    await desk.sending().forget_foreign_reports(None)
    assert desk.database.read_now(count_unknown_reports) == 0
    assert len(marks(desk)) == 1


async def test_the_same_id_at_another_app_is_another_message(desk: Desk) -> None:
    """Ids of two platforms may be equal; a report reaches only messages that went through its app."""
    message = await sent(desk)
    now = desk.clock.now()
    other = desk.database.write_now(add_app, desk.office.organisation_id, new_id(), now)
    told = DeliveryReport(provider_id=f"p-{message.id}", status=READ, reported_at=now)
    desk.database.write_now(note_reports, other, [told], now)
    assert desk.states == ["sent"]
