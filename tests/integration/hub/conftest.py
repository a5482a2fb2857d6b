"""A whole hub in this process, served over a socket, with the reference platform beside it."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from hub.bootstrap import Hub, open_hub
from hub.connector.clock import SystemClock
from hub.connectors import Registry
from hub.core.accounts.first_run import issue_first_run_link
from hub.db import migrating
from hub.db.engine import Database
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.web_forms.connector import WebForms
from tests.conformance.reference.connector import Reference
from tests.conformance.reference.simulator import ReferenceSimulator

PASSWORD = "four unrelated words: violin harbour"
METRICS_TOKEN = "a-token-that-only-the-operator-and-Prometheus-know"


@dataclass
class Served:
    """A served hub and a browser-like client that is signed in as the first administrator."""

    hub: Hub
    url: str
    client: aiohttp.ClientSession
    simulator: ReferenceSimulator

    async def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """One API call; the answer's JSON."""
        headers = {"Origin": self.url}
        async with self.client.request(method, f"{self.url}{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == expect, f"{method} {path}: {answer.status} {text}"
            return await answer.json(content_type=None) if text else None


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=["sqlite", "postgres"])
def whole_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database made by the migrations, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    database = Database(url)
    migrating.upgrade(database)
    database.close()
    return url


@pytest.fixture
async def served(whole_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The hub, set up through its first-run link."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with ReferenceSimulator(SystemClock()) as simulator:
        settings = Settings(
            data_dir=tmp_path,
            database_url=whole_url,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides=simulator.origin_overrides(),
            metrics_token=SecretStr(METRICS_TOKEN),
        )
        registry = Registry.from_connectors([Reference(), WebForms()])
        async with (
            open_hub(settings, "serve", registry=registry) as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            found = Served(hub, url, client, simulator)
            await set_up(found)
            yield found
            await runner.cleanup()


async def set_up(served: Served) -> None:
    """Organisation and first administrator."""
    link = await served.hub.database.write(issue_first_run_link, served.hub.clock.now())
    await served.ask(
        "POST",
        "/api/v1/first-run",
        {
            "token": link,
            "organisation": {
                "name": "Example Spa",
                "country": "DE",
                "language": "en",
                "time_zone": "Europe/Berlin",
            },
            "administrator": {"name": "Ada Admin", "email": "ada@example.com", "password": PASSWORD},
        },
    )
