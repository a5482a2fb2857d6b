"""Keeps what a process notices of its connectors where every process can read it."""

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import IntegrityError

from hub.core.connector_health.faults import Faults
from hub.core.connector_health.service import forget, store
from hub.db.engine import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
PAUSE = 2.0
"""Seconds between two looks: a connector that fails all the time costs one small write in each."""


@dataclass
class Recorder:
    """Stores changes of connector health; one per process."""

    database: Database
    faults: Faults
    process_name: str
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Forget what the predecessor of this name noticed, and begin."""
        await self.database.write(forget, self.process_name)
        self._task = asyncio.create_task(self._run(), name="connector health")

    async def stop(self) -> None:
        """Store the last changes and end."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.record()

    async def record(self) -> None:
        """Store what changed since the last time; what cannot be stored waits for the next."""
        changes = self.faults.take_changes()
        if not changes.health and not changes.faults:
            return
        try:
            now = self.faults.clock.now()
            await self.database.write(store, self.process_name, changes.health, changes.faults, now)
        except Exception as error:  # two processes may have met the same fault first: the next time it is known
            self.faults.give_back(changes)
            if not isinstance(error, DatabaseUnavailableError | IntegrityError):
                log.exception("connector_health_not_recorded")

    async def _run(self) -> None:
        while True:
            await self.record()
            await asyncio.sleep(PAUSE)
