"""Working receipts off: woken directly by the ledger, in batches, one poisoned receipt never holding up others."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError

from hub.connector.base import Connector
from hub.connector.clock import Clock
from hub.core.connections.apart import ConnectorRestingError
from hub.core.intake.claiming import read_held
from hub.core.intake.form_work import FormWorks
from hub.core.intake.lane import EVERYTHING, Lane
from hub.core.intake.pace import Pace
from hub.core.intake.preparing import Failed, prepare
from hub.core.intake.receipts import Disposition
from hub.core.intake.settling import Work, settle
from hub.core.leads.incoming import Incoming, Outcome
from hub.core.organisations.errors import ServiceError, UnknownRecordError
from hub.db.engine import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)

HELD_IN_MEMORY = 500
"""Receipts kept in memory; what comes beyond stays in the database and is read again when its turn comes."""
RETRY_AFTER = 0.25
LOOK_EVERY = 10.0
"""Seconds after which an idle intake looks at the database unasked: a wake that got lost costs time, never a lead."""
TRIES = 5
"""So often one receipt is prepared while others change what it is prepared with."""

Listener = Callable[[Sequence[Outcome]], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What ``taken`` receipts became, up to one whose connector is ``resting``. One whose connector was moved elsewhere
    is left out: it stays pending for the lane that it has there."""

    taken: int
    batch: list[Work]
    resting: ConnectorRestingError | None = None


