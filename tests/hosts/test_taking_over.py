"""kill -9 in mid-load: nothing acknowledged is lost, nothing comes twice, and others go on within 35 s."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.postgres import PostgresServer
from tests.hosts.site import open_site
from tests.hosts.taking_over import kill_under_load

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]
TAKEN_OVER_WITHIN = 35.0


async def _on_postgres(folder: Path, server: PostgresServer) -> dict[str, Any]:
    server.make_database("taking_over")
    url = server.url("taking_over")
    async with open_site(folder, url, serving=("alpha", "beta"), workers=("gamma",)) as site:
        return await kill_under_load(site, [site.serving[0], site.workers[0]])


async def _on_sqlite(folder: Path) -> dict[str, Any]:
    async with open_site(folder, f"sqlite:///{folder / 'hub.db'}", serving=("alpha",), workers=("gamma",)) as site:
        return await kill_under_load(site, site.serving, restart=True)


@pytest.mark.proves("DG-06", "OP-02", "X-01")
async def test_work_of_killed_processes_goes_on_elsewhere_within_35_seconds(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """A serving process and the worker die on PostgreSQL, the only serving one on SQLite; both at the same time."""
    folders = [tmp_path / "postgres", tmp_path / "sqlite"]
    for each in folders:
        each.mkdir()
    plays = await asyncio.gather(_on_postgres(folders[0], own_postgres), _on_sqlite(folders[1]))
    for told in plays:
        assert told["differences"] == [], told
        assert told["seconds"] is not None, told
        assert told["seconds"] < TAKEN_OVER_WITHIN, told
        assert told["job_seconds"] is not None, told
        assert told["job_seconds"] < TAKEN_OVER_WITHIN, told
    assert plays[0]["receipts_left"] > 0, plays[0]
    assert plays[0]["jobs_left"] > 0, plays[0]
