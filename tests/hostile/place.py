"""A hub as it runs in production, with the seven sources installed and connected, and the platform that they call."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from aiohttp import web
from pydantic import SecretBytes
from sqlalchemy.engine import Connection

from hub.connector.clock import SystemClock
from hub.core.accounts.first_run import NewOrganisation, NewPerson, create_organisation
from hub.core.connections.apps import create_app
from hub.core.connections.keyring import MasterKeyring
from hub.core.connections.models import connections
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import create_connection
from hub.core.connections.state import ConnectionState
from hub.db.engine import Database
from hub.management.setup import furnish_organisation
from hub.settings import Settings
from tests.hostile.sources import BAD, GOOD, HOST, Source

SECRET = "a secret that the sources sign with"
COMMAND = "from hub.cli import main; main()"
STARTS_WITHIN = 60.0
METRICS_TOKEN = "a-token-that-only-the-operator-and-Prometheus-know"


@dataclass(frozen=True)
class Place:
    """A folder, a database with its schema, and where each source posts to."""

    folder: Path
    database_url: str
    endpoints: dict[str, str]

    @property
    def log(self) -> str:
        """What the hub wrote so far."""
        return (self.folder / "hub.log").read_text("utf-8", "replace")


@dataclass(frozen=True)
class Running:
    """A hub that serves."""

    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def is_alive(self) -> bool:
        """Whether the process that was started is still the one that runs."""
        return self.process.poll() is None


def furnish(folder: Path, database_url: str) -> Place:
    """An organisation, and one connection for each of the seven sources."""
    settings = Settings(data_dir=folder, database_url=database_url)
    sealer = Sealer(MasterKeyring({name: SecretBytes(key) for name, key in settings.keys().items()}), SystemClock())
    database = Database(settings.sync_database_url)
    try:
        endpoints = database.write_now(_furnish, sealer)
    finally:
        database.close()
    _install(folder)
    return Place(folder, database_url, endpoints)


def _furnish(connection: Connection, sealer: Sealer) -> dict[str, str]:
    now = datetime.now(UTC)
    organisation_id, _ = create_organisation(
        connection,
        NewOrganisation("Example Spa", "DE", "en", "Europe/Berlin"),
        NewPerson("Ada Admin", "ada@example.com", None),
        now=now,
        set_up=(furnish_organisation,),
    )
    return {kind.manifest.key: _connect(connection, sealer, organisation_id, kind(), now) for kind in (*GOOD, *BAD)}


def _connect(connection: Connection, sealer: Sealer, organisation_id: UUID, source: Source, now: datetime) -> str:
    key = source.manifest.key
    app = create_app(
        connection, sealer, source, organisation_id, name=key, values={"webhook_secret": SECRET}, actor="hub", now=now
    )
    connection_id = create_connection(
        connection,
        organisation_id,
        connector=key,
        app_id=app.id,
        name=key,
        state=ConnectionState.ACTIVE,
        needs_grant=False,
        now=now,
    )
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(account_id=key)
    )
    return f"/hooks/{key}/{app.endpoint_key}"


def _install(folder: Path) -> None:
    """What an installer would have left of a third party's distribution."""
    metadata = folder / "hostile_sources-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-sources\nVersion: 1.0\n")
    lines = []
    for kind in (*GOOD, *BAD):
        key = kind.manifest.key
        (folder / f"source_of_{key}.py").write_text(
            "from hub.connector.hookspecs import hookimpl\n"
            f"from tests.hostile.sources import {kind.__name__}\n\n\n"
            "@hookimpl\ndef hub_connectors():\n"
            f"    return [{kind.__name__}()]\n"
        )
        lines.append(f"{key} = source_of_{key}")
    (metadata / "entry_points.txt").write_text("\n".join(["[hub.connectors]", *lines, ""]))


@contextmanager
def serving(place: Place, platform: str, **environment: str) -> Iterator[Running]:
    """``leadhub serve``; ``platform`` stands in for what the sources call."""
    port = free_port()
    root = str(Path(__file__).parents[2])
    variables = {
        "LEADHUB_DATA_DIR": str(place.folder),
        "LEADHUB_DATABASE_URL": place.database_url,
        "LEADHUB_LOG_LEVEL": "info",
        "LEADHUB_LOG_FORMAT": "json",
        "LEADHUB_ALLOW_LOOPBACK": "true",
        "LEADHUB_ORIGIN_OVERRIDES": json.dumps({HOST: platform}),
        "LEADHUB_METRICS_TOKEN": METRICS_TOKEN,
        "PYTHONPATH": os.pathsep.join([str(place.folder), root]),
        **environment,
    }
    with (place.folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", "--port", str(port)],
            env={**os.environ, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = Running(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_served(running, port, place)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(40)
        finally:
            process.kill()
            process.wait()


def _wait_until_served(running: Running, port: int, place: Place) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and running.is_alive:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the hub did not start:\n{place.log[-3000:]}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def platform() -> AsyncIterator[str]:
    """Answers what the sources ask; a hostile source is told to do its worst."""

    async def answer(request: web.Request) -> web.Response:
        key = request.match_info["key"]
        mood = "bad" if key.startswith("bad_") else "good"
        number = request.query.get("page", "0")
        return web.json_response({"id": f"pulled-{number}", "name": "Pulled", "forms": ["form"], "mood": mood})

    app = web.Application()
    app.router.add_get("/{key}/{what}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def rows(place: Place, question: str, **values: Any) -> Sequence[Any]:
    """What the database says, asked from outside the hub."""
    engine = sa.create_engine(Settings(data_dir=place.folder, database_url=place.database_url).sync_database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text(question), values).all()
    finally:
        engine.dispose()
