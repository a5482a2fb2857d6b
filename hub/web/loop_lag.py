"""How late the event loop runs what is due: above some milliseconds, something blocks it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

PAUSE = 1.0
KEPT = 60


class LoopLag:
    """Measures once a second and keeps the last minute; two wake-ups a second would tell no more."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=KEPT)

    @property
    def longest(self) -> float:
        """Seconds by which the loop was late at most within the last minute."""
        return max(self._late, default=0.0)

    async def run_beside(self, _app: web.Application) -> AsyncIterator[None]:
        """Measure while an application runs; for its ``cleanup_ctx``."""
        measuring = asyncio.create_task(self._measure(), name="loop lag")
        yield
        measuring.cancel()
        with suppress(asyncio.CancelledError):
            await measuring

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PAUSE
            await asyncio.sleep(PAUSE)
            self._late.append(max(loop.time() - due, 0.0))
