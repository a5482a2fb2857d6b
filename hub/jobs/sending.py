"""Handing outgoing messages to their platforms, connection by connection, each at most once.

======================================  =====================================================================
The connector raised                    Then the message
======================================  =====================================================================
``RateLimitedError``                    waits again, and so does the whole connection, as long as asked
``RecipientRefusedError``               is refused, with its words; an opt-out at the platform is kept as one
``ReauthorizationNeededError``          waits until somebody signs in (at most a day)
``PermanentError``, part out of reach   has failed, with its words
anything else                           is ``unknown``: it may have left, so nobody sends it again by itself
======================================  =====================================================================

What is unknown ends the batch, so that an outage costs one message per attempt and not all that wait.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import structlog
from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Sends
from hub.connector.clock import Clock
from hub.connector.errors import (
    ConnectorError,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
)
from hub.connector.sending import Sent
from hub.core.jobs import service as jobs
from hub.core.outbound import queries, settling
from hub.core.outbound.claiming import Claimed, claim_next
from hub.core.outbound.delivery import forget_unknown
from hub.core.outbound.moving import SEND, send_job
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database, DatabaseUnavailableError
from hub.jobs.addresses import WebhookAddresses
from hub.jobs.engine import JobEngine
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find
from hub.jobs.retrying import BUG

log = structlog.get_logger(__name__)

FIND_MESSAGES = "find_messages"
FIND_EVERY = timedelta(seconds=10)
FORGET_EVERY = timedelta(days=1)
BATCH = 100
LIMIT = timedelta(seconds=60)
"""How long one request may take; whatever comes of it later, nobody waits for it."""
SURELY_OVER = timedelta(minutes=15)
"""A message that has been leaving for so long does so no more, whoever had it."""
REFUSED_IN_A_ROW = 3
"""So many failures in a row are no matter of single messages but of the connection."""
TRIES_TO_SETTLE = 30
LAST_WORD = 4.0
"""Seconds that a request under way gets when its job is ended, so that an orderly stop leaves nothing unknown."""


class Sending:
    """Handlers of the jobs that send."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        connectors: Connectors,
        connections: Connections,
        process_name: str,
        addresses: WebhookAddresses,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections
        self._process = process_name
        self._addresses = addresses

    def register(self, engine: JobEngine) -> None:
        """Name the jobs, before the engine starts."""
        engine.register(SEND, self.send, limit=BATCH * 2 * LIMIT, recurring=True)
        engine.every(FIND_EVERY, FIND_MESSAGES, self.find_messages)
        engine.every(FORGET_EVERY, "forget_foreign_reports", self.forget_foreign_reports)

    async def find_messages(self, payload: JsonValue) -> None:
        """Add a job for each connection with messages whose moment has come; end those that nobody sends any more."""
        now = self._clock.now()
        if await self._database.read(queries.is_anything_over, now - SURELY_OVER, now):
            await self._database.write(settling.abandon_older, now - SURELY_OVER)
            while await self._database.write(settling.give_up_late, now, BATCH) == BATCH:
                continue
        for due in await self._database.read(queries.due_connections, now):
            await self._database.write(jobs.add, send_job(due.organisation_id, due.connection_id), now)

    async def forget_foreign_reports(self, payload: JsonValue) -> None:
        """Reports on messages of others are kept for a week."""
        await self._database.write(forget_unknown, self._clock.now())

    async def send(self, payload: JsonValue) -> None:
        """Send what waits at a connection, oldest first, at most ``BATCH``; more of it is another job.

        Raises what ended the batch. Messages of a connection that is not active wait.
        """
        key = ConnectionKey.read(payload)
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        if active is None:
            return
        connector = find(self._connectors, active.connector)
        if connector is None or not isinstance(connector, Sends):
            return
        batch = _Batch(
            self._database,
            self._clock,
            key,
            active.connector,
            connector,
            self._process,
            await self._addresses.callback_url(key),
        )
        await self._connections.run(key.organisation_id, key.connection_id, batch.send)
        if batch.has_more:
            await self._database.write(jobs.add, send_job(key.organisation_id, key.connection_id), self._clock.now())


class _Batch:
    """One message after the other, over one access."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        key: ConnectionKey,
        connector_key: str,
        sends: Sends,
        process: str,
        report_to: str | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._connector_key = connector_key
        self._sends = sends
        self._process = process
        self._report_to = report_to
        self._left = BATCH
        self._refused_in_a_row = 0
        self.has_more = True

    async def send(self, access: Access) -> None:
        """Go on where it stopped: it is called again with a renewed grant where the platform refused the old one."""
        while self._left and self.has_more:
            looked = await self._database.write(
                claim_next,
                self._key.organisation_id,
                self._key.connection_id,
                self._sends.reply_window,
                self._process,
                self._clock.now(),
            )
            self.has_more = looked.has_more
            if looked.claimed is not None:
                self._left -= 1
                await _to_its_end(self._hand_over(access, looked.claimed))

    async def _hand_over(self, access: Access, claimed: Claimed) -> None:
        """The one request, and what follows from its end."""
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                message = claimed.message.model_copy(update={"report_to": self._report_to})
                sent = await self._sends.send(access, message)
            provider_id = _provider_id(sent)
        except RecipientRefusedError as refused:
            opted_out_at = self._connector_key if refused.opted_out else None
            await self._settle(settling.settle_refused, claimed, refused, self._clock.now(), opted_out_at=opted_out_at)
        except (RateLimitedError, ReauthorizationNeededError, PermanentError) as failure:
            await self._not_taken(claimed, failure)
        except Exception as failure:
            await self._unknown(claimed, failure)
        else:
            self._refused_in_a_row = 0
            await self._settle(settling.settle_sent, claimed, provider_id, self._clock.now())

    async def _not_taken(self, claimed: Claimed, failure: ConnectorError) -> None:
        now = self._clock.now()
        if isinstance(failure, RateLimitedError):
            await self._settle(settling.give_back, claimed, now)
            raise failure
        if isinstance(failure, ReauthorizationNeededError) and not isinstance(failure, PartAccessLostError):
            await self._settle(settling.give_back, claimed, now)
            raise failure
        await self._settle(settling.settle_failed, claimed, failure, now)
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= REFUSED_IN_A_ROW:
            raise failure

    async def _unknown(self, claimed: Claimed, failure: Exception) -> None:
        code = _code_of(failure)
        log.warning("nobody knows whether a message was sent", message=claimed.message.id, reason=code)
        await self._settle(settling.settle_unknown, claimed, code, self._clock.now())
        raise failure

    async def _settle(self, settle: Callable[..., None], *facts: Any, **more: Any) -> None:
        """Write what came of a message. The database may be away for a while; what is known must not be lost."""
        for _ in range(TRIES_TO_SETTLE - 1):
            try:
                await self._database.write(settle, *facts, **more)
            except DatabaseUnavailableError:
                await self._clock.sleep(1.0)
            else:
                return
        await self._database.write(settle, *facts, **more)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do some work; who is cancelled meanwhile lets it end first, if that does not take long."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_WORD)
        raise


def _provider_id(sent: Sent) -> str:
    return sent.provider_id


def _code_of(failure: Exception) -> str:
    if isinstance(failure, ConnectorError):
        return failure.code
    return "took_too_long" if isinstance(failure, TimeoutError) else BUG
