"""The durable job engine. This module alone knows DBOS.

Our rows (``hub.core.jobs``) are the truth: what must be done, when, and how often it failed. Every process hands
rows that are due to DBOS, which spreads them over all processes, runs one job per kind and partition at a time, and
knows which process runs what. Hence

* a job is added in the caller's own transaction on either database (it is one insert into our table);
* moments are those of our clock, and waits of days are rows that cost nothing;
* the engine's own tables may be lost without losing a job: they stand in a file of their own beside SQLite, with
  cheaper flushes, so that engine and intake never wait for each other's write lock; on PostgreSQL they are the
  schema ``dbos`` of the same database, and handing over is one transaction with the enqueueing;
* whoever was taken for dead can settle nothing, because each hand-over has a generation of its own.

DBOS stamps its tables with the machine's time, which is why this module reads it where it tidies them up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, WorkflowSerializationFormat
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.core.jobs import queries, service
from hub.core.jobs.service import HandedJob, Job
from hub.core.processes.queries import heartbeats
from hub.db.engine import Database, DatabaseUnavailableError
from hub.jobs.engine_database import engine_for, own_url
from hub.jobs.handling import PATIENCE, Handler, Handlers

log = structlog.get_logger(__name__)

APPLICATION = "leadhub"
ENGINE_VERSION = "1"
"""Work of another version is not picked up, so this is no product version: it grows only when the arguments of the
workflow below change. Replays need no version, as the workflow has a single step and that may be repeated."""

WORKFLOW = "job"
QUEUE = "jobs"
HAND_OVER_BATCH = 200
TIDY_BATCH = 500
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
ALIVE = ["ENQUEUED", "PENDING", "DELAYED"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the engine looks and how much it does at once; times in seconds of the machine."""

    look_every: float = 0.5
    poll_every: float = 0.2
    tidy_every: float = 30.0
    concurrency: int = 64
    grace: float = 15.0


