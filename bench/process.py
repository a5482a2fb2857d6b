"""How fast receipts become assigned leads: ``python -m bench.process --json``.

- *Idle*: one lead at a time, from the moment its request is sent, and from the answer, until another process reads the
  lead with its owner in the database.
- *Backlog*: receipts that were accepted while nobody worked on them, then a hub is started: leads per second from the
  first tenth to the last.
- *Steady*: so many leads a second through HTTP, each from its sending until it can be read.
- *Growth*: CPU per receipt, request and lead together, on a small and on a large database.

``--full`` works on a million leads (about half an hour); without it the large database has 20,000.
"""

import argparse
import asyncio
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from bench import servers
from bench.filling import fill
from bench.generator import Writer
from bench.intake import show
from bench.measures import Figure, machine, percentile
from bench.source import KEY, WireLead
from bench.watching import Watcher, wait_for, watching
from bench.world import World
from hub.connector.clock import SystemClock
from hub.connector.models import RawSubmission
from hub.core.intake.claiming import release
from hub.core.intake.ledger import Ledger
from hub.core.intake.receipts import Delivery
from hub.core.intake.receipts import Path as ReceiptPath
from hub.db.engine import Database

NOBODY = "benchmark"


@dataclass(frozen=True)
class Size:
    """How much is measured. ``small`` and ``large`` are the numbers of leads that growth is told from."""

    idle: int = 300
    backlog: int = 20_000
    rate: int = 500
    seconds: int = 20
    small: int = 2_000
    large: int = 20_000
    growth: int = 5_000


FULL = Size(seconds=60, small=10_000, large=1_000_000, growth=10_000)


def measure(database: str, size: Size) -> dict[str, Any]:
    """Everything on one database, each part in a place of its own."""
    figures: list[Figure] = []
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgres()) if database == "postgres" else ""
        for part in (_idle, _backlog, _steady, _growth):
            figures += part(database, url, size)
    return {"database": database, "machine": machine(), "figures": [each.json() for each in figures]}


def _idle(database: str, url: str, size: Size) -> list[Figure]:
    with servers.place(database, url) as where:
        world = servers.prepare(where)
        with servers.hub(where) as server, watching(where, world) as watcher:
            _one_by_one(server, world, watcher, 20)
            sent, answered = zip(*_one_by_one(server, world, watcher, size.idle), strict=True)
            form = _form_posts(server, world, watcher, 60)
    return [
        Figure("idle: request sent to lead, p50", percentile(sent, 0.5) * 1000, "ms", 10),
        Figure("idle: request sent to lead, p99", percentile(sent, 0.99) * 1000, "ms", 40),
        Figure("idle: answer to lead, p50", percentile(answered, 0.5) * 1000, "ms"),
        Figure("idle: answer to lead, p99", percentile(answered, 0.99) * 1000, "ms"),
        Figure("idle: form post to lead, p50", percentile(form, 0.5) * 1000, "ms", 10),
        Figure("idle: form post to lead, p99", percentile(form, 0.99) * 1000, "ms", 40),
    ]


def _one_by_one(server: servers.Server, world: World, watcher: Watcher, number: int) -> list[tuple[float, float]]:
    """Seconds from request and from answer to the lead, for each of so many."""
    request = servers.lead_request(world)
    writer = Writer(request)
    connection = HTTPConnection("127.0.0.1", server.port)
    found = []
    for _ in range(number):
        sent = time.time()
        head, _, body = writer.next(sent).partition(b"\r\n\r\n")
        lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[2:])
        connection.request("POST", request.path, body=body, headers=dict(lines))
        _read(connection)
        answered = time.time()
        seen = wait_for(watcher, json.loads(body)["id"])
        found.append((seen - sent, max(0.0, seen - answered)))
        time.sleep(0.01)
    connection.close()
    return found


def _form_posts(server: servers.Server, world: World, watcher: Watcher, number: int) -> list[float]:
    """The same for posts to the published form; fewer, for one address may not send many."""
    connection = HTTPConnection("127.0.0.1", server.port)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    found = []
    last = _newest(watcher, None)
    for place in range(number):
        fields = {"full_name": "Alexandra Example", "email": f"visitor{place}@example.com", "_lh_key": f"visit-{place}"}
        sent = time.time()
        connection.request("POST", world.form_path, body=urlencode(fields), headers=headers)
        _read(connection)
        while (newest := _newest(watcher, last)) == last:
            time.sleep(0.0002)
        found.append(time.time() - sent)
        last = newest
        time.sleep(0.01)
    connection.close()
    return found


def _newest(watcher: Watcher, last: Any) -> Any:
    while rows := watcher.leads_after(last):
        last = rows[-1][0]
    return last


def _read(connection: HTTPConnection) -> None:
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"the hub answered {answer.status}: {text[:300]!r}")


def _backlog(database: str, url: str, size: Size) -> list[Figure]:
    with servers.place(database, url) as where:
        world = servers.prepare(where)
        accept_unworked(where, world, size.backlog)
        noted = where.folder / "transactions.json"
        with watching(where, world) as watcher:
            with servers.hub(where, BENCH_TRANSACTIONS=str(noted)) as server:
                rate = _drained(watcher, size.backlog)
                resident = server.use().resident_mib
            longest = json.loads(noted.read_text())["longest_ms"]
    target = 2_500 if database == "sqlite" else None
    return [
        Figure("backlog: worked off", rate, "leads/s", target, at_least=True),
        Figure("backlog: longest writing transaction", longest, "ms", 50),
        Figure("backlog: resident memory", resident, "MiB", 180),
    ]


