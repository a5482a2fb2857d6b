"""Apps with sealed settings, hosted connections, and the facts that pages show."""

import asyncio
from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from hub.connector.errors import BadPayloadError, RateLimitedError, RetryableError
from hub.core.connections.apps import (
    SettingsRefusedError,
    UnknownAppError,
    change_app,
    create_app,
    find_app_by_endpoint_key,
    list_apps,
    load_settings,
    visible_settings,
)
from hub.core.connections.forecast import remind
from hub.core.connections.health import record_failure, record_success
from hub.core.connections.models import connections
from hub.core.connections.queries import list_connections, load_connection
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import activate, deactivate, ensure_hosted_connection
from hub.core.connections.state import ConnectionState
from hub.core.intake.models import ledger_days
from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.factories import add_organisation
from tests.oauth.harness import CONNECTOR, add_grant, add_place, keyring
from tests.oauth.strict_connector import SETTINGS, StrictConnector


class Ninety(StrictConnector):
    """A platform that keeps leads for ninety days."""

    manifest = StrictConnector.manifest.model_copy(update={"retention": timedelta(days=90)})


def test_an_apps_settings_are_sealed_and_its_secrets_never_shown(database: Database, clock: VirtualClock) -> None:
    """A change that does not name a secret keeps it; a wrong field is named, its value is not."""
    sealer = Sealer(keyring(), clock)
    here = database.write_now(add_organisation)
    note = {"actor": "ada", "now": clock.now()}

    def make(connection: sa.Connection, values: dict[str, str]):
        return create_app(connection, sealer, CONNECTOR, here, name="Our app", values=values, **note)

    with pytest.raises(SettingsRefusedError, match="client_id") as caught:
        database.write_now(make, {"client_secret": "secret-canary"})
    assert "canary" not in str(caught.value)
    app = database.write_now(make, SETTINGS)
    assert len(app.endpoint_key) == 43
    assert database.read_now(list_apps, here) == [app]
    assert database.read_now(find_app_by_endpoint_key, app.endpoint_key) == app
    assert database.read_now(find_app_by_endpoint_key, app.endpoint_key[:-1]) is None
    clock.advance(timedelta(hours=1))

    def change(connection: sa.Connection):
        values = {"client_id": "client-2"}
        return change_app(connection, sealer, CONNECTOR, here, app.id, name="Renamed", values=values, **note)

    assert database.write_now(change).name == "Renamed"
    settings = database.read_now(load_settings, sealer, CONNECTOR, here, app.id)
    assert settings.client_secret == SecretStr(SETTINGS["client_secret"])
    shown = visible_settings(settings)
    assert (shown.values, shown.secrets_set) == ({"client_id": "client-2"}, ("client_secret",))
    elsewhere = database.write_now(add_organisation)
    with pytest.raises(UnknownAppError):
        database.read_now(load_settings, sealer, CONNECTOR, elsewhere, app.id)


async def test_the_connection_of_our_own_forms_is_made_once(database: Database, clock: VirtualClock) -> None:
    """Also by many at once; it needs no grant, and switching it on and off again leaves it active."""
    here = await database.write(add_organisation)
    made = await asyncio.gather(
        *(database.write(ensure_hosted_connection, here, "own_forms", clock.now()) for _ in range(8))
    )
    assert len(set(made)) == 1
    await database.write(deactivate, here, made[0], actor="ada", now=clock.now())
    after = await database.write(activate, here, made[0], actor="ada", now=clock.now())
    assert after is ConnectionState.ACTIVE


@pytest.mark.proves("Z-171", "X-06")
def test_the_facts_of_a_connection_are_all_there(database: Database, clock: VirtualClock) -> None:
    """Both clocks, health, leads per day and the recovery window; one failing call never changes the state."""
    sealer = Sealer(keyring(), clock)
    place = database.write_now(add_place, sealer, clock.now())
    where = (place.organisation_id, place.connection_id)
    database.write_now(add_grant, sealer, place, "token", "refresh", clock.now())
    database.write_now(_count, place, clock.now().date())
    database.write_now(record_success, *where, clock.now())

    def fail(connection: sa.Connection, error: Exception):
        return record_failure(connection, *where, error, clock.now(), Random(1))

    def facts():
        return database.read_now(load_connection, *where, {"strict": Ninety()}, clock.now())

    assert facts().leads_per_day == 2.0
    assert facts().recovery is None
    assert facts().expires_at == clock.now() + timedelta(hours=1)
    clock.advance(timedelta(days=10))
    assert database.write_now(fail, BadPayloadError("x", path="a")) is None
    for number in (1, 2, 3):
        next_attempt = database.write_now(fail, RetryableError("The platform has a problem of its own."))
        assert clock.now() < next_attempt <= clock.now() + timedelta(minutes=2)
        assert (facts().failures_in_row, facts().is_delayed) == (number, number == 3)
    assert facts().label == "Integration is active"
    assert facts().recovery.days_left == 80
    limited = database.write_now(fail, RateLimitedError("Slow down.", retry_after=timedelta(days=3)))
    assert limited == facts().next_attempt_at == clock.now() + timedelta(hours=24)
    database.write_now(record_success, *where, clock.now())
    healthy = database.read_now(list_connections, place.organisation_id, {"strict": Ninety()}, clock.now())[0]
    assert (healthy.failures_in_row, healthy.last_error, healthy.recovery) == (0, None, None)


def _count(connection: sa.Connection, place, today) -> None:
    for day, entry, number in (
        (today, "received", 99),
        (today, "lead_created", 6),
        (today - timedelta(days=6), "attached", 8),
        (today - timedelta(days=7), "lead_created", 50),
        (today, "spam", 5),
    ):
        connection.execute(
            sa.insert(ledger_days).values(
                organisation_id=place.organisation_id,
                connection_id=place.connection_id,
                path="webhook",
                day=day,
                entry=entry,
                receipts=number,
            )
        )


@pytest.mark.proves("X-06")
def test_each_reminder_is_written_once(database: Database, clock: VirtualClock) -> None:
    """Whoever runs the schedule, how often: four events over the last two weeks."""
    place = database.write_now(add_place, Sealer(keyring(), clock), clock.now())
    until = clock.now() + timedelta(days=16)
    database.write_now(
        lambda connection: connection.execute(
            sa.update(connections)
            .where(connections.c.organisation_id == place.organisation_id)
            .values(authorised_until=until)
        )
    )
    sent = []
    for _ in range(2 * 18):
        for _ in range(2):
            sent += database.write_now(remind, clock.now())
        clock.advance(timedelta(hours=12))
    assert [days for _, _, days in sent] == [14, 7, 3, 1]
