"""Finding receipts that nobody works on: after a crash, a take-over, or when a job got lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.core.connections.models import connections, part_limits
from hub.core.connections.part_limits import PartWork
from hub.core.connections.state import ConnectionState
from hub.core.intake.claiming import abandoned, take_over
from hub.core.intake.models import receipts
from hub.core.intake.pointers import note_unfetched
from hub.core.intake.receipts import Disposition
from hub.core.jobs import service
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.jobs.opening import ConnectionKey
from hub.jobs.resolving import RESOLVE, resolve_jobs

OVERDUE = timedelta(seconds=60)
MOST_AT_ONCE = 5_000


class Sweeping:
    """Handler of the job ``sweep``, and what a process does at its start and after a take-over."""

    def __init__(self, database: Database, clock: Clock, process_name: str, look_again: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._process_name = process_name
        self._look_again = look_again

    async def sweep(self, payload: JsonValue = None) -> None:
        """Take receipts that no living process holds, and have overdue thin deliveries fetched."""
        if await self._database.write(_take_over_unheld, self._process_name):
            self._look_again()
        await self._database.write(_enqueue_overdue, self._clock.now() - OVERDUE, self._clock.now())
        await self._database.write(_set_aside_unreachable, self._clock.now())

    async def fetch_now(self) -> None:
        """Have every thin delivery that waits for its content fetched without waiting until it is overdue."""
        await self._database.write(_enqueue_overdue, self._clock.now(), self._clock.now())
        self._look_again()


def _take_over_unheld(connection: Connection, process_name: str) -> int:
    return take_over(connection, process_name, [name for name in abandoned(connection) if name != process_name])


def _enqueue_overdue(connection: Connection, received_before: datetime, now: datetime) -> None:
    """Add the jobs for thin deliveries of active connections that came before a moment and still wait.

    A receipt whose job is still open may be in a second one then: fetching it twice changes nothing. Those of a part
    that refused lately are left alone until it is asked again.
    """
    rests = sa.exists().where(
        part_limits.c.organisation_id == receipts.c.organisation_id,
        part_limits.c.connection_id == receipts.c.connection_id,
        part_limits.c.part_id == receipts.c.part_id,
        part_limits.c.work == PartWork.READING.value,
        part_limits.c.retry_at > now,
    )
    rows = connection.execute(
        sa.select(receipts.c.organisation_id, receipts.c.connection_id, receipts.c.id)
        .join(
            connections,
            sa.and_(
                connections.c.id == receipts.c.connection_id,
                connections.c.organisation_id == receipts.c.organisation_id,
            ),
        )
        .where(
            receipts.c.disposition == Disposition.PENDING.value,
            receipts.c.payload.is_(None),
            receipts.c.received_at <= received_before,
            connections.c.state == ConnectionState.ACTIVE.value,
            sa.not_(rests),
        )
        .order_by(receipts.c.id)
        .order_by(receipts.c.id)
        .limit(MOST_AT_ONCE)
        .execution_options(**{ALL_ORGANISATIONS: "the sweep looks after every organisation"})
    )
    waiting: dict[ConnectionKey, list[UUID]] = {}
    for row in rows:
        waiting.setdefault(ConnectionKey(row.organisation_id, row.connection_id), []).append(row.id)
    for key, receipt_ids in waiting.items():
        for job in resolve_jobs(key, receipt_ids):
            service.add(connection, job, now)
        # A job that was parked while the connection did not work stands in the way of a new one for its receipts.
        service.redrive(connection, key.organisation_id, now, kind=RESOLVE, partition=key.partition)


def _set_aside_unreachable(connection: Connection, now: datetime) -> None:
    """Quarantine thin deliveries whose connection ended: nobody can fetch them, unless it is connected again."""
    rows = connection.execute(
        sa.select(receipts.c.organisation_id, receipts.c.id)
        .outerjoin(
            connections,
            sa.and_(
                connections.c.id == receipts.c.connection_id,
                connections.c.organisation_id == receipts.c.organisation_id,
            ),
        )
        .where(
            receipts.c.disposition == Disposition.PENDING.value,
            receipts.c.payload.is_(None),
            sa.or_(connections.c.id.is_(None), connections.c.state == ConnectionState.DISCONNECTED.value),
        )
        .limit(MOST_AT_ONCE)
        .execution_options(**{ALL_ORGANISATIONS: "the sweep looks after every organisation"})
    )
    for row in rows.all():
        note_unfetched(
            connection,
            row.organisation_id,
            row.id,
            reason="disconnected",
            detail="The connection ended before this delivery was fetched. Connect the account again and release it.",
            is_final=True,
            now=now,
        )
