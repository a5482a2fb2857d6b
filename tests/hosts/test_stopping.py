"""SIGTERM under load: not ready, finished within 25 s, everything given back, exit code 0 (OP-01)."""

import asyncio
import time

import pytest

from tests.hosts.conftest import Related

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]
STOPS_WITHIN = 25.0


@pytest.mark.proves("OP-01")
async def test_rolling_restarts_under_load_lose_nothing(related: Related) -> None:
    """Each process in turn is asked to stop and started again, while visitors and platform go on sending."""
    site = related.site
    await site.load()
    for each in (*site.serving, *site.workers):
        await asyncio.sleep(0.5)
        began = time.monotonic()
        each.terminate()
        code = await each.ended(within=60)
        seconds = time.monotonic() - began
        assert code == 0, each.log.read_text()[-3000:]
        assert seconds < STOPS_WITHIN
        assert await site.books.pending_of(each.holder) == set()
        assert await site.books.jobs_of(each.holder) == set()
        each.start()
        await each.until_ready()
    await site.finish()
    assert await site.differences() == []
