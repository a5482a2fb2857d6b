"""Having thin deliveries fetched as soon as they are stored."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from hub.db.engine import DatabaseUnavailableError
from hub.jobs.engine import JobEngine
from hub.jobs.opening import ConnectionKey
from hub.jobs.resolving import resolve_jobs

log = structlog.get_logger(__name__)

PAUSE = 0.5
"""Seconds between two jobs of one connection: a source that delivers one by one gets one job for many deliveries.
The first of a rush does not wait."""


class Fetching:
    """Told of deliveries just stored, adds the jobs that fetch them; the sweep finds what gets lost here."""

    def __init__(self, engine: JobEngine, *, pause: float = PAUSE) -> None:
        self._engine = engine
        self._pause = pause
        self._waiting: dict[ConnectionKey, list[UUID]] = {}
        self._tasks: dict[ConnectionKey, asyncio.Task[None]] = {}

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of receipts; to be called on the event loop."""
        for row in rows:
            if row["connection_id"] is not None:
                key = ConnectionKey(row["organisation_id"], row["connection_id"])
                self._waiting.setdefault(key, []).append(row["id"])
                if key not in self._tasks:
                    self._tasks[key] = asyncio.create_task(self._enqueue(key))

    async def close(self) -> None:
        """End what waits; its receipts are in the database."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _enqueue(self, key: ConnectionKey) -> None:
        try:
            while receipt_ids := self._waiting.pop(key, None):
                for job in resolve_jobs(key, receipt_ids):
                    await self._engine.enqueue(job)
                await asyncio.sleep(self._pause)
        except DatabaseUnavailableError:
            log.warning("deliveries wait for the next sweep", connection=str(key.connection_id))
        finally:
            del self._tasks[key]
