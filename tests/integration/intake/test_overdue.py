"""Receipts that stay pending for too long raise an alert, once, which ends when they are worked off (X-01)."""

import asyncio
from datetime import timedelta

import pytest

from hub.core.intake.overdue import ENDED, RAISED, alert_of, count_alerts, oldest_pending, overdue, turn_alerts
from hub.core.outbox.models import outbox_events
from hub.db.engine import DatabaseUnavailableError
from hub.jobs.overdue import OverdueWatch
from tests.factories import START, add_organisation, answers
from tests.integration.intake.conftest import Office

LIMIT = timedelta(minutes=15)


def events(office: Office) -> list[str]:
    """What was told of alerts."""
    return [row.kind for row in office.rows(outbox_events) if row.kind in (RAISED, ENDED)]


@pytest.mark.proves("X-01")
async def test_a_receipt_pending_for_too_long_raises_an_alert_that_ends_with_it(office: Office) -> None:
    """Nothing within the limit, one event after it however often one looks, and one more when all is worked off."""
    watch = OverdueWatch(office.database, office.clock, LIMIT)
    await office.store(("lead-1", answers()))
    office.clock.advance(LIMIT)
    await watch.look()
    assert office.database.read_now(alert_of, office.organisation_id) is None
    office.clock.advance(timedelta(seconds=1))
    for _ in range(3):
        await watch.look()
    alert = office.database.read_now(alert_of, office.organisation_id)
    assert alert is not None
    assert (alert.receipts, alert.oldest_received_at, alert.raised_at) == (1, START, office.clock.now())
    assert events(office) == [RAISED]
    await office.intake.drain()
    await watch.look()
    assert office.database.read_now(alert_of, office.organisation_id) is None
    assert events(office) == [RAISED, ENDED]


async def test_the_alert_follows_what_is_pending(office: Office) -> None:
    """More receipts grow old while it stands: it tells of them without being raised anew."""
    watch = OverdueWatch(office.database, office.clock, LIMIT)
    await office.store(("lead-1", answers()))
    office.clock.advance(timedelta(minutes=20))
    await watch.look()
    raised_at = office.clock.now()
    await office.store(("lead-2", answers()), ("lead-3", answers()))
    office.clock.advance(timedelta(minutes=20))
    await watch.look()
    alert = office.database.read_now(alert_of, office.organisation_id)
    assert alert is not None
    assert (alert.receipts, alert.oldest_received_at, alert.raised_at) == (3, START, raised_at)
    assert events(office) == [RAISED]


async def test_an_alert_tells_of_one_organisation_alone(office: Office) -> None:
    """Another organisation, with nothing pending, has no alert; the operator counts one and knows since when."""
    other = office.database.write_now(add_organisation, "Other")
    await office.store(("lead-1", answers()))
    office.clock.advance(timedelta(hours=1))
    await OverdueWatch(office.database, office.clock, LIMIT).look()
    assert office.database.read_now(alert_of, other) is None
    assert office.database.read_now(count_alerts) == 1
    assert office.database.read_now(oldest_pending) == START


async def test_processes_that_saw_the_same_raise_it_once(office: Office) -> None:
    """Two processes read before either writes; the second one's writing raises nothing."""
    await office.store(("lead-1", answers()))
    now = START + timedelta(hours=1)
    seen = office.database.read_now(overdue, now - LIMIT)
    first = office.database.write_now(turn_alerts, seen, now)
    second = office.database.write_now(turn_alerts, seen, now)
    assert (len(first.raised), len(second.raised)) == (1, 0)
    assert events(office) == [RAISED]


async def test_nothing_is_written_while_all_is_well(office: Office) -> None:
    """Neither receipts that were just received nor settled ones of long ago are overdue."""
    await office.send(("lead-1", answers()))
    office.clock.advance(timedelta(days=1))
    await office.store(("lead-2", answers()))
    await OverdueWatch(office.database, office.clock, LIMIT).look()
    assert office.database.read_now(count_alerts) == 0
    assert events(office) == []


async def test_the_watch_looks_by_itself_and_survives_a_database_that_is_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look fails; a later one raises the alert without anybody asking."""
    monkeypatch.setattr("hub.jobs.overdue.LOOK_EVERY", 0.005)
    failed: list[bool] = []

    class Faltering(OverdueWatch):
        async def look(self) -> None:
            if not failed:
                failed.append(True)
                raise DatabaseUnavailableError("away")
            await super().look()

    await office.store(("lead-1", answers()))
    office.clock.advance(timedelta(hours=1))
    watch = Faltering(office.database, office.clock, LIMIT)
    watch.start()
    for _ in range(400):
        await asyncio.sleep(0.005)
        if office.database.read_now(count_alerts):
            break
    await watch.stop()
    assert failed
    assert events(office) == [RAISED]
