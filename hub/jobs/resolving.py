"""Fetching what thin deliveries pointed at, in batches of one connection.

Each receipt stands alone: one that cannot be fetched holds up no other. What is still not fetched 72 hours after
it came in goes to quarantine with its reason, from where an admin redrives it. Receipts of a part of the account that
is out of reach wait until it can be reached again, however long that takes: the platform still has their content.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Receives
from hub.connector.clock import Clock
from hub.connector.errors import (
    ConnectorError,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.models import Pointer, RawSubmission
from hub.core.connections.part_limits import PartWork
from hub.core.jobs.service import Job
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find
from hub.jobs.part_watch import PartWatch
from hub.jobs.retrying import BUG, GIVE_UP_AFTER, TRIES_AFTER_A_BUG

log = structlog.get_logger(__name__)

RESOLVE = "resolve"
BATCH = 500
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class PointerReceipt:
    """A receipt that still waits for its content. ``attempts`` counts the failures so far."""

    id: UUID
    pointer: Pointer
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class NotResolved:
    """Why a receipt could not be fetched. ``final``: it goes to quarantine, else it stays pending."""

    reason: str
    sentence: str
    final: bool


PART_RESTS = NotResolved(
    "part_access_lost",
    "This part of the account is out of reach at present; the page of the connection says what to do.",
    False,
)


class PointerReceipts(Protocol):
    """The ledger, as far as thin deliveries go."""

    async def load(self, key: ConnectionKey, receipt_ids: Sequence[UUID]) -> Sequence[PointerReceipt]:
        """Those among them that are still pending and not fetched.

        Others of the same connection that nobody tried yet may follow: a source that sends its deliveries one by
        one would else have them fetched one job after the other.
        """
        ...

    async def resolved(self, key: ConnectionKey, receipt_id: UUID, raw: RawSubmission) -> None:
        """Keep what was fetched and have it worked off. A receipt that is settled meanwhile stays as it is."""
        ...

    async def failed(self, key: ConnectionKey, receipt_id: UUID, failure: NotResolved) -> None:
        """Count an attempt, and quarantine the receipt where the failure is final."""
        ...


def resolve_jobs(key: ConnectionKey, receipt_ids: Sequence[UUID]) -> list[Job]:
    """The jobs that fetch these receipts. The same receipts in the same order give the same keys."""
    jobs = []
    for start in range(0, len(receipt_ids), BATCH):
        batch = [str(receipt_id) for receipt_id in receipt_ids[start : start + BATCH]]
        payload = key.payload(receipts=list[JsonValue](batch))
        jobs.append(Job(RESOLVE, f"{RESOLVE}:{batch[0]}", payload, key.organisation_id, key.partition))
    return jobs


class Resolving:
    """Handler of the job ``resolve``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        connectors: Connectors,
        connections: Connections,
        receipts: PointerReceipts,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections
        self._receipts = receipts

    async def resolve(self, payload: JsonValue) -> None:
        """Fetch a batch of receipts. Those of a part that is out of reach stay for the sweep, which asks again later.

        Raises ``RetryableError`` while some of them may still be fetched, and ``PermanentError`` where the
        connection is not active: the job is parked, and redriven when it is again.
        """
        key = ConnectionKey.read(payload)
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        if active is None:
            raise PermanentError("The connection is not active. Activate or authorise it.", code="not_active")
        connector = find(self._connectors, active.connector)
        if connector is None or not isinstance(connector, Receives):
            raise PermanentError("The connector of this connection is not installed.", code="connector_missing")
        receipt_ids = _receipts_in(payload)
        parts = PartWatch(self._database, self._clock, key, PartWork.READING)
        await parts.look()

        async def fetch(access: Access) -> int:
            waiting = await self._receipts.load(key, receipt_ids)
            return await _Batch(
                self._receipts, self._clock, key, connector, access, waiting, receipt_ids, parts
            ).fetch()

        try:
            left = await self._connections.run(key.organisation_id, key.connection_id, fetch)
        finally:
            await parts.store()
        if left:
            raise RetryableError(f"{left} deliveries could not be fetched yet.", code="not_all_resolved")


class _Batch:
    """A few receipts at once; an error that concerns the whole connection ends the batch."""

    def __init__(
        self,
        receipts: PointerReceipts,
        clock: Clock,
        key: ConnectionKey,
        connector: Receives,
        access: Access,
        waiting: Sequence[PointerReceipt],
        own: Sequence[UUID],
        parts: PartWatch,
    ) -> None:
        self._receipts = receipts
        self._clock = clock
        self._key = key
        self._connector = connector
        self._access = access
        self._waiting = list(reversed(waiting))
        self._own = frozenset(own)
        self._parts = parts
        self._left = 0
        self._ended_by: ConnectorError | None = None

    async def fetch(self) -> int:
        """How many of its own are left for another attempt. Raises what ended the batch."""
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(self._waiting))):
                group.create_task(self._fetch_some())
        if self._ended_by is not None:
            raise self._ended_by
        return self._left

    async def _fetch_some(self) -> None:
        while self._waiting and self._ended_by is None:
            await self._fetch_one(self._waiting.pop())

    async def _fetch_one(self, receipt: PointerReceipt) -> None:
        part_id = receipt.pointer.part_id
        if self._parts.is_resting(part_id):
            await self._leave(receipt, PART_RESTS)
            return
        try:
            raw = await self._connector.resolve(self._access, receipt.pointer)
        except PartAccessLostError as error:
            self._parts.refused(error)
            await self._leave(receipt, NotResolved(error.code, error.user_message, False))
        except (RateLimitedError, ReauthorizationNeededError) as error:
            self._ended_by = error
        except ConnectorError as error:
            await self._note(receipt, error.code, error.user_message, self._is_final(receipt, error))
        except Exception as error:
            log.error("fetching a delivery met a bug", receipt=str(receipt.id), error=type(error).__name__)
            await self._note(receipt, BUG, type(error).__name__, receipt.attempts >= TRIES_AFTER_A_BUG)
        else:
            self._parts.reached(part_id)
            await self._receipts.resolved(self._key, receipt.id, raw)

    async def _leave(self, receipt: PointerReceipt, why: NotResolved) -> None:
        """Leave a receipt to the sweep; its reason is written once, since it may wait for long."""
        if receipt.attempts == 0:
            await self._receipts.failed(self._key, receipt.id, why)

    def _is_final(self, receipt: PointerReceipt, error: ConnectorError) -> bool:
        return not isinstance(error, RetryableError) or self._clock.now() - receipt.received_at >= GIVE_UP_AFTER

    async def _note(self, receipt: PointerReceipt, reason: str, sentence: str, final: bool) -> None:
        await self._receipts.failed(self._key, receipt.id, NotResolved(reason, sentence, final))
        self._left += not final and receipt.id in self._own


def _receipts_in(payload: JsonValue) -> list[UUID]:
    found = payload.get("receipts") if isinstance(payload, dict) else None
    return [UUID(str(each)) for each in found] if isinstance(found, list) else []
