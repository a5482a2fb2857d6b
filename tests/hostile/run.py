"""Five hostile connectors beside two good ones, for minutes: what the good ones notice of it.

    python -m tests.hostile.run --minutes 10 [--database sqlite|postgres] [--rate 20]

The hostile ones deliver for so many minutes, in slices between which the good ones deliver alone for as long, so that
whatever else the machine does falls on both. Prints one JSON object; the exit code is 0 where nothing that was
acknowledged is lost, no good delivery was refused, the hub lives, and the good ones' p99 is less than twice as high.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import sqlalchemy as sa

from hub.db import migrating
from hub.db.engine import Database
from tests.hostile.place import Place, Running, furnish, platform, rows, serving
from tests.hostile.senders import Sent, keep_delivering
from tests.hostile.sources import BAD, GOOD
from tests.postgres import running_server

MOODS = (("bad", "normalise"), ("good", "normalise"), ("bad", "receive"), ("good", "normalise"))
WARM_UP = 10.0
SLICE = 30.0
SETTLES_WITHIN = 120.0
FACTOR = 2.0
PHASES = ("alone", "beside_hostile")

SETTLED = "select source_id, disposition from receipts where connector = :connector and path = 'webhook'"


async def measure(place: Place, running: Running, seconds: float, rate: float) -> dict[str, dict[str, Sent]]:
    """Both phases in turns; what each source sent in each."""
    found: dict[str, dict[str, Sent]] = {phase: {} for phase in ("warm_up", *PHASES)}
    async with aiohttp.ClientSession() as client:
        await _phase(place, running, client, found["warm_up"], "warm_up", WARM_UP, rate)
        for turn in range(max(round(seconds / SLICE), 1)):
            for phase in PHASES:
                await _phase(place, running, client, found[phase], f"{phase}-{turn}", min(seconds, SLICE), rate)
    return found


async def _phase(
    place: Place,
    running: Running,
    client: aiohttp.ClientSession,
    sent: dict[str, Sent],
    name: str,
    seconds: float,
    rate: float,
) -> None:
    until = time.monotonic() + seconds
    kinds = (*GOOD, *BAD) if name.startswith(PHASES[1]) else GOOD

    async def run(key: str, *, is_good: bool) -> None:
        await keep_delivering(
            client,
            running.url + place.endpoints[key],
            f"{name}-{key}",
            sent.setdefault(key, Sent()),
            pause=1 / rate if is_good else 4 / rate,
            is_over=lambda: time.monotonic() >= until,
            moods=(("good", "normalise"),) if is_good else MOODS,
        )

    await asyncio.gather(*(run(kind.manifest.key, is_good=kind in GOOD) for kind in kinds))


async def settle(place: Place) -> None:
    """Wait until nothing of the good sources is pending."""
    until = time.monotonic() + SETTLES_WITHIN
    question = "select count(*) from receipts where connector like 'good%' and disposition = 'pending'"
    while time.monotonic() < until:
        if not rows(place, question)[0][0]:
            return
        await asyncio.sleep(0.5)


def report(place: Place, running: Running, found: dict[str, dict[str, Sent]]) -> dict[str, Any]:
    """The verdict, and what it rests on."""
    good = {kind.manifest.key for kind in GOOD}
    slowest = {
        phase: max(found[phase][key].percentile(0.99) for key in good if found[phase][key].seconds) for phase in PHASES
    }
    settled = {key: {row[0]: row[1] for row in rows(place, SETTLED, connector=key)} for key in place.endpoints}
    lost = [
        f"{key}: {each}"
        for sent in found.values()
        for key, of_source in sent.items()
        for each in of_source.acknowledged
        if each not in settled[key] or (key in good and settled[key][each] != "lead_created")
    ]
    factor = slowest[PHASES[1]] / slowest[PHASES[0]]
    refused = {key: len(found[phase][key].refused) for phase in PHASES for key in good}
    ends = {key: _counted(list(each.values())) for key, each in settled.items()}
    return {
        "ok": not lost and running.is_alive and factor < FACTOR and not any(refused.values()),
        "p99_ms": {phase: round(1000 * seconds, 2) for phase, seconds in slowest.items()},
        "factor": round(factor, 3),
        "hub_alive": running.is_alive,
        "lost": lost[:20],
        "refused_of_good": refused,
        "acknowledged": {phase: {key: len(each.acknowledged) for key, each in found[phase].items()} for phase in found},
        "dispositions": ends,
    }


def _counted(values: list[str]) -> dict[str, int]:
    return {each: values.count(each) for each in sorted(set(values))}


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """A database of this kind with the schema of this release."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'leadhub.db'}"
        migrate(url)
        yield url
        return
    with running_server(folder) as server:
        name = f"hostile_{uuid4().hex}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f'create database "{name}"'))
        engine.dispose()
        url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        migrate(url)
        yield url


def migrate(url: str) -> None:
    """Make the schema of this release."""
    database = Database(url)
    migrating.upgrade(database)
    database.close()


async def run(place: Place, minutes: float, rate: float) -> dict[str, Any]:
    """The whole run on a furnished place."""
    async with platform() as called:
        with serving(
            place, called, LEADHUB_CONNECTOR_COMPUTING_SECONDS="1", LEADHUB_CONNECTOR_WAITING_SECONDS="20"
        ) as running:
            found = await measure(place, running, minutes * 60, rate)
            await settle(place)
            return report(place, running, found)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=20.0, help="deliveries a second of each good source")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        with database_of(chosen.database, folder) as url:
            found = asyncio.run(run(furnish(folder, url), chosen.minutes, chosen.rate))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
