"""Reporting what became of leads to the platforms that they came from: once each, and in time."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.access import Access
from hub.connector.base import ReportsConversions
from hub.connector.clock import Clock
from hub.connector.conversions import ConversionOutcome, ConversionProfile
from hub.connector.errors import ConnectorError, PartAccessLostError, PermanentError, RateLimitedError, RetryableError
from hub.core.conversions.collecting import collect_reports, organisations_that_report
from hub.core.conversions.outcomes import record_failure, record_outcomes
from hub.core.conversions.sending import Claimed, claim, due_connections, is_any_open, settle_overdue
from hub.core.jobs import service
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database
from hub.jobs.engine import JobEngine
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find
from hub.jobs.retrying import BUG, TRIES_AFTER_A_BUG, Jitter, backoff, hold

log = structlog.get_logger(__name__)

REPORT_CONVERSIONS = "report_conversions"
FIND_CONVERSIONS = "find_conversions"
FIND_EVERY = timedelta(seconds=10)
BLOCKED_FOR = timedelta(hours=1)
"""How long to wait where somebody has to do something first: a right, a target, a sign-in."""


class Conversions:
    """Handlers of the jobs ``find_conversions`` and ``report_conversions``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        connectors: Connectors,
        connections: Connections,
        *,
        jitter: Jitter = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections
        self._jitter = jitter

    def register(self, engine: JobEngine) -> None:
        """Name both jobs, before the engine starts."""
        engine.register(REPORT_CONVERSIONS, self.report, recurring=True)
        engine.every(FIND_EVERY, FIND_CONVERSIONS, self.find_conversions)

    async def find_conversions(self, payload: JsonValue = None) -> None:
        """Turn stage changes into reports, end those whose time is over, and add a job where some are due."""
        for organisation_id in await self._database.read(organisations_that_report):
            while await self._database.write(collect_reports, organisation_id, self._profile_of, self._clock.now()):
                continue
        if await self._database.read(is_any_open):
            await self._database.write(_settle_and_enqueue, self._clock.now())

    async def report(self, payload: JsonValue) -> None:
        """Send what is due for one connection, target by target.

        Raises ``RateLimitedError``, upon which all work for the connection waits. Any other failure is noted on the
        reports, which are then due again at their own time.
        """
        key = ConnectionKey.read(payload)
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        connector = find(self._connectors, active.connector) if active else None
        if connector is None or not isinstance(connector, ReportsConversions):
            return
        ids = (key.organisation_id, key.connection_id)
        while True:
            claimed = await self._database.write(claim, *ids, connector.conversions, self._clock.now())
            if claimed is None:
                return
            if claimed.conversions and not await self._send(key, connector, claimed):
                return

    def _profile_of(self, key: str) -> ConversionProfile | None:
        connector = find(self._connectors, key)
        if connector is None or not isinstance(connector, ReportsConversions):
            return None
        return connector.conversions

    async def _send(self, key: ConnectionKey, connector: ReportsConversions, claimed: Claimed) -> bool:
        """Let a batch leave and note what came of it; False where the rest of the connection should wait too."""

        async def work(access: Access) -> Sequence[ConversionOutcome] | PermanentError:
            """What only reporting cannot do is no fault of the connection, whose leads go on."""
            try:
                return await connector.report_conversions(access, claimed.target, claimed.conversions)
            except PermanentError as error:
                return error

        try:
            result = await self._connections.run(key.organisation_id, key.connection_id, work)
        except RateLimitedError as error:
            waits = hold(error, claimed.attempts, self._jitter)
            await self._fail(key, claimed, error, waits, was_taken=False)
            raise
        except RetryableError as error:
            await self._fail(key, claimed, error, backoff(claimed.attempts, self._jitter), was_taken=None)
            return False
        except ConnectorError as error:
            await self._fail(key, claimed, error, BLOCKED_FOR, was_taken=False, is_lasting=True)
            return isinstance(error, PartAccessLostError)
        except Exception as error:
            return await self._after_a_bug(key, connector, claimed, error)
        if isinstance(result, PermanentError):
            await self._fail(key, claimed, result, BLOCKED_FOR, was_taken=False, is_lasting=True)
        else:
            await self._database.write(record_outcomes, key.organisation_id, claimed, result, self._clock.now())
        return True

    async def _after_a_bug(
        self, key: ConnectionKey, connector: ReportsConversions, claimed: Claimed, error: Exception
    ) -> bool:
        """An event that the connector cannot bear must not hold up the others: each is sent by itself, unless the
        first few fail as well. The platform may have taken them all by now."""
        if len(claimed.conversions) == 1:
            log.error("reporting conversions met a bug", connection=str(key.connection_id), error=type(error).__name__)
            bug = RetryableError(type(error).__name__, code=BUG)
            await self._fail(key, claimed, bug, BLOCKED_FOR, was_taken=None, is_lasting=True)
            return False
        failed = 0
        for place, each in enumerate(claimed.conversions, start=1):
            failed += not await self._send(key, connector, replace(claimed, conversions=(each,), sent_at=None))
            if failed == place == TRIES_AFTER_A_BUG:
                return False
        return True

    async def _fail(
        self,
        key: ConnectionKey,
        claimed: Claimed,
        error: ConnectorError,
        waits: timedelta,
        *,
        was_taken: bool | None,
        is_lasting: bool = False,
    ) -> None:
        now = self._clock.now()
        await self._database.write(
            record_failure,
            key.organisation_id,
            claimed,
            code=error.code,
            message=error.user_message,
            try_again_at=now + waits,
            was_taken=was_taken,
            is_lasting=is_lasting,
            now=now,
        )


def _settle_and_enqueue(connection: Connection, now: datetime) -> None:
    settle_overdue(connection, now)
    for due in due_connections(connection, now):
        key = ConnectionKey(due.organisation_id, due.connection_id)
        service.add(connection, key.job(REPORT_CONVERSIONS), now)
