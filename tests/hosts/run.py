"""Two serving processes and a worker on three network hosts, one host lost under load (issue 2, "Done when" 2).

As root, on Linux: ``python -m tests.hosts.run``. Prints the figures as JSON; exit code 0 only if nothing was lost,
nothing came twice, and the work of the lost processes went on elsewhere within 35 s. Three acts:

* ``killed``: a serving process and the worker are killed with SIGKILL in mid-load;
* ``cut_off``: after they came back, the cable of the other serving host is pulled for longer than the silence, so
  that a living process is taken for dead, and comes back;
* ``paused``: the same with a process that stands still, holding locks in the database.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.hosts.network import BRIDGE_ADDRESS, Host, namespaces, needs
from tests.hosts.postgres import postgres_server
from tests.hosts.relay import Relay
from tests.hosts.site import open_site
from tests.hosts.taking_over import go_on, kill_under_load, pause, plug_cable, pull_cable, silence_under_load

WITHIN = 35.0
NAMES = ("alpha", "beta", "gamma")


async def play(hosts: list[Host], folder: Path) -> dict[str, Any]:
    """The acts, one after the other, on one site."""
    with postgres_server(BRIDGE_ADDRESS, "127.0.0.1") as server:
        server.make_database("hub")
        url = server.url("hub")
        async with open_site(
            folder, url, serving=NAMES[:2], workers=NAMES[2:], hosts=hosts, before=platform_everywhere(hosts)
        ) as site:
            killed = await kill_under_load(site, [site.serving[0], site.workers[0]], restart=True)
            cut_off = await silence_under_load(site, site.serving[0], pull_cable, plug_cable)
            paused = await silence_under_load(site, site.serving[0], pause, go_on)
    return {"killed": killed, "cut_off": cut_off, "paused": paused}


def platform_everywhere(hosts: list[Host]) -> Any:
    """The simulator listens on loopback, and the hub calls nothing else: each host gets a relay on its loopback."""

    @asynccontextmanager
    async def bridge(simulated: str) -> AsyncIterator[None]:
        port = urlsplit(simulated).port or 0
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Relay(("127.0.0.1", port), (BRIDGE_ADDRESS, port)))
            for host in hosts:
                relay = _start_relay(host, port)
                stack.callback(relay.wait)
                stack.callback(relay.kill)
            yield

    return bridge


def _start_relay(host: Host, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.hosts.relay", f"127.0.0.1:{port}", f"{BRIDGE_ADDRESS}:{port}"]
    return subprocess.Popen([*host.prefix, *command], stdout=subprocess.DEVNULL)


def is_good(told: dict[str, Any]) -> bool:
    """Whether an act ended as it must."""
    return told["differences"] == [] and told["seconds"] is not None and told["seconds"] < WITHIN


def main() -> int:
    """Play, print, judge."""
    if missing := needs():
        sys.stderr.write(f"{missing}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="leadhub-hosts-") as folder, namespaces(NAMES) as hosts:
        told = asyncio.run(play(hosts, Path(folder)))
    good = all(is_good(act) for act in told.values())
    sys.stdout.write(json.dumps({"good": good, **told}, indent=2) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
