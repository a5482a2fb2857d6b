"""The event loop's delay is noticed."""

import asyncio
import time

import pytest
from aiohttp import web

from hub.web import loop_lag
from hub.web.loop_lag import LoopLag


async def test_what_blocks_the_loop_is_measured_and_the_measuring_ends_with_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty milliseconds of blocking show as about as many; nothing is left running."""
    monkeypatch.setattr(loop_lag, "PAUSE", 0.005)
    lag, before = LoopLag(), asyncio.all_tasks()
    beside = lag.run_beside(web.Application())
    await anext(beside)
    assert lag.longest == 0.0
    await asyncio.sleep(0)
    time.sleep(0.04)  # noqa: ASYNC251 - blocking is what is measured
    await asyncio.sleep(0.01)
    assert 0.02 < lag.longest < 5
    with pytest.raises(StopAsyncIteration):
        await anext(beside)
    assert asyncio.all_tasks() == before
