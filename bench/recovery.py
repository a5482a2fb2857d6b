"""How soon open work runs again: ``python -m bench.recovery --json``.

- *Restart*: a hub with a backlog is killed with SIGKILL in the middle of its work and started again; seconds from the
  start of the new process, its loading included, until a receipt of the backlog is worked off.
- *Take-over*: of two serving processes (PostgreSQL) one is killed; seconds from the kill until the other has worked off
  everything that the dead one held.
"""

import argparse
import json
import time
from contextlib import ExitStack
from typing import Any

from bench import servers
from bench.intake import show
from bench.measures import Figure, machine, median
from bench.process import accept_unworked
from bench.watching import Watcher, watching

BACKLOG, ROUNDS = 30_000, 7
RESTART_WITHIN, TAKE_OVER_WITHIN = 3, 35


def measure(database: str, *, rounds: int) -> dict[str, Any]:
    """Restarts on either database; take-overs where several processes may serve."""
    figures: list[Figure] = []
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgres()) if database == "postgres" else ""
        figures.append(_restarts(database, url, rounds))
        if database == "postgres":
            figures.append(_take_overs(url, max(3, rounds // 2)))
    return {"database": database, "machine": machine(), "figures": [each.json() for each in figures]}


def _restarts(database: str, url: str, rounds: int) -> Figure:
    took = []
    with servers.place(database, url) as where:
        world = servers.prepare(where)
        with watching(where, world) as watcher:
            for _ in range(rounds):
                accept_unworked(where, world, BACKLOG - watcher.pending())
                left = _worked_on_then_killed(where, watcher)
                with servers.hub(where) as server:
                    _until(watcher, left - 1)
                    took.append(time.time() - server.started)
                    server.kill()
    return median("restart after a kill: start to work running again", took, "s", RESTART_WITHIN)


def _worked_on_then_killed(where: servers.Place, watcher: Watcher) -> int:
    """Kill a hub in the middle of its backlog; how many receipts it left."""
    with servers.hub(where) as server:
        _until(watcher, BACKLOG - 1)
        server.kill()
    return watcher.pending()


def _take_overs(url: str, rounds: int) -> Figure:
    took = []
    with servers.place("postgres", url) as where:
        world = servers.prepare(where)
        request = servers.lead_request(world)
        for _ in range(rounds):
            with servers.hub(where) as first, servers.hub(where) as second, watching(where, world) as watcher:
                for each in (first, second):
                    servers.load(each, request, connections=32, seconds=2)
                servers.load(first, request, connections=32, seconds=3)
                first.kill()
                killed = time.time()
                _until(watcher, 0)
                took.append(time.time() - killed)
    return median("take-over: kill to everything worked off", took, "s", TAKE_OVER_WITHIN)


def _until(watcher: Watcher, pending: int, within: float = 120.0) -> None:
    until = time.time() + within
    while watcher.pending() > pending:
        if time.time() > until:
            raise SystemExit(f"{watcher.pending()} receipts are still pending after {within} s")
        time.sleep(0.005)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--database", choices=servers.DATABASES, default="sqlite")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"restarts (default: {ROUNDS})")
    options = parser.parse_args()
    found = measure(options.database, rounds=options.rounds)
    print(json.dumps(found, indent=2)) if options.json else show(found)


if __name__ == "__main__":
    main()
