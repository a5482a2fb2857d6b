"""Servers in processes of their own, the load on them, and what they take of the machine."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from bench.generator import SIGNATURE, Request
from bench.source import KEY
from bench.source import SIGNATURE as SIGNATURE_HEADER
from bench.world import WEBHOOK_SECRET, World, furnish
from hub.bootstrap import open_database
from hub.settings import Settings
from tests.postgres import running_server

DATABASES = ("sqlite", "postgres")
READY_WITHIN = 30.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Use:
    """What a process took: CPU seconds in all its threads so far, resident memory now, in MiB."""

    cpu_seconds: float
    resident_mib: float


@dataclass
class Server:
    """A running server."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    started: float
    """The moment (``time.time``) at which its process began to load."""

    def use(self) -> Use:
        """What it takes of the machine."""
        kernel = Path(f"/proc/{self.process.pid}")
        after_name = (kernel / "stat").read_text().rpartition(")")[2].split()
        ticks = int(after_name[11]) + int(after_name[12])
        pages = int((kernel / "statm").read_text().split()[1])
        return Use(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / MIB)

    def kill(self) -> None:
        """End it at once, without a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in good order."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Place:
    """Where one server keeps its things: a folder and a database of its own."""

    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)


@contextmanager
def place(database: str, postgres_url: str = "") -> Iterator[Place]:
    """A fresh folder and an empty database, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="leadhub-bench-"))
    try:
        if database == "sqlite":
            yield Place(folder, f"sqlite:///{folder / 'leadhub.db'}")
            return
        name = f"bench_{uuid4().hex[:12]}"
        _administer(postgres_url, f"CREATE DATABASE {name}")
        try:
            url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
            yield Place(folder, url)
        finally:
            _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own, durable as it comes; gives the address of its first database."""
    with running_server(Path(tempfile.gettempdir())) as url:
        yield url


def _administer(url: str, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def prepare(where: Place) -> World:
    """The schema and the world of ``bench.world`` in an empty place."""
    settings = Settings(data_dir=where.folder, database_url=where.database_url)
    database = _open(where, settings)
    try:
        world = furnish(database, settings.keys())
    finally:
        database.close()
    world.save(where.folder)
    return world


def _open(where: Place, settings: Settings) -> Any:
    if not where.database_url.startswith("sqlite"):
        _run_hub(where, "migrate")
    return open_database(settings)


@contextmanager
def hub(where: Place, **environment: str) -> Iterator[Server]:
    """``leadhub serve`` on a prepared place."""
    port = free_port()
    _install_connector(where.folder)
    command = [str(Path(sys.executable).with_name("leadhub")), "serve", "--port", str(port)]
    with _running("hub", command, port, where.folder, _hub_environment(where) | environment) as server:
        yield server


@contextmanager
def bare() -> Iterator[Server]:
    """aiohttp that reads the body and answers 200."""
    folder = Path(tempfile.mkdtemp(prefix="leadhub-bench-"))
    port = free_port()
    with _running("bare", [sys.executable, "-m", "bench.baselines", "bare", str(port)], port, folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def group_commit(where: Place) -> Iterator[Server]:
    """aiohttp that stores the body in a shared commit before it answers 200."""
    port = free_port()
    url = where.database_url
    if url.startswith("sqlite"):
        url = f"sqlite:///{where.folder / 'bodies.db'}"
    command = [sys.executable, "-m", "bench.baselines", "commit", str(port), url]
    with _running("group commit", command, port, where.folder) as server:
        yield server


@contextmanager
def _running(
    name: str, command: list[str], port: int, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        started = time.time()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
    server = Server(name, port, process, log, started)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        server.stop()


def _wait_until_ready(server: Server) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{server.name} did not start:\n{server.log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run_hub(where: Place, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("leadhub")), *arguments]
    subprocess.run(command, check=True, env={**os.environ, **_hub_environment(where)}, capture_output=True)


def _hub_environment(where: Place) -> dict[str, str]:
    return {
        "LEADHUB_DATA_DIR": str(where.folder),
        "LEADHUB_DATABASE_URL": where.database_url,
        "LEADHUB_LOG_LEVEL": "warning",
        "LEADHUB_CONNECTOR_TRUSTED": KEY,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(where.folder), os.environ.get("PYTHONPATH", "")])),
        **where.settings,
    }


def _install_connector(folder: Path) -> None:
    """What an installer would write for a third party's connector: a distribution that names its module."""
    metadata = folder / "leadhub_bench_source-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: leadhub-bench-source\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[hub.connectors]\n{KEY} = bench.source\n")


def lead_request(world: World) -> Request:
    """One lead of an advertisement form, as small as real ones are (about 600 bytes), new in every request."""
    body = {
        "id": "{{id}}",
        "form": "form-1",
        "sent_at": "{{now}}",
        "answers": {
            "full_name": ["Alexandra Example {{id}}"],
            "email": ["lead{{id}}@example.com"],
            "phone_number": ["+4930{{phone}}"],
            "city": ["Hamburg"],
            "preferred_day": ["Saturday morning"],
            "message": ["I would like to book a trial lesson for two people."],
        },
        "campaign": {"source": "newsletter", "medium": "email", "name": "spring-2026", "content": "button-top"},
    }
    text = json.dumps(body, separators=(",", ":")).replace('"{{now}}"', "{{now}}")
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: SIGNATURE, "User-Agent": "bench"}
    return Request(path=world.endpoint, headers=headers, body=text, secret=WEBHOOK_SECRET)


def load(
    server: Server, request: Request, *, connections: int, seconds: float, rate: float | None = None
) -> dict[str, Any]:
    """Send the request at the server for so long; what the generator saw, and the server's CPU per request."""
    file = request.save(Path(tempfile.gettempdir()) / f"leadhub-bench-{server.port}.json")
    command = [sys.executable, "-m", "bench.generator", str(server.port), str(connections), str(seconds), str(file)]
    if rate is not None:
        command.append(str(rate))
    before = server.use()
    done = subprocess.run(command, check=True, capture_output=True)
    after = server.use()
    seen: dict[str, Any] = json.loads(done.stdout)
    seen["cpu_ms_per_request"] = (after.cpu_seconds - before.cpu_seconds) * 1000 / seen["requests"]
    seen["resident_mib"] = after.resident_mib
    file.unlink()
    return seen


async def load_beside(
    server: Server, request: Request, *, connections: int, seconds: float, rate: float | None = None
) -> dict[str, Any]:
    """``load`` while the caller goes on watching."""
    return await asyncio.to_thread(load, server, request, connections=connections, seconds=seconds, rate=rate)
