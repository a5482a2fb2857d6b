"""The processes of one deployment: ``leadhub migrate``, ``leadhub serve``, ``leadhub worker``."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from hub.settings import new_key
from tests.hosts.network import LOOPBACK, Host
from tests.hosts.postgres import free_port

PUBLIC_URL = "https://hub.example.com"
COMMAND = str(Path(sys.executable).with_name("leadhub"))
STARTS_WITHIN = 60.0
STARTED = b"# started\n"
PLENTY = "1000000"


@dataclass(frozen=True)
class Deployment:
    """What all processes of a deployment have in common. ``folder`` holds their logs and own folders."""

    folder: Path
    database_url: str
    origin_overrides: Mapping[str, str] = field(default_factory=dict)
    master_keys: str = field(default_factory=lambda: new_key("k1"))

    def environment(self, name: str, database_url: str | None = None, **settings: str) -> dict[str, str]:
        """The environment of the process called ``name``; nothing of the caller's own settings gets in."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LEADHUB_")}
        chosen = {
            "data_dir": str(self.folder / name),
            "database_url": database_url or self.database_url,
            "master_keys": self.master_keys,
            "public_url": PUBLIC_URL,
            "process_name": name,
            "log_format": "json",
            **{f"form_rate_{which}": PLENTY for which in ("per_address", "per_form", "per_organisation", "total")},
            **settings,
        }
        if self.origin_overrides:
            chosen |= {"allow_loopback": "true", "origin_overrides": json.dumps(dict(self.origin_overrides))}
        return kept | {f"LEADHUB_{key.upper()}": value for key, value in chosen.items()}

    def migrate(self) -> None:
        """Make the tables."""
        with (self.folder / "migrate.log").open("ab") as log:
            environment = self.environment("migrate")
            subprocess.run([COMMAND, "migrate"], env=environment, check=True, stdout=log, stderr=log, timeout=120)


@dataclass
class HubProcess:
    """One ``leadhub serve`` or ``leadhub worker``. Its output goes to a file beside its data folder."""

    deployment: Deployment
    name: str
    role: Literal["serve", "worker"] = "serve"
    host: Host = LOOPBACK
    database_url: str | None = None
    port: int = field(default_factory=free_port)
    running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.host.address}:{self.port}"

    @property
    def log(self) -> Path:
        """What it wrote, over all its starts."""
        return self.deployment.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it; ``until_ready`` tells when it works."""
        listen = {"host": self.host.address, "port": str(self.port)} if self.role == "serve" else {}
        environment = self.deployment.environment(self.name, self.database_url, **listen)
        with self.log.open("ab") as log:
            log.write(STARTED)
            log.flush()
            self.running = subprocess.Popen(
                [*self.host.prefix, COMMAND, self.role],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def until_ready(self) -> None:
        """Wait until it takes requests, or works."""
        deadline = time.monotonic() + STARTS_WITHIN
        async with aiohttp.ClientSession() as session:
            while not await self.is_ready(session):
                if self.running is None or self.running.poll() is not None:
                    raise RuntimeError(f"{self.name} ended while it started:\n{self.log.read_text()[-2000:]}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} is not ready:\n{self.log.read_text()[-2000:]}")
                await asyncio.sleep(0.1)

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        """Whether it says that it takes requests; of a worker, whether it said that it works."""
        if self.role == "worker":
            return "works. Stop it" in self.log.read_bytes().rpartition(STARTED)[2].decode()
        try:
            async with session.get(f"{self.url}/health/ready", timeout=aiohttp.ClientTimeout(total=3)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing given back."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()

    def terminate(self) -> None:
        """SIGTERM; ``ended`` waits."""
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Any signal."""
        if self.running is not None:
            self.running.send_signal(number)

    async def ended(self, within: float) -> int:
        """The exit code. Raises ``subprocess.TimeoutExpired``."""
        assert self.running is not None
        return await asyncio.to_thread(self.running.wait, within)

    @property
    def holder(self) -> str:
        """How its name ends in the database: ``<host>-<name>-1``."""
        return f"-{self.name}-1"
