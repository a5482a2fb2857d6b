"""The whole hub with sources that know no sign-in: what stands in the app's settings connects the account."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.engine import Connection

from hub.bootstrap import open_hub
from hub.connector.access import Access
from hub.connector.clock import SystemClock
from hub.connector.errors import ReauthorizationNeededError
from hub.connector.outgoing import OutgoingClient, open_session
from hub.connectors import Registry
from hub.core.connections.access import ConnectionAccess
from hub.core.connections.renewal import GrantRenewer
from hub.core.organisations.models import organisations
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.web_forms.connector import WebForms
from tests.conformance.minimal.connector import Minimal
from tests.conformance.minimal.simulator import MinimalSimulator
from tests.conformance.reference.connector import Reference
from tests.integration.hub.conftest import Served, free_port, set_up
from tests.integration.hub.keyed_source import Keyed, KeyedSimulator


def only_organisation(connection: Connection) -> UUID:
    """The one that was set up."""
    return connection.scalars(sa.select(organisations.c.id)).one()


class ServedWithKeys(Served):
    """A served hub beside a source with keys."""

    simulator: KeyedSimulator  # type: ignore[assignment]  # the same place, another source

    async def add_app(self, api_key: str = "key-of-ada") -> Any:
        """The app with this key."""
        secret = self.simulator.webhook_secret.get_secret_value()
        settings = {"api_key": api_key, "webhook_secret": secret}
        body = {"connector": "keyed", "name": "Our line", "settings": settings}
        return await self.ask("POST", "/api/v1/apps", body, expect=201)

    async def connect(self, app: Any, *, expect: int = 201, **settings: str) -> Any:
        """Connect by the keys of the app, or by others."""
        return await self.ask("POST", f"/api/v1/apps/{app['id']}/connections", {"settings": settings}, expect=expect)

    async def until_names(self, *names: str) -> None:
        """Wait until exactly these people are leads."""
        await self._until("/api/v1/leads", lambda page: {each["name"] for each in page["items"]} == set(names))

    async def until_label(self, connection: Any, label: str) -> None:
        """Wait until the connection shows this status."""
        await self._until(f"/api/v1/connections/{connection['id']}", lambda shown: shown["label"] == label)

    async def _until(self, path: str, is_reached: Any) -> None:
        for _ in range(300):
            found = await self.ask("GET", path)
            if is_reached(found):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(found)


@pytest.fixture
async def keyed(whole_url: str, tmp_path: Path) -> AsyncIterator[ServedWithKeys]:
    """The hub, set up, with the keyed source and the minimal one, which only calls."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with KeyedSimulator(SystemClock()) as simulator:
        settings = Settings(
            data_dir=tmp_path,
            database_url=whole_url,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides=simulator.origin_overrides(),
        )
        registry = Registry.from_connectors([Keyed(), Minimal(), Reference(), WebForms()])
        async with (
            open_hub(settings, "serve", registry=registry) as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            found = ServedWithKeys(hub, url, client, simulator)  # type: ignore[arg-type]  # the same place
            await set_up(found)
            yield found
            hub.services.lifecycle.stop()
            await runner.cleanup()


async def test_keys_connect_an_account_and_its_leads_arrive_by_both_ways(keyed: ServedWithKeys) -> None:
    """Parts and name come from the source; leads from before are read, deliveries are asked for and received; doing it
    again changes nothing, and disconnecting ends the deliveries."""
    keyed.simulator.add_submission("calls", {"name": ["Before"]})
    app = await keyed.add_app()
    connection = await keyed.connect(app)
    assert (connection["label"], connection["account_name"]) == ("Integration is active", "Account ada")
    assert [part["name"] for part in connection["parts"]] == ["Line 1"]
    await keyed.until_names("Before")
    new = keyed.simulator.add_submission("calls", {"name": ["New"]})
    (sent,) = await keyed.simulator.send(app["webhook_url"], [new])
    assert sent.is_acknowledged
    await keyed.until_names("Before", "New")
    assert keyed.simulator.called_back_at == app["webhook_url"]
    assert (await keyed.connect(app))["id"] == connection["id"]
    await keyed.ask("POST", f"/api/v1/connections/{connection['id']}/disconnection", {"reason": "We moved."})
    assert keyed.simulator.called_back_at == ""
    assert (await keyed.connect(app))["label"] == "Integration is active"


async def test_dead_keys_ask_for_new_ones_and_those_of_another_account_are_refused(keyed: ServedWithKeys) -> None:
    """Withdrawn keys make the connection ask; wrong ones and another account's are refused and not stored; good ones
    bring the same connection back together with the lead of the time without it."""
    app = await keyed.add_app()
    connection = await keyed.connect(app)
    await keyed.until_label(connection, "Integration is active")
    keyed.simulator.keys.pop("key-of-ada")
    keyed.simulator.add_submission("calls", {"name": ["Meantime"]})
    await keyed.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    await keyed.until_label(connection, "Authorization is needed")
    refused = await keyed.connect(app, api_key="key-of-bob", expect=409)
    assert refused["type"].endswith("wrong-account")
    refused = await keyed.connect(app, api_key="no-such-key", expect=409)
    assert refused["type"].endswith("unauthorized")
    change = {"name": "Our line", "settings": {"api_key": "key-of-bob"}}
    await keyed.ask("PATCH", f"/api/v1/apps/{app['id']}", change, expect=409)
    await keyed.connect(app, expect=409)
    await keyed.until_label(connection, "Authorization is needed")
    again = await keyed.connect(app, api_key="newer-key-of-ada")
    assert (again["id"], again["label"]) == (connection["id"], "Integration is active")
    await keyed.until_names("Meantime")


async def test_settings_of_an_app_that_nobody_connected_change_without_asking_the_source(keyed: ServedWithKeys) -> None:
    """They are tried when the account is connected; refused ones leave no connection behind."""
    app = await keyed.add_app("no-such-key")
    await keyed.connect(app, expect=409)
    assert not (await keyed.ask("GET", "/api/v1/connections"))["items"]
    change = {"name": "Line of Bob", "settings": {"api_key": "key-of-bob"}}
    await keyed.ask("PATCH", f"/api/v1/apps/{app['id']}", change)
    assert (await keyed.connect(app))["account_name"] == "Account bob"


async def test_a_source_that_only_calls_is_connected_by_its_secret_alone(keyed: ServedWithKeys) -> None:
    """The app is the account: two apps are two connections, each with its own name and address."""
    source = MinimalSimulator(SystemClock())
    settings = {"webhook_secret": source.webhook_secret.get_secret_value()}
    made = []
    for name in ("First shop", "Second shop"):
        body = {"connector": "minimal", "name": name, "settings": settings}
        app = await keyed.ask("POST", "/api/v1/apps", body, expect=201)
        connection = await keyed.connect(app)
        assert (connection["account_name"], connection["label"]) == (name, "Integration is active")
        made.append((app, connection))
    assert made[0][1]["id"] != made[1][1]["id"]
    lead = source.add_submission("81", {"full_name": ["Ada"], "email": ["ada@example.com"]})
    (sent,) = await source.send(made[0][0]["webhook_url"], [lead])
    assert sent.is_acknowledged
    await keyed.until_names("Ada")


async def test_new_keys_are_not_blamed_for_the_refusal_of_old_ones(keyed: ServedWithKeys) -> None:
    """Work that began under the old keys and ends with their refusal after new ones were entered changes nothing."""
    app = await keyed.add_app()
    connection = await keyed.connect(app)
    hub = keyed.hub
    renewer = GrantRenewer(hub.database, hub.sealer, hub.clock, "test")
    session = open_session()
    transport = OutgoingClient(session)
    access = ConnectionAccess(hub.database, hub.connectors, renewer, hub.sealer, transport, hub.clock)
    organisation_id = await hub.database.read(only_organisation)

    async def refused_meanwhile(_access: Access) -> None:
        await keyed.connect(app, api_key="newer-key-of-ada")
        raise ReauthorizationNeededError("These keys are dead.")

    with pytest.raises(ReauthorizationNeededError):
        await access.run(organisation_id, UUID(connection["id"]), refused_meanwhile)
    await session.close()
    assert (await keyed.ask("GET", f"/api/v1/connections/{connection['id']}"))["label"] == "Integration is active"


async def test_keys_entered_in_several_windows_at_once_make_one_connection(keyed: ServedWithKeys) -> None:
    """Each is told that the account is connected, and it is the same one."""
    app = await keyed.add_app()
    made = await asyncio.gather(*(keyed.connect(app) for _ in range(6)))
    assert len({each["id"] for each in made}) == 1
    assert len((await keyed.ask("GET", "/api/v1/connections"))["items"]) == 1


async def test_a_connector_with_a_sign_in_is_not_connected_by_keys(keyed: ServedWithKeys) -> None:
    """Said in so many words; and an app that does not exist is not found."""
    settings = {"client_id": "x", "client_secret": "y", "webhook_secret": "z"}
    body = {"connector": "reference", "name": "App", "settings": settings}
    app = await keyed.ask("POST", "/api/v1/apps", body, expect=201)
    refused = await keyed.connect(app, expect=422)
    assert refused["type"].endswith("needs-sign-in")
    await keyed.connect({"id": "0193a1b2-0000-7000-8000-000000000000"}, expect=404)
