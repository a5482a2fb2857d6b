"""What is due is found once, and each kind of regular work does its part."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fake_source import KEY, DirectConnections, FakeSource, KeepingLedger, Platform, make_connection, make_form, marks
from job_rows import rows, until
from test_polling import Catalogue
from test_resolving import Receipts

from hub.connector.errors import RetryableError
from hub.core.connections.models import grants
from hub.core.jobs import service
from hub.core.pulls.service import enqueue_due
from hub.core.upkeep.queries import active_connections
from hub.db.engine import Database
from hub.jobs.engine import JobEngine
from hub.jobs.opening import ConnectionKey
from hub.jobs.polling import POLL, Polling, poll_job
from hub.jobs.renewing import Renewing
from hub.jobs.resolving import Resolving
from hub.jobs.schedule import Schedule
from hub.jobs.subscriptions import Subscriptions
from hub.testing.clock import VirtualClock


class Urls:
    """Every connection has an address."""

    async def callback_url(self, key: ConnectionKey) -> str | None:
        return "https://hub.example/hooks/fake/1"


def enqueue_in(clock: VirtualClock):
    """What adds a poll."""
    return lambda c, organisation_id, connection_id, form_id: service.add(
        c, poll_job(ConnectionKey(organisation_id, connection_id), form_id), clock.now()
    )


def test_a_due_form_gives_one_job_whatever_the_number_of_processes(database: Database, clock: VirtualClock) -> None:
    """Job and next moment are written together; forms of connections that are not active wait."""
    key, silent = make_connection(database, clock.now()), make_connection(database, clock.now(), state="inactive")
    for _ in range(30):
        make_form(database, key, clock.now())
    make_form(database, silent, clock.now())

    def look() -> None:
        while database.write_now(enqueue_due, clock.now(), timedelta(minutes=15), 7, enqueue_in(clock)):
            continue

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    look()
    assert len(rows(database)) == 30
    assert {row.next_run_at for row in marks(database, key)} == {clock.now() + timedelta(minutes=15)}
    assert {row.next_run_at for row in marks(database, silent)} == {clock.now()}


def test_a_poll_that_is_still_open_is_not_doubled(database: Database, clock: VirtualClock) -> None:
    """A source that is away for hours has one poll waiting, not one per interval."""
    key = make_connection(database, clock.now())
    make_form(database, key, clock.now())
    for _ in range(5):
        database.write_now(enqueue_due, clock.now(), timedelta(minutes=15), 7, enqueue_in(clock))
        clock.advance(timedelta(minutes=16))
    assert len(rows(database)) == 1


@pytest.mark.proves("X-02")
async def test_a_subscription_that_is_gone_is_restored_and_the_gap_read(
    database: Database, clock: VirtualClock
) -> None:
    """What the source did not deliver meanwhile is pulled at once; one that stands is left alone."""
    platform, key = Platform(is_subscribed=False), make_connection(database, clock.now())
    make_form(database, key, clock.now() + timedelta(hours=1))
    connections = DirectConnections(clock)
    checks = Subscriptions(database, clock, {KEY: FakeSource(platform)}, connections, Urls())
    await checks.check(key.payload())
    assert platform.calls == ["subscribe https://hub.example/hooks/fake/1"]
    assert [row.next_run_at for row in marks(database, key)] == [clock.now()]
    await checks.check(key.payload())
    assert len(platform.calls) == 1


@pytest.mark.parametrize(("minutes_left", "renewed"), [(16, False), (14, True), (-5, True)])
async def test_a_grant_near_its_end_is_renewed(
    database: Database, clock: VirtualClock, minutes_left: int, renewed: bool
) -> None:
    """Opening the connection is what renews; a grant without a date is left to the source's refusal."""
    key, dateless = make_connection(database, clock.now()), make_connection(database, clock.now())
    for each, expires_at in ((key, clock.now() + timedelta(minutes=minutes_left)), (dateless, None)):
        row = {"ciphertext": b"", "generation": 1, "expires_at": expires_at, "stored_at": clock.now()}
        owner = {"connection_id": each.connection_id, "organisation_id": each.organisation_id}
        statement = sa.insert(grants).values(**owner, **row)
        database.write_now(lambda c, statement=statement: c.execute(statement))
    connections = DirectConnections(clock)
    renewing = Renewing(database, clock, {KEY: FakeSource(Platform())}, connections)
    await renewing.find_renewals(None)
    await renewing.find_renewals(None)
    assert [row.key for row in rows(database)] == ([f"renew:{key.connection_id}"] if renewed else [])
    for row in rows(database):
        await renewing.renew(row.payload)
    assert connections.opened == ([key.connection_id] if renewed else [])


@pytest.mark.proves("X-02", "DG-09")
async def test_all_together_heals_an_outage_by_itself(
    database: Database, engine: JobEngine, clock: VirtualClock
) -> None:
    """Deliveries are off and the source is away; a day later every lead is read, and the subscription stands."""
    platform, key, ledger = Platform(is_subscribed=False), make_connection(database, clock.now()), KeepingLedger()
    make_form(database, key, clock.now())
    connectors, connections = {KEY: FakeSource(platform)}, DirectConnections(clock)
    Schedule(database, clock, engine).register(
        Polling(database, clock, connectors, connections, ledger, Catalogue()),
        Resolving(database, clock, connectors, connections, Receipts(clock.now())),
        Renewing(database, clock, connectors, connections),
        Subscriptions(database, clock, connectors, connections, Urls()),
    )
    platform.leads = {f"l{hour}": clock.now() + timedelta(hours=hour) for hour in range(24)}
    platform.errors = {0: RetryableError("away")}
    assert [each.connection_id for each in database.read_now(active_connections)] == [key.connection_id]
    await engine.start()
    await until(lambda: platform.is_subscribed and [row.attempts for row in rows(database) if row.kind == POLL] == [1])
    clock.advance(timedelta(hours=24))
    await until(lambda: set(ledger.names) == set(platform.leads))
    await until(lambda: [row.mark for row in marks(database, key)] == [max(platform.leads.values())])
