"""kill -9 with work open, and the same process started again."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from tests.hosts.hub_process import COMMAND
from tests.hosts.senders import QUESTIONS
from tests.hosts.site import Site, open_site

LEADS = 5
WITHIN = 3.0


@pytest.mark.proves("OP-02")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_work_open_at_kill_9_runs_again_within_3_seconds_of_the_restart(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """Deliveries are being fetched when the process dies. Loading the program is measured apart and not counted."""
    url = f"sqlite:///{tmp_path / 'hub.db'}" if kind == "sqlite" else request.getfixturevalue("empty_postgres_url")
    async with open_site(tmp_path, url, serving=("alpha",)) as site:
        process, simulator = site.serving[0], site.simulator
        form = simulator.add_form("Restart", QUESTIONS)
        ids = [simulator.add_submission(form, {"full_name": [f"N {number}"]}) for number in range(LEADS)]
        simulator.slow(120)
        await _deliver(site, ids)
        await _until(lambda: _asked_for(site, ids), 20)
        process.kill()
        simulator.heal()
        loading, seen = await asyncio.to_thread(_seconds_to_load), len(simulator.requests)
        started_at = time.monotonic()
        process.start()
        await _until(lambda: _asked_for(site, ids, seen), 60)
        elapsed = time.monotonic() - started_at
        record_property("seconds", f"{elapsed:.2f} after the start, {loading:.2f} of which is loading")
        assert elapsed - loading < WITHIN
        await process.until_ready()
        assert await site.books.until_nothing_is_pending(20)


async def _deliver(site: Site, ids: list[str]) -> None:
    (delivery,) = site.simulator.delivery(ids)
    async with (
        aiohttp.ClientSession() as session,
        session.post(site.serving[0].url + site.hook, data=delivery.body, headers=dict(delivery.headers)) as answer,
    ):
        assert answer.status == 200


def _asked_for(site: Site, ids: list[str], since: int = 0) -> bool:
    """Whether somebody tried to fetch one of these leads, after so many requests."""
    return any(each.path.rpartition("/")[2] in ids for each in islice(site.simulator.requests, since, None))


def _seconds_to_load() -> float:
    """How long this machine takes at present to load the program."""
    started_at = time.monotonic()
    subprocess.run([COMMAND, "--help"], check=True, capture_output=True)
    return time.monotonic() - started_at


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