@dataclass
class Intake:
    """Turns receipts into leads for one process. ``is_busy`` says that deliveries wait for their commit."""

    database: Database
    clock: Clock
    process_name: str
    connectors: Mapping[str, Connector]
    forms: FormWorks
    is_busy: Callable[[], bool] = lambda: False
    on_pointers: Callable[[Sequence[Mapping[str, Any]]], None] = lambda rows: None
    on_settled: Listener = lambda outcomes: None
    lane: Lane = EVERYTHING
    threads: Executor | None = None
    """Where receipts are read; None: where everybody reads."""
    _queue: deque[Mapping[str, Any]] = field(default_factory=deque)
    _has_more: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _pace: Pace = field(default_factory=Pace)
    _stopping: bool = False
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _tried_again: set[UUID] = field(default_factory=set)
    _ahead: asyncio.Task[Prepared] | None = None
    _preparing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, first of all on what the database already holds for this process."""
        self.look_again()
        self._task = asyncio.create_task(self._run(), name="intake")

    async def stop(self) -> None:
        """Finish the batch under way; what is left stays pending in the database."""
        self._stopping = True
        self._stopped.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    def offer(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows that the ledger has just committed (called on the event loop)."""
        pointers = []
        self._pace.note_arrivals(len(rows))
        for row in rows:
            if row["disposition"] != Disposition.PENDING.value:
                continue
            if row["payload"] is None:
                pointers.append(row)
            elif self._has_more or len(self._queue) >= HELD_IN_MEMORY:
                self._has_more = True
            else:
                self._queue.append(row)
        if self._queue or self._has_more:
            self._wake.set()
        if pointers:
            self.on_pointers(pointers)

    def look_again(self) -> None:
        """Read what the database holds for this process: after a start, a take-over, a redrive, a resolve."""
        self._has_more = True
        self._wake.set()

    async def drain(self) -> None:
        """Work until nothing workable is left (commands and tests)."""
        self.look_again()
        while await self._next_batch():
            pass

    async def _run(self) -> None:
        while not self._stopping:
            await self._woken()
            while not self._stopping:
                try:
                    started = perf_counter()
                    size = await self._next_batch()
                    if not size:
                        break
                    if rest := self._pace.rest_after(size, perf_counter() - started):
                        await self.clock.sleep(rest)
                except ConnectorRestingError as resting:
                    await self._rest(resting)
                except DatabaseUnavailableError as failure:
                    log.warning("intake_waits_for_the_database", error=type(failure).__name__)
                    await self._begin_anew()
                except Exception:
                    log.exception("intake_failed_and_goes_on")
                    await self._begin_anew()
        await self._give_up_ahead()

    async def _rest(self, resting: ConnectorRestingError) -> None:
        """Leave the connector of this lane alone for a while; in the common lane others wait for their turn."""
        with suppress(TimeoutError):
            async with asyncio.timeout(resting.rest.total_seconds() if self.lane.only is not None else 0):
                await self._stopped.wait()
        await self._begin_anew()

    async def _woken(self) -> None:
        unasked = asyncio.get_running_loop().call_later(LOOK_EVERY, self.look_again)
        await self._wake.wait()
        unasked.cancel()
        self._wake.clear()

    async def _begin_anew(self) -> None:
        """Forget what is in memory and read it again shortly: what of it was settled, only the database knows."""
        self._has_more = True
        self._queue.clear()
        await self._give_up_ahead()
        await self.clock.sleep(RETRY_AFTER)

    async def _give_up_ahead(self) -> None:
        """Wait for the batch that is being prepared, if there is one, and drop it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await asyncio.wait((ahead,))
            if failure := ahead.exception():
                log.warning("preparing_ahead_failed", error=type(failure).__name__)

    async def _next_batch(self) -> int:
        """Work some receipts off, if there are any; how many it was.

        Writing leaves the processor idle for half of its time, and so the next batch is prepared meanwhile, unless
        deliveries come in: they need the time between two batches.
        """
        prepared = await self._prepared()
        if prepared.resting is None and self._queue and not self._pace.is_receiving and not self.is_busy():
            self._ahead = asyncio.create_task(self._prepare_some(), name="intake: prepare ahead")
        await self._settle_prepared(prepared)
        return prepared.taken

    async def _settle_prepared(self, prepared: Prepared) -> None:
        if prepared.batch:
            await self._settle(prepared.batch)
        if prepared.resting is not None:
            raise prepared.resting

    async def _prepared(self) -> Prepared:
        """The batch that was prepared ahead, else the next one. The database is asked only when neither memory nor
        a batch under way holds any: what is being settled still looks pending there."""
        if (ahead := self._ahead) is not None:
            self._ahead = None
            return await ahead
        if not self._queue and self._has_more:
            self._has_more = False
            rows = await self.database.read(read_held, self.process_name, HELD_IN_MEMORY, self.lane)
            self._queue.extend(rows)
            self._has_more = self._has_more or len(rows) == HELD_IN_MEMORY
        return await self._prepare_some()

    async def _prepare_some(self) -> Prepared:
        rows = [self._queue.popleft() for _ in range(min(self._pace.batch_size, len(self._queue)))]
        return await self._prepare_in_thread(rows) if rows else Prepared(0, [])

    async def _prepare_in_thread(self, rows: Sequence[Mapping[str, Any]]) -> Prepared:
        async with self._preparing:
            return await asyncio.get_running_loop().run_in_executor(self.threads, self._prepare, rows)

    def _prepare(self, rows: Sequence[Mapping[str, Any]]) -> Prepared:
        self.forms.refresh({row["organisation_id"] for row in rows})
        batch: list[Work] = []
        for row in rows:
            if self._stopping and self.lane.only is not None:
                break
            if not self.lane.takes(row):
                continue
            try:
                batch.append(Work(row, self._prepare_one(row)))
            except ConnectorRestingError as resting:
                return Prepared(len(rows), batch, resting)
        return Prepared(len(rows), batch)

    def _prepare_one(self, row: Mapping[str, Any], tries: int = TRIES) -> Incoming | Failed:
        """What breaks the preparation of one receipt ends that one; the others of its batch have their turn."""
        try:
            return prepare(row, self.connectors, self.forms.find)
        except (DatabaseUnavailableError, ConnectorRestingError):
            raise
        except Exception as error:
            if isinstance(error, IntegrityError | ServiceError) and tries > 1:
                # Other processes may have made the same source and form known just now, or a default was removed.
                self.forms.forget()
                return self._prepare_one(row, tries - 1)
            if isinstance(error, UnknownRecordError) and error.what == "connection":
                return Failed(row["id"], Disposition.QUARANTINED, "connection_deleted", "its connection was deleted")
            log.warning("preparing_failed", receipt=str(row["id"]), error=type(error).__name__, exc_info=error)
            detail = f"preparing it failed with {type(error).__name__}"
            return Failed(row["id"], Disposition.QUARANTINED, "processing_fault", detail)

    async def _settle(self, batch: list[Work]) -> None:
        started = perf_counter()
        try:
            outcomes = await self.database.write(settle, batch, self.process_name, self.clock.now())
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            await self._split(batch, error)
            return
        self._pace.adapt(len(batch), perf_counter() - started, is_busy=self.is_busy())
        self.on_settled(outcomes)

    async def _split(self, batch: list[Work], error: Exception) -> None:
        """Find the poisoned receipt of a batch that failed as a whole: halves, then the one, which is set aside."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
            return
        row, made = batch[0].row, batch[0].made
        if isinstance(made, Failed):
            # Raising would hold up everybody behind it, for ever. It stays pending, which is watched and alarmed.
            log.error("receipt_cannot_be_set_aside", receipt=str(row["id"]), error=type(error).__name__, exc_info=error)
            return
        if isinstance(error, IntegrityError) and row["id"] not in self._tried_again:
            # What it refers to (a stage, a centre) may be gone since it was prepared: once more with fresh eyes.
            self._tried_again.add(row["id"])
            async with self._preparing:
                self.forms.forget()
            await self._settle_prepared(await self._prepare_in_thread([row]))
            return
        self._tried_again.discard(row["id"])
        log.warning("processing_fault", receipt=str(row["id"]), error=type(error).__name__, exc_info=error)
        detail = f"processing failed with {type(error).__name__}"
        poisoned = Failed(row["id"], Disposition.QUARANTINED, "processing_fault", detail)
        await self._settle([Work(row, poisoned)])
