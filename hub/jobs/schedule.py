"""When which job is due: the one table of regular work.

Rows decide: a form's ``next_run_at``, a grant's expiry, the active connections. Each search runs once per interval
over all processes, and writes job and next moment in one transaction.
"""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.core.jobs import service
from hub.core.pulls.service import enqueue_due
from hub.core.upkeep.queries import active_connections
from hub.db.engine import Database
from hub.jobs.engine import JobEngine
from hub.jobs.handling import Handler
from hub.jobs.opening import ConnectionKey
from hub.jobs.polling import LIST_FORMS, POLL, Polling, poll_job
from hub.jobs.renewing import RENEW, Renewing
from hub.jobs.resolving import RESOLVE, Resolving
from hub.jobs.subscriptions import CHECK_SUBSCRIPTION, Subscriptions

FIND_POLLS = "find_polls"
FIND_POLLS_EVERY = timedelta(seconds=10)
FIND_RENEWALS_EVERY = timedelta(minutes=1)
CHECK_CONNECTIONS_EVERY = timedelta(minutes=10)
PURGE_EVERY = timedelta(days=1)
POLL_AGAIN_AFTER = timedelta(minutes=15)
"""Until a poll has reached its end and planned the next by its connector's own interval."""
KEEP_PARKED = timedelta(days=90)
BATCH = 200


class Schedule:
    """Registers every kind of job with the engine, before it starts."""

    def __init__(self, database: Database, clock: Clock, engine: JobEngine) -> None:
        self._database = database
        self._clock = clock
        self._engine = engine

    def register(
        self, polling: Polling, resolving: Resolving, renewing: Renewing, subscriptions: Subscriptions
    ) -> None:
        """Handlers of jobs, and what is looked for regularly."""
        engine = self._engine
        engine.register(POLL, polling.poll, recurring=True)
        engine.register(LIST_FORMS, self._listing_then_polls(polling), recurring=True)
        engine.register(RENEW, renewing.renew, recurring=True)
        engine.register(CHECK_SUBSCRIPTION, subscriptions.check, recurring=True)
        engine.register(RESOLVE, resolving.resolve)
        engine.every(FIND_POLLS_EVERY, FIND_POLLS, self.find_polls)
        engine.every(FIND_RENEWALS_EVERY, "find_renewals", renewing.find_renewals)
        engine.every(CHECK_CONNECTIONS_EVERY, "check_connections", self.check_connections)
        engine.every(PURGE_EVERY, "purge_jobs", self.purge)

    def _listing_then_polls(self, polling: Polling) -> Handler:
        """A listing that found new forms, or was asked for, is followed by their polls at once."""

        async def list_forms(payload: JsonValue) -> None:
            await polling.list_forms(payload)
            await self.find_polls(None)

        return list_forms

    async def find_polls(self, payload: JsonValue) -> None:
        """Add a job for each form that is due."""
        now = self._clock.now()
        enqueue = partial(_enqueue_poll, now)
        while await self._database.write(enqueue_due, now, POLL_AGAIN_AFTER, BATCH, enqueue) == BATCH:
            continue
        self._engine.wake()

    async def check_connections(self, payload: JsonValue) -> None:
        """For each active connection: look for new forms, and whether its deliveries are switched on."""
        now = self._clock.now()
        active = await self._database.read(active_connections)
        for start in range(0, len(active), BATCH):
            keys = [ConnectionKey(each.organisation_id, each.connection_id) for each in active[start : start + BATCH]]
            await self._database.write(_enqueue_checks, keys, now)
        self._engine.wake()

    async def purge(self, payload: JsonValue) -> None:
        """Forget jobs that nobody redrove for a long time."""
        await self._engine.purge(KEEP_PARKED)


def _enqueue_poll(
    now: datetime, connection: Connection, organisation_id: UUID, connection_id: UUID, source_form_id: UUID
) -> None:
    service.add(connection, poll_job(ConnectionKey(organisation_id, connection_id), source_form_id), now)


def _enqueue_checks(connection: Connection, keys: list[ConnectionKey], now: datetime) -> None:
    for key in keys:
        service.add(connection, key.job(LIST_FORMS), now)
        service.add(connection, key.job(CHECK_SUBSCRIPTION), now)
