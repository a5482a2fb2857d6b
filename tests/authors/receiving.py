"""A hub with every installed connector, run by the Python of another environment: sign in, be notified, show the lead.

``python -m tests.authors.receiving`` prints the lead and the balance as JSON. Its connectors come from entry points.
"""

import asyncio
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from hub.bootstrap import open_hub
from hub.connector.clock import SystemClock
from hub.connector.models import Question
from hub.settings import Settings
from hub.testing.simulator import Simulator
from hub.web.server import WatchedRunner
from tests.integration.hub.conftest import Served, free_port, set_up

LOOK_AGAIN_SECONDS = 0.05
MOST_LOOKS = 400


async def main(simulator_class: str, key: str, folder: Path) -> dict[str, Any]:
    """Connect an account at the simulated source of a connector, and let it tell of one lead."""
    module, _, name = simulator_class.partition(":")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with getattr(import_module(module), name)(SystemClock()) as simulator:
        settings = Settings(
            data_dir=folder,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides=simulator.origin_overrides(),
        )
        async with (
            open_hub(settings, "serve") as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            served = Served(hub, url, client, simulator)
            await set_up(served)
            found = await _deliver(served, simulator, key)
            hub.services.lifecycle.stop()
            await runner.cleanup()
            return found


async def _deliver(served: Served, simulator: Simulator, key: str) -> dict[str, Any]:
    app = await _connect(served, simulator, key)
    answers = simulator.sample_answers()
    form = simulator.add_form("Spring offer", [Question(key=key, label=key) for key in answers])
    lead = simulator.add_submission(form, answers)
    (sent,) = await simulator.send(app["webhook_url"], [lead])
    assert sent.is_acknowledged, sent.status
    for _ in range(MOST_LOOKS):
        leads = (await served.ask("GET", "/api/v1/leads"))["items"]
        balance = await served.ask("GET", "/api/v1/ledger")
        if leads and not balance["totals"].get("pending"):
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    connections = (await served.ask("GET", "/api/v1/connections"))["items"]
    label = next(each["label"] for each in connections if each["connector"] == key)
    return {"leads": leads, "balance": balance, "label": label}


async def _connect(served: Served, simulator: Simulator, key: str) -> Any:
    settings = simulator.settings()
    assert settings is not None
    values = {
        name: getattr(value, "get_secret_value", lambda value=value: value)()
        for name, value in settings
        if value is not None
    }
    app = await served.ask("POST", "/api/v1/apps", {"connector": key, "name": "App", "settings": values}, expect=201)
    listed = (await served.ask("GET", "/api/v1/connectors"))["items"]
    if "Authorizes" not in next(each for each in listed if each["key"] == key)["capabilities"]:
        await served.ask("POST", f"/api/v1/apps/{app['id']}/connections", {}, expect=201)
        return app
    start = await served.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]}, expect=201)
    async with served.client.get(await simulator.authorize(start["url"])) as landed:
        assert landed.status == 200, await landed.text()
    return app


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        print(json.dumps(asyncio.run(main(*sys.argv[1:3], Path(own)))))  # noqa: T201 - what it is for
