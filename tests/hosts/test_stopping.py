"""SIGTERM under load: not ready, finished within 25 s, everything given back, exit code 0 (OP-01)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.hosts.conftest import Related
from tests.hosts.hub_process import HubProcess
from tests.hosts.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]
STOPS_WITHIN = 25.0


async def _stop(process: HubProcess) -> float:
    """Ask it to stop; seconds until it was gone, with exit code 0."""
    began = time.monotonic()
    process.terminate()
    assert await process.ended(within=60) == 0, process.log.read_text()[-3000:]
    return time.monotonic() - began


async def _start(process: HubProcess) -> None:
    process.start()
    await process.until_ready()


@asynccontextmanager
async def _slow_visitor(process: HubProcess, form_key: str) -> AsyncIterator[None]:
    """Somebody who sends a post so slowly that it takes for ever, but not so slowly that it is cut off."""
    _, writer = await asyncio.open_connection(process.host.address, process.port)
    head = f"POST /f/{form_key} HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    writer.write(f"{head}Content-Length: 1000000\r\n\r\n".encode())

    async def trickle() -> None:
        while True:
            writer.write(b"a" * 400)
            await asyncio.sleep(1.0)

    task = asyncio.create_task(trickle())
    try:
        yield
    finally:
        task.cancel()
        writer.transport.abort()


async def _until_a_job_runs(site: Site, process: HubProcess) -> None:
    for _ in range(300):
        if await site.books.jobs_of(process.holder):
            return
        site.pull_now()
        await asyncio.sleep(0.1)
    raise AssertionError("the process never got a job")


@pytest.mark.proves("OP-01")
async def test_rolling_restarts_under_load_lose_nothing(related: Related) -> None:
    """Each process in turn is asked to stop and started again, while visitors and platform go on sending.

    One of them has a post that never ends and a call to the platform that gets no answer, both at once.
    """
    site = related.site
    await site.load()
    for each in (site.serving[0], *site.workers):
        assert await _stop(each) < STOPS_WITHIN
        await _expect_nothing_held(site, each)
        await _start(each)
    hanging = site.serving[1]
    site.simulator.slow(60.0)
    await _until_a_job_runs(site, hanging)
    async with _slow_visitor(hanging, site.form_key), aiohttp.ClientSession() as session:
        stopping = asyncio.create_task(_stop(hanging))
        await asyncio.sleep(1.0)
        assert not await hanging.is_ready(session)
        assert await stopping < STOPS_WITHIN
    site.simulator.heal()
    await _expect_nothing_held(site, hanging)
    await _start(hanging)
    await site.finish()
    assert await site.differences() == []


async def _expect_nothing_held(site: Site, process: HubProcess) -> None:
    assert await site.books.pending_of(process.holder) == set()
    assert await site.books.jobs_of(process.holder) == set()
