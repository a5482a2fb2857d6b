"""A hub and the websites that embed its forms, on ports of their own, for a real browser."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.web.forms.desk import FormDesk


class Site:
    """A website on a port of its own: every address answers with the same page."""

    def __init__(self, html: str = "") -> None:
        self.html = html
        self.port = unused_port()
        self.origin = f"http://127.0.0.1:{self.port}"

    async def start(self) -> "Site":
        """Begin to listen."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._show)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><title>Site</title><body>{self.html}", content_type="text/html")


class LiveHub:
    """The public part of the hub on a port; it can go away and come back."""

    def __init__(self, desk: FormDesk, port: int) -> None:
        self.desk = desk
        self.port = port
        self.origin = desk.public_origin
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to listen (again)."""
        self._runner = web.AppRunner(self.desk.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def wait_for_receipts(self, number: int) -> None:
        """Until that many receipts are stored; a test's own timeout ends the wait."""
        for _ in range(400):
            if len(self.desk.receipts()) >= number:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"only {len(self.desk.receipts())} receipts after 20 s")

    def let_time_pass(self) -> None:
        """The visitor takes ten seconds to fill the form in."""
        self.desk.clock.advance(timedelta(seconds=10))


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """The kind of database makes no difference to a browser; the quicker one."""
    path = tmp_path / "hub.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
async def live_hub(sqlite_database: Database, clock: VirtualClock) -> AsyncIterator[LiveHub]:
    """A hub that listens."""
    port = unused_port()
    hub = LiveHub(FormDesk(sqlite_database, clock, public_origin=f"http://localhost:{port}"), port)
    await hub.start()
    yield hub
    await hub.stop()
    await hub.desk.ledger.close()


@pytest.fixture
async def open_site() -> AsyncIterator[Callable[[], Awaitable[Site]]]:
    """Starts websites; they stop with the test."""
    sites: list[Site] = []

    async def start() -> Site:
        sites.append(await Site().start())
        return sites[-1]

    yield start
    for site in sites:
        await site.stop()
