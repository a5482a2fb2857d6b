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


@pytest.mark.proves("OP-01")
async def test_rolling_restarts_under_load_lose_nothing(related: Related) -> None:
    """Each process in turn is asked to stop and started again, while visitors and platform go on sending."""
    site = related.site
    await site.load()
    for each in site.processes:
        await asyncio.sleep(0.5)
        assert await _stop(each) < STOPS_WITHIN
        assert await site.books.pending_of(each.holder) == set()
        assert await site.books.jobs_of(each.holder) == set()
        await _start(each)
    await site.finish()
    assert await site.differences() == []


@asynccontextmanager
async def _slow_visitor(process: HubProcess, form_key: str) -> AsyncIterator[None]:
    """Somebody who sends a post so slowly that it takes for ever, but not so slowly that it is cut off."""
    reader, writer = await asyncio.open_connection(process.host.address, process.port)
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
async def test_whatever_hangs_a_process_stops_within_25_seconds(related: Related) -> None:
    """A post that never ends, and a call to the platform that gets no answer: both at once."""
    site, process = related.site, related.site.serving[-1]
    site.simulator.slow(60.0)
    await _until_a_job_runs(site, process)
    async with _slow_visitor(process, site.form_key), aiohttp.ClientSession() as session:
        await asyncio.sleep(0.5)
        stopping = asyncio.create_task(_stop(process))
        await asyncio.sleep(0.5)
        assert not await process.is_ready(session)
        seconds = await stopping
    print("SECONDS", seconds)
    assert seconds < STOPS_WITHIN
    assert await site.books.jobs_of(process.holder) == set()
    site.simulator.heal()
    await _start(process)
    assert await site.differences() == []
