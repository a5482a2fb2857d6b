"""Watching for receipts that stay pending for too long.

Every process looks for itself, beside the job engine and not by a job: that jobs stand still is one of the reasons
for which receipts stay pending.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.connector.clock import Clock
from hub.core.intake.overdue import Overdue, count_alerts, overdue, turn_alerts
from hub.db.engine import Database, DatabaseUnavailableError

LOOK_EVERY = 60.0
"""Seconds of the machine."""

log = structlog.get_logger(__name__)


class OverdueWatch:
    """Keeps the alerts as the receipts are; ``limit`` is how long a receipt may be pending."""

    def __init__(self, database: Database, clock: Clock, limit: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, the first time after a while: a hub that was down works off first."""
        self._task = asyncio.create_task(self._forever(), name="overdue")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Look once; nothing is written where nothing is overdue and no alert stands."""
        now = self._clock.now()
        found, alerts = await self._database.read(_seen, now - self._limit)
        if not found and not alerts:
            return
        turned = await self._database.write(turn_alerts, found, now)
        for each in turned.raised:
            log.error(
                "receipts are pending for too long",
                organisation_id=each.organisation_id,
                receipts=each.receipts,
                oldest_received_at=each.oldest_received_at,
            )
        for organisation_id in turned.ended:
            log.info("no receipts are pending for too long any more", organisation_id=organisation_id)

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except (DatabaseUnavailableError, SQLAlchemyError) as failure:
                log.warning("the database is out of reach for the watch over receipts", error=type(failure).__name__)
            except Exception:
                log.exception("the watch over receipts failed and goes on")


def _seen(connection: Connection, received_before: datetime) -> tuple[list[Overdue], int]:
    return overdue(connection, received_before), count_alerts(connection)
