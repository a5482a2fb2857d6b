"""How fast a large lead list is read: ``python -m bench.lists --json``.

Each filter is asked for its first page and for a page far down, straight in the database and through the API with a
key, one request after the other.
"""

import argparse
import json
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa

from bench import servers
from bench.filling import fill
from bench.generator import Request
from bench.intake import show
from bench.measures import Figure, machine, percentile
from bench.world import World
from hub.core.leads.models import leads
from hub.core.leads.queries import EVERYTHING, LeadFilter, list_leads
from hub.core.pipelines.models import lead_sources, stages
from hub.core.routing.models import assignees
from hub.db.engine import Database

LEADS = 1_000_000
REPEATS = 200
QUERY_MS, HTTP_MS = 5, 30


def measure(database: str, *, number: int, seconds: float) -> dict[str, Any]:
    """Fill a database and ask it."""
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgres()) if database == "postgres" else ""
        where = stack.enter_context(servers.place(database, url))
        world = servers.prepare(where)
        hub = Database(where.database_url)
        started = time.monotonic()
        fill(hub, world, number)
        filled = time.monotonic() - started
        filters = _filters(hub, world)
        figures = [_query(hub, world, name, wanted) for name, wanted in filters.items()]
        hub.close()
        server = stack.enter_context(servers.hub(where))
        figures += [_http(server, world, name, wanted, seconds) for name, wanted in filters.items()]
    return {
        "database": database,
        "leads": number,
        "filled_in_seconds": round(filled, 1),
        "machine": machine(),
        "figures": [each.json() for each in figures],
    }


def _filters(hub: Database, world: World) -> dict[str, LeadFilter]:
    def first(table: sa.Table, column: sa.Column[Any]) -> UUID:
        query = sa.select(column).where(table.c.organisation_id == UUID(world.organisation_id)).limit(1)
        found: UUID = hub.read_now(lambda connection: connection.execute(query).scalar_one())
        return found

    stage, person, source = (
        first(stages, stages.c.id),
        first(assignees, assignees.c.user_id),
        first(lead_sources, lead_sources.c.id),
    )
    month = datetime.now(UTC) - timedelta(days=400)
    return {
        "no filter": LeadFilter(),
        "stage": LeadFilter(stage_id=stage),
        "assignee": LeadFilter(assignee_id=person),
        "source": LeadFilter(source_id=source),
        "stage and assignee": LeadFilter(stage_id=stage, assignee_id=person),
        "a month long ago": LeadFilter(submitted_from=month, submitted_until=month + timedelta(days=30)),
        "priority and open": LeadFilter(priority="high", stage_kind="open"),
    }


def _query(hub: Database, world: World, name: str, wanted: LeadFilter) -> Figure:
    organisation_id = UUID(world.organisation_id)
    middle = sa.select(leads.c.submitted_at, leads.c.id).where(leads.c.organisation_id == organisation_id)
    deep = datetime.now(UTC) - timedelta(days=300)
    row = hub.read_now(
        lambda connection: connection.execute(
            middle.where(leads.c.submitted_at < deep).order_by(leads.c.submitted_at.desc()).limit(1)
        ).one()
    )
    seconds = []
    for place in range(REPEATS):
        after = (row.submitted_at, row.id) if place % 2 else None
        started = time.perf_counter()
        hub.read_now(list_leads, organisation_id, EVERYTHING, wanted, after=after)
        seconds.append(time.perf_counter() - started)
    return Figure(f"query, {name}: median of first and deep pages", percentile(seconds, 0.5) * 1000, "ms", QUERY_MS)


def _http(server: servers.Server, world: World, name: str, wanted: LeadFilter, seconds: float) -> Figure:
    given = {
        key: value.isoformat() if isinstance(value, datetime) else str(value)
        for key in LeadFilter.__slots__
        if (value := getattr(wanted, key)) not in (None, False)
    }
    headers = {"Authorization": f"Bearer {world.api_key}"}
    request = Request(path=f"/api/v1/leads?{urlencode(given)}", headers=headers, body="", method="GET")
    servers.load(server, request, connections=1, seconds=0.5)
    # Well below the rate limit of one caller (30,000 a minute).
    seen = servers.load(server, replace(request), connections=1, seconds=seconds, rate=40)
    if seen["refused"]:
        raise SystemExit(f"the hub refused {name}: {seen['refused']}")
    return Figure(f"HTTP, {name}: p99", seen["p99_ms"], "ms", HTTP_MS)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--database", choices=servers.DATABASES, default="sqlite")
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--seconds", type=float, default=5, help="of requests per filter")
    options = parser.parse_args()
    found = measure(options.database, number=options.leads, seconds=options.seconds)
    print(json.dumps(found, indent=2)) if options.json else show(found)


if __name__ == "__main__":
    main()
