"""A hub that runs for the demonstration: on loopback, with simulators in place of platforms."""

import asyncio
import fcntl
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from hub.bootstrap import Hub, open_hub
from hub.connectors import Registry
from hub.db import migrating
from hub.db.engine import Database
from hub.demo.beside import PlatformBeside, find_beside
from hub.demo.errors import DemoError
from hub.demo.hub_client import HubClient
from hub.demo.platform import SimulatedPlatform, find_platform
from hub.demo.visitors import Visitors
from hub.settings import Settings, load_settings
from hub.web.server import WatchedRunner

DEFAULT_FOLDER = Path("demo-data")


@dataclass
class Stage:
    """Everything that plays a part: the hub and whoever talks to it."""

    folder: Path
    origin: str
    hub: Hub
    platform: SimulatedPlatform
    visitors: Visitors
    admin: HubClient
    beside: tuple[PlatformBeside, ...] = ()

    @property
    def platforms(self) -> tuple[SimulatedPlatform, ...]:
        """The main platform and those beside it."""
        return (self.platform, *self.beside)


def folder_for(given: Path | None, database_url: str) -> Path:
    """Where a demonstration keeps what must outlive it; each database has a folder of its own unless one is given."""
    if given is not None:
        return given
    if not database_url:
        return DEFAULT_FOLDER
    return DEFAULT_FOLDER / f"server-{hashlib.sha256(database_url.encode()).hexdigest()[:8]}"


@asynccontextmanager
async def set_stage(folder: Path, *, port: int, database_url: str) -> AsyncIterator[Stage]:
    """Start platform, hub and senders, and stop them in good order. ``port`` 0 takes any that is free.

    Raises ``DemoError`` where another demonstration uses the folder, or the port is taken.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    registry = Registry.from_entry_points()
    async with AsyncExitStack() as stack:
        stack.callback(os.close, _lock(folder))
        listening = stack.enter_context(_listen(port))
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        platform = await stack.enter_async_context(SimulatedPlatform(find_platform(registry), folder))
        beside = [
            await stack.enter_async_context(PlatformBeside(connector, simulator, folder, place=place))
            for place, (connector, simulator) in enumerate(find_beside(registry, platform.connector))
        ]
        settings = _settings(folder, database_url, origin, (*beside, platform))
        await asyncio.to_thread(_migrate, settings)
        visitors = Visitors(origin, folder)
        stack.callback(visitors.close)
        hub = await stack.enter_async_context(open_hub(settings, "serve", registry=registry))
        await stack.enter_async_context(_serving(hub, listening))
        admin = await stack.enter_async_context(HubClient(origin, folder / "session.json"))
        yield Stage(folder, origin, hub, platform, visitors, admin, tuple(beside))


def _settings(folder: Path, database_url: str, origin: str, platforms: Sequence[SimulatedPlatform]) -> Settings:
    """Nothing is left to the environment: a demonstration must never reach a real deployment's database. Where two
    platforms stand in for one origin, the later one gets it."""
    overrides = {real: local for each in platforms for real, local in each.simulator.origin_overrides().items()}
    return load_settings(
        data_dir=folder,
        database_url=database_url,
        public_url=origin,
        master_keys="",
        master_key_file=None,
        allow_loopback=True,
        insecure_cookies=True,
        origin_overrides=overrides,
        trusted_proxies=(),
        process_name="",
    )


def _migrate(settings: Settings) -> None:
    database = Database(settings.sync_database_url)
    try:
        migrating.upgrade(database)
    finally:
        database.close()


@asynccontextmanager
async def _serving(hub: Hub, listening: socket.socket) -> AsyncIterator[None]:
    if hub.app is None:
        raise DemoError("The hub has no pages in this role; this is a fault of the program.")
    runner = WatchedRunner(hub.app)
    await runner.setup()
    try:
        await web.SockSite(runner, listening, backlog=256).start()
        hub.services.lifecycle.is_ready = True
        yield
    finally:
        hub.services.lifecycle.stop()
        await runner.cleanup()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise DemoError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from None
    return listening


def _lock(folder: Path) -> int:
    """Taken by the living process only; a kill frees it."""
    descriptor = os.open(folder / "running.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DemoError(
            f"Another demonstration runs in {folder}. End it, or name another folder with --data."
        ) from None
    return descriptor