class JobEngine:
    """Runs the jobs of one process. There is at most one started engine in a process."""

    _started: ClassVar["JobEngine | None"] = None

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        process_name: str,
        jobs_url: str | None = None,
        pace: Pace = Pace(),
    ) -> None:
        self._database = database
        self._clock = clock
        self._process = process_name
        self._pace = pace
        self._url = sa.make_url(jobs_url) if jobs_url else own_url(database.url)
        self._shares_database = not database.is_sqlite and jobs_url is None
        self._handlers = Handlers(database, clock, process_name)
        self._planned: dict[str, timedelta] = {}
        self._engine: sa.Engine | None = None
        self._client: DBOSClient | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._workflows: set[asyncio.Task[Any]] = set()

    def register(
        self, kind: str, handler: Handler, *, limit: timedelta = timedelta(minutes=30), recurring: bool = False
    ) -> None:
        """Name the handler of a kind of job, before ``start``.

        One that takes longer than ``limit`` is ended and tried again. A ``recurring`` job is dropped where another
        would be parked: its successor comes by schedule.
        """
        self._handlers.register(kind, handler, limit=limit, recurring=recurring)

    def every(self, interval: timedelta, kind: str, handler: Handler) -> None:
        """Register a job that is added once per interval over all processes; its payload is None."""
        self.register(kind, handler, recurring=True)
        self._planned[kind] = interval

    async def start(self) -> None:
        """Begin to run jobs. What this process's name left behind must have been released (``Presence`` does)."""
        if JobEngine._started is not None:
            raise RuntimeError("this process runs a job engine already")
        for kind, interval in self._planned.items():
            await self._database.write(service.plan, kind, interval, self._clock.now())
        JobEngine._started = self
        self._stopping = False
        try:
            await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def _launch(self) -> None:
        self._engine = engine_for(self._url)
        _quiet_logger()
        DBOS(config=self._configuration(self._engine))
        DBOS.workflow(name=WORKFLOW, serialization_type=WorkflowSerializationFormat.PORTABLE)(self._workflow())
        DBOS.launch()
        self._client = await asyncio.to_thread(self._connect_client, self._engine)
        self._loops = [
            asyncio.create_task(self._forever(self._hand_over_all, self._until_woken)),
            asyncio.create_task(self._forever(self._tidy_up, partial(asyncio.sleep, self._pace.tidy_every))),
        ]

    async def stop(self) -> None:
        """Finish what runs within the grace, give the rest back, end every thread (OP-01)."""
        if JobEngine._started is not self:
            return
        self._stopping = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._handlers.end(self._pace.grace)
        if self._workflows:
            await asyncio.wait(self._workflows, timeout=PATIENCE)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
        if self._engine is not None:
            self._engine.dispose()
        JobEngine._started = None
        try:
            await self._database.write(service.release, self._process)
        except DatabaseUnavailableError:
            log.warning("jobs could not be given back; they are found again at the next start")

    async def enqueue(self, job: Job) -> bool:
        """Add a job in a transaction of its own; False where one with this key is not done yet."""
        added = await self._database.write(service.add, job, self._clock.now())
        self.wake()
        return added

    def enqueue_in(self, connection: Connection, job: Job) -> bool:
        """Add a job in the caller's transaction: both are committed or neither is, on either database.

        It is found by the next look; call ``wake`` after the commit to have it at once.
        """
        return service.add(connection, job, self._clock.now())

    def wake(self) -> None:
        """Look for due jobs now. To be called on the event loop."""
        self._wake.set()

    async def resume_from(self, dead_process: str) -> None:
        """After a take-over: free the places that a dead process's jobs hold in the engine, and look at once.

        Jobs that it had begun are released by ``hub.core.jobs.service.release`` in the transaction that claims it;
        here follow those that it had only drawn from the queue, which are still in the name of whoever handed them
        over. An engine that stops leaves this to the tidying of the others.
        """
        if self._stopping:
            return
        await self._give_back(await asyncio.to_thread(self._drawn_by, lambda process: process == dead_process))
        self.wake()

    async def purge(self, older_than: timedelta) -> int:
        """Forget jobs that have been parked for longer than this."""
        now = self._clock.now()
        return await self._database.write(service.purge, now, now - older_than)

    # The two sides of the engine: rows to workflows, and workflows to handlers.

    async def _hand_over_all(self) -> None:
        now = self._clock.now()
        planned, due = await self._database.read(_look, now)
        if planned:
            due = bool(await self._database.write(service.add_planned, now)) or due
        while due and not self._stopping:
            handed = await self._hand_over(now)
            due = len(handed) == HAND_OVER_BATCH

    async def _hand_over(self, now: datetime) -> list[HandedJob]:
        if self._shares_database:
            return await self._database.write(self._hand_over_in, now)
        handed = await self._database.write(service.hand_over, self._process, now, HAND_OVER_BATCH)
        if handed:
            await asyncio.to_thread(self._enqueue_apart, handed)
        return handed

    def _hand_over_in(self, connection: Connection, now: datetime) -> list[HandedJob]:
        handed = service.hand_over(connection, self._process, now, HAND_OVER_BATCH)
        self._enqueue(connection, handed)
        return handed

    def _enqueue_apart(self, handed: list[HandedJob]) -> None:
        assert self._engine is not None  # noqa: S101 - started
        with self._engine.begin() as connection:
            self._enqueue(connection, handed)

    def _enqueue(self, connection: Connection, handed: list[HandedJob]) -> None:
        for job in handed:
            self._dbos_client.enqueue_in_transaction(connection, _options(job), str(job.id), job.generation)

    def _workflow(self) -> Callable[[str, int], Awaitable[None]]:
        async def run(job_id: str, generation: int) -> None:
            task = asyncio.current_task()
            if self._stopping or task is None:
                return
            self._workflows.add(task)
            task.add_done_callback(self._workflows.discard)
            try:
                await self._handlers.run(UUID(job_id), generation)
            except DatabaseUnavailableError:
                log.warning("a job could not be settled; the next tidying finds it", job=job_id)

        return run

    # Keeping the engine's tables small, and finding what fell between them and ours.

    async def _tidy_up(self) -> None:
        moment = self._clock.now() - timedelta(seconds=2 * self._pace.tidy_every)
        handed = await self._database.read(queries.handed_before, moment, TIDY_BATCH)
        stranded = await asyncio.to_thread(self._unknown_among, handed)
        if stranded:
            await self._database.write(service.release_stranded, stranded, moment)
        living = {heartbeat.name for heartbeat in await self._database.read(heartbeats)} | {self._process}
        await self._give_back(await asyncio.to_thread(self._drawn_by, lambda process: process not in living))
        await asyncio.to_thread(self._forget_ended)

    def _unknown_among(self, handed: list[tuple[UUID, int]]) -> list[UUID]:
        ids = {_workflow_id(job_id, generation): job_id for job_id, generation in handed}
        if not ids:
            return []
        found = self._dbos_client.list_workflows(
            workflow_ids=list(ids), status=ALIVE, load_input=False, load_output=False
        )
        alive = {workflow.workflow_id for workflow in found}
        return [job_id for workflow_id, job_id in ids.items() if workflow_id not in alive]

    def _drawn_by(self, is_meant: Callable[[str | None], bool]) -> list[str]:
        """Workflows that count as running in these processes."""
        found = self._dbos_client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return [workflow.workflow_id for workflow in found if is_meant(workflow.executor_id)]

    async def _give_back(self, workflow_ids: list[str]) -> None:
        """Workflows of a process that is gone would keep their jobs, and their partitions' only places, for good."""
        if workflow_ids:
            await self._database.write(service.release_handed, [_held(each) for each in workflow_ids])
            await asyncio.to_thread(self._dbos_client.cancel_workflows, workflow_ids)

    def _forget_ended(self) -> None:
        before = datetime.fromtimestamp(time.time() - 2 * self._pace.tidy_every, UTC).isoformat()
        while True:
            ended = self._dbos_client.list_workflows(
                status=ENDED, completed_before=before, limit=TIDY_BATCH, load_input=False, load_output=False
            )
            if ended:
                self._dbos_client.delete_workflows([workflow.workflow_id for workflow in ended])
            if len(ended) < TIDY_BATCH:
                return

    async def _forever(self, work: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping:
            try:
                await work()
            except DatabaseUnavailableError:
                log.warning("the job engine cannot reach the database and tries again")
            except Exception:
                log.exception("the job engine failed and goes on")
            await pause()

    async def _until_woken(self) -> None:
        """Real time passes here, whatever the clock says: a clock that stands still must not stop the engine."""
        try:
            # Not wait_for: before Python 3.12 it can swallow a cancellation, and then nobody could stop the engine.
            async with asyncio.timeout(self._pace.look_every):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    # Setting DBOS up.

    @property
    def _dbos_client(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the job engine is not started")
        return self._client

    def _configuration(self, engine: sa.Engine) -> DBOSConfig:
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=self._url.render_as_string(hide_password=False),
            system_database_engine=engine,
            executor_id=self._process,
            application_version=ENGINE_VERSION,
            use_listen_notify=False,
            max_executor_threads=2,
            notification_listener_polling_interval_sec=0.1,
            scheduler_polling_interval_sec=3600.0,
            log_level="ERROR",
        )

    def _connect_client(self, engine: sa.Engine) -> DBOSClient:
        client = DBOSClient(
            system_database_url=self._url.render_as_string(hide_password=False),
            system_database_engine=engine,
            application_name=APPLICATION,
            lazy=True,
        )
        client.register_queue(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=self._pace.concurrency,
            polling_interval_sec=self._pace.poll_every,
        )
        return client


def _look(connection: Connection, now: datetime) -> tuple[bool, bool]:
    return bool(queries.planned_now(connection, now)), queries.is_anything_due(connection, now)


def _workflow_id(job_id: UUID, generation: int) -> str:
    return f"{job_id}.{generation}"


def _held(workflow_id: str) -> tuple[UUID, int]:
    job_id, _, generation = workflow_id.partition(".")
    return UUID(job_id), int(generation)


def _options(job: HandedJob) -> EnqueueOptions:
    return EnqueueOptions(
        workflow_name=WORKFLOW,
        queue_name=QUEUE,
        workflow_id=_workflow_id(job.id, job.generation),
        queue_partition_key=f"{job.kind}:{job.partition}" if job.partition else str(job.id),
        serialization_type=WorkflowSerializationFormat.PORTABLE,
    )


def _quiet_logger() -> None:
    """Without a handler of its own here, DBOS would write to the console past our logging."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