def accept_unworked(where: servers.Place, world: World, number: int) -> None:
    """Receipts as the ledger stores them, held by nobody."""
    database = Database(where.database_url)
    try:
        asyncio.run(_accept(database, world, number))
        database.write_now(release, NOBODY)
    finally:
        database.close()


async def _accept(database: Database, world: World, number: int) -> None:
    clock = SystemClock()
    ledger = Ledger(database, clock, NOBODY)
    writer = Writer(replace(servers.lead_request(world), secret=""))
    for start in range(0, number, 500):
        bodies = [writer.next(time.time()).partition(b"\r\n\r\n")[2] for _ in range(min(500, number - start))]
        await asyncio.gather(*(ledger.accept(_delivery(world, body, clock)) for body in bodies))


def _delivery(world: World, body: bytes, clock: SystemClock) -> Delivery:
    lead = WireLead.model_validate_json(body)
    return Delivery(
        organisation_id=UUID(world.organisation_id),
        connection_id=UUID(world.connection_id),
        connector=KEY,
        path=ReceiptPath.WEBHOOK,
        received_at=clock.now(),
        raw=body,
        headers={"content-type": "application/json"},
        submissions=(RawSubmission(source_id=lead.id, form_id=lead.form, body=lead.model_dump(mode="json")),),
    )


def _drained(watcher: Watcher, number: int) -> float:
    """Leads per second from a tenth of them to the last."""
    while (left := watcher.pending()) > number * 0.9:
        time.sleep(0.02)
    started, first = time.time(), left
    while watcher.pending():
        time.sleep(0.05)
    return first / (time.time() - started)


def _steady(database: str, url: str, size: Size) -> list[Figure]:
    with servers.place(database, url) as where:
        world = servers.prepare(where)
        noted = where.folder / "transactions.json"
        with watching(where, world) as watcher:
            with servers.hub(where, BENCH_TRANSACTIONS=str(noted)) as server:
                servers.load(server, servers.lead_request(world), connections=32, seconds=2, rate=size.rate)
                seen, latencies = asyncio.run(_watched(server, world, watcher, size))
            transactions = json.loads(noted.read_text())
    name = f"steady {size.rate}/s"
    return [
        Figure(f"{name}: answers", seen["per_second"], "requests/s", size.rate * 0.98, at_least=True),
        Figure(f"{name}: answer, p99", seen["p99_ms"], "ms"),
        Figure(f"{name}: sent to lead, p50", percentile(latencies, 0.5) * 1000, "ms"),
        Figure(f"{name}: sent to lead, p99", percentile(latencies, 0.99) * 1000, "ms", 250),
        Figure(f"{name}: longest writing transaction", transactions["longest_ms"], "ms", 50),
        Figure(f"{name}: resident memory", seen["resident_mib"], "MiB", 180),
    ]


async def _watched(
    server: servers.Server, world: World, watcher: Watcher, size: Size
) -> tuple[dict[str, Any], list[float]]:
    last = _newest(watcher, None)
    load = asyncio.create_task(
        servers.load_beside(server, servers.lead_request(world), connections=32, seconds=size.seconds, rate=size.rate)
    )
    latencies: list[float] = []
    quiet = 0
    while quiet < 100:
        rows = watcher.leads_after(last)
        now = time.time()
        latencies += [now - sent for _, sent in rows]
        last = rows[-1][0] if rows else last
        quiet = quiet + 1 if load.done() and not rows else 0
        await asyncio.sleep(0.004)
    return await load, latencies


def _growth(database: str, url: str, size: Size) -> list[Figure]:
    with servers.place(database, url) as where:
        world = servers.prepare(where)
        costs = []
        present = 0
        for wanted in (size.small, size.large):
            hub = Database(where.database_url)
            fill(hub, world, wanted - present, present=present)
            hub.close()
            present = wanted
            costs.append(_cost(where, world, size.growth))
        (small, _), (large, resident) = costs
    return [
        Figure(f"growth: CPU per receipt at {size.small:,} leads", small, "ms"),
        Figure(f"growth: CPU per receipt at {size.large:,} leads", large, "ms"),
        Figure("growth: large over small", large / small, "ratio", 1.3),
        Figure(f"growth: resident memory at {size.large:,} leads", resident, "MiB", 180),
    ]


def _cost(where: servers.Place, world: World, number: int) -> tuple[float, float]:
    """CPU milliseconds per receipt, from request to lead, and resident memory after the load."""
    with servers.hub(where) as server, watching(where, world) as watcher:
        request = servers.lead_request(world)
        servers.load(server, request, connections=8, seconds=1, rate=300)
        before = server.use()
        seen = servers.load(server, request, connections=8, seconds=number / 400, rate=400)
        while watcher.pending():
            time.sleep(0.02)
        after = server.use()
    return (after.cpu_seconds - before.cpu_seconds) * 1000 / seen["requests"], after.resident_mib


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--database", choices=servers.DATABASES, default="sqlite")
    parser.add_argument("--full", action="store_true", help="growth up to a million leads")
    options = parser.parse_args()
    found = measure(options.database, FULL if options.full else Size())
    print(json.dumps(found, indent=2)) if options.json else show(found)


if __name__ == "__main__":
    main()
