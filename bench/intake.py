"""How fast deliveries are stored, beside servers that do less: ``python -m bench.intake --json``.

In each round the same requests go to bare aiohttp, to aiohttp with a shared commit and to the hub, one after the
other, so that whatever else the machine does hits all three. The hub does everything it does in production meanwhile:
it turns the receipts into leads as well.
"""

import argparse
import json
from contextlib import ExitStack
from typing import Any

from bench import servers
from bench.generator import Request
from bench.measures import Figure, machine, median, ratio

CROWD, ALONE = 32, 1
RATIO_TO_BARE = {"sqlite": 0.25, "postgres": 0.16}
RATIO_TO_COMMIT = {"sqlite": 0.6, "postgres": None}

Round = dict[str, dict[str, Any]]


def measure(database: str, *, pairs: int, seconds: float) -> dict[str, Any]:
    """All rounds on one database."""
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgres()) if database == "postgres" else ""
        ours, theirs = (stack.enter_context(servers.place(database, url)) for _ in range(2))
        world = servers.prepare(ours)
        request = servers.lead_request(world)
        running = (
            stack.enter_context(servers.bare()),
            stack.enter_context(servers.group_commit(theirs)),
            stack.enter_context(servers.hub(ours)),
        )
        for server in running:
            servers.load(server, request, connections=CROWD, seconds=1)
        crowd = [_round(running, request, CROWD, seconds) for _ in range(pairs)]
        alone = [_round(running, request, ALONE, seconds / 2) for _ in range(pairs)]
    return {
        "database": database,
        "machine": machine(),
        "figures": [figure.json() for figure in _figures(database, crowd, alone)],
        "rounds": {"32 connections": crowd, "1 connection": alone},
    }


def _round(running: tuple[servers.Server, ...], request: Request, connections: int, seconds: float) -> Round:
    return {server.name: servers.load(server, request, connections=connections, seconds=seconds) for server in running}


def _figures(database: str, crowd: list[Round], alone: list[Round]) -> list[Figure]:
    def pairs(rounds: list[Round], name: str, value: str = "per_second") -> list[tuple[float, float]]:
        return [(each["hub"][value], each[name][value]) for each in rounds]

    def ours(rounds: list[Round], value: str) -> list[float]:
        return [float(each["hub"][value]) for each in rounds]

    return [
        ratio("32 connections: requests/s over bare aiohttp", pairs(crowd, "bare"), RATIO_TO_BARE[database]),
        ratio("32 connections: requests/s over group commit", pairs(crowd, "group commit"), RATIO_TO_COMMIT[database]),
        median("32 connections: stored", ours(crowd, "per_second"), "requests/s"),
        median("32 connections: p50", ours(crowd, "p50_ms"), "ms"),
        median("32 connections: p99", ours(crowd, "p99_ms"), "ms", 15),
        median("32 connections: CPU of the hub per request", ours(crowd, "cpu_ms_per_request"), "ms"),
        median("32 connections: resident memory", ours(crowd, "resident_mib"), "MiB", 180),
        median("1 connection: p50", ours(alone, "p50_ms"), "ms", 2),
        median("1 connection: p99", ours(alone, "p99_ms"), "ms"),
        median("refused", [float(sum(each["hub"]["refused"].values())) for each in (*crowd, *alone)], "requests", 0),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--database", choices=servers.DATABASES, default="sqlite")
    parser.add_argument("--pairs", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--seconds", type=float, default=5, help="of load per server and round (default: 5)")
    options = parser.parse_args()
    found = measure(options.database, pairs=options.pairs, seconds=options.seconds)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """The figures as lines of text."""
    for each in found["figures"]:
        verdict = {True: "reached", False: "MISSED", None: ""}[each["is_reached"]]
        target = "" if each["target"] is None else f"target {'>=' if each['at_least'] else '<='} {each['target']}"
        print(f"{each['name']:60} {each['value']:10.3f} {each['unit']:12} {target:20} {verdict}")


if __name__ == "__main__":
    main()
