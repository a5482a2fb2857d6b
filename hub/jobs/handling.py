"""From a job that was handed over to its handler, and from the handler's outcome to the job's row."""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.connector.errors import RetryableError
from hub.core.jobs import queries, service
from hub.core.jobs.queries import RunningJob
from hub.db.engine import Database
from hub.jobs.retrying import BUG, Jitter, Retry, decide

log = structlog.get_logger(__name__)

Handler = Callable[[JsonValue], Awaitable[object]]
"""Does one job on the server's event loop; may run twice, so each of its effects must be safe to repeat."""

PATIENCE = 5.0
"""Seconds that a handler gets to end after it was cancelled."""


@dataclass(frozen=True, slots=True)
class _Kind:
    handler: Handler
    limit: timedelta
    recurring: bool


class _EndedError(Exception):
    """The handler was cancelled because the process ends; its job is given back."""


class Handlers:
    """The handlers of one process, by kind, and those that run at present."""

    def __init__(self, database: Database, clock: Clock, process_name: str, *, jitter: Jitter = random.random) -> None:
        self._database = database
        self._clock = clock
        self._process = process_name
        self._jitter = jitter
        self._kinds: dict[str, _Kind] = {}
        self._running: set[asyncio.Future[Any]] = set()
        self._ending = False

    def register(self, kind: str, handler: Handler, *, limit: timedelta, recurring: bool) -> None:
        """Name the handler of a kind."""
        if kind in self._kinds:
            raise ValueError(f"{kind!r} has a handler already")
        self._kinds[kind] = _Kind(handler, limit, recurring)

    async def end(self, grace: float) -> None:
        """Let what runs finish for so many seconds, then cancel it; start nothing more."""
        self._ending = True
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in self._running:
            task.cancel()

    async def run(self, job_id: UUID, generation: int) -> None:
        """Run a handed job and settle it. Nothing happens if it is done or changed hands.

        Raises ``DatabaseUnavailableError`` where it could not be settled: its row then still says "handed".
        """
        now = self._clock.now()
        job = await self._database.read(queries.ready, job_id, generation, self._process, now)
        if job is None:
            job = await self._database.write(service.begin, job_id, generation, self._process, now)
        if job is None or self._ending:
            return
        try:
            await self._handle(job)
        except _EndedError:
            return
        except Exception as error:
            await self._settle_failure(job, error)
        else:
            await self._database.write(service.finish, job.id, job.generation)

    async def _handle(self, job: RunningJob) -> None:
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise RetryableError("This version of the hub does not know this kind of job.", code="unknown_kind")
        task = asyncio.ensure_future(kind.handler(job.payload))
        self._running.add(task)
        task.add_done_callback(self._forget)
        await asyncio.wait({task}, timeout=kind.limit.total_seconds())
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE)
            raise TimeoutError
        if task.cancelled():
            raise _EndedError if self._ending else RuntimeError("the handler cancelled itself")
        await task

    def _forget(self, task: "asyncio.Future[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _settle_failure(self, job: RunningJob, error: Exception) -> None:
        now = self._clock.now()
        verdict = decide(job, error, now, self._jitter)
        _tell(job, verdict.failure.reason, error)
        kind = self._kinds.get(job.kind)
        if isinstance(verdict, Retry):
            await self._database.write(_retry, job, verdict)
        elif kind is not None and kind.recurring:
            await self._database.write(service.finish, job.id, job.generation)
        else:
            await self._database.write(service.park, job, verdict.failure, now)


def _tell(job: RunningJob, reason: str, error: Exception) -> None:
    """A bug is logged with its traceback but without its text, which could hold anything."""
    if reason != BUG:
        log.info("a job failed", job=str(job.id), kind=job.kind, reason=reason)
        return
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    log.error("a job met a bug", job=str(job.id), kind=job.kind, error=type(error).__name__, where=where)


def _retry(connection: Connection, job: RunningJob, verdict: Retry) -> None:
    settled = service.retry(connection, job, verdict.failure, verdict.due_at)
    if settled and job.partition and verdict.hold_until is not None:
        service.hold_partition(connection, job.partition, verdict.hold_until)
