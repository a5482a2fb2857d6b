"""A hub whose time is virtual: the real parts on a real database, an engine that runs jobs when it is told to.

Only the job engine is another one: it takes the same rows by the same rules, and runs what is due at the virtual
moment. Deliveries arrive over HTTP, calls leave over HTTP.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import sqlalchemy as sa
from aiohttp import web
from pydantic import SecretBytes, SecretStr
from sqlalchemy.engine import Connection

from hub.connector.base import Connector
from hub.connector.clock import Clock
from hub.connector.models import InboundRequest
from hub.core.connections.access import ConnectionAccess
from hub.core.connections.apps import create_app
from hub.core.connections.authorisation_requests import Visitor
from hub.core.connections.authorising import Authoriser
from hub.core.connections.endpoints import Endpoints
from hub.core.connections.keyring import MasterKeyring
from hub.core.connections.models import connections
from hub.core.connections.renewal import GrantRenewer
from hub.core.connections.sealing import Sealer
from hub.core.intake.balance import PathShare, balance, path_shares, recount
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.intake.receiving import Receiver
from hub.core.intake.work_off import Intake
from hub.core.jobs import service
from hub.core.jobs.models import jobs
from hub.core.jobs.service import redrive as redrive_jobs
from hub.core.leads.models import lead_keys, leads
from hub.core.organisations.models import roles, users
from hub.core.organisations.service import make_assignee
from hub.core.pulls.service import pull_all_soon
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.jobs.addresses import WebhookAddresses
from hub.jobs.catalogue import KnownForms
from hub.jobs.engine import JobEngine
from hub.jobs.fetched import ThinReceipts
from hub.jobs.handling import Handler, Handlers
from hub.jobs.opening import ConnectionKey
from hub.jobs.polling import LIST_FORMS, Polling
from hub.jobs.renewing import Renewing
from hub.jobs.resolving import RESOLVE, Resolving, resolve_jobs
from hub.jobs.schedule import Schedule
from hub.jobs.subscriptions import CHECK_SUBSCRIPTION, Subscriptions
from hub.jobs.sweeping import Sweeping
from hub.management.setup import create_organisation
from hub.testing.clock import VirtualClock
from hub.testing.transport import LoopbackTransport
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator import MetaAdsSimulator
from plugins.meta_ads.simulator.world import ShiftedClock

PROCESS = "virtual-1"
ORIGIN = "https://hub.example.com"
REDIRECT = f"{ORIGIN}/oauth/callback"
STEP = timedelta(minutes=10)


class VirtualEngine(JobEngine):
    """Runs the jobs that are due at the virtual moment, one after the other."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, process_name=PROCESS)
        self._virtual = Handlers(database, clock, PROCESS, jitter=lambda: 0.5)

    def register(
        self, kind: str, handler: Handler, *, limit: timedelta = timedelta(minutes=30), recurring: bool = False
    ) -> None:
        self._virtual.register(kind, handler, limit=limit, recurring=recurring)

    async def begin(self) -> None:
        """Plan what was registered with an interval."""
        for kind, interval in self._planned.items():
            await self._database.write(service.plan, kind, interval, self._clock.now())

    async def run_due(self) -> None:
        """Everything that is due now, and what becomes due by it."""
        await self._database.write(service.add_planned, self._clock.now())
        for _ in range(50):
            handed = await self._database.write(service.hand_over, PROCESS, self._clock.now(), 200)
            if not handed:
                return
            for job in handed:
                await self._virtual.run(job.id, job.generation)
        raise AssertionError("the jobs of one moment never end")


class Door:
    """The address at which deliveries arrive; it can be closed, as when a machine is off."""

    def __init__(self, receive: Callable[[str, str, InboundRequest], Any], clock: Clock) -> None:
        self._receive = receive
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def open(self) -> None:
        """Begin to listen, at the same port each time."""
        app = web.Application()
        app.router.add_route("*", "/hooks/{connector}/{key}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.Response:
        inbound = InboundRequest(
            method=request.method,
            url=f"{ORIGIN}{request.path_qs}",
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            received_at=self._clock.now(),
        )
        reply = await self._receive(request.match_info["connector"], request.match_info["key"], inbound)
        return web.Response(status=reply.status, body=reply.body)


@dataclass
class VirtualHub:
    """The parts, wired as ``hub.bootstrap`` wires them. Without ``works_off`` receipts stay as they came."""

    database: Database
    clock: VirtualClock
    simulator: MetaAdsSimulator
    organisation_id: UUID
    app_id: UUID
    visitor: Visitor
    authoriser: Authoriser
    engine: VirtualEngine
    intake: Intake
    ledger: Ledger
    door: Door
    connection_id: UUID | None = None
    works_off: bool = True
    stored_pointers: list[Mapping[str, Any]] = field(default_factory=list)

    async def connect(self) -> None:
        """The dance of an administrator, for the first time or again."""
        url = await self.authoriser.begin(self.visitor, self.app_id, REDIRECT, connection_id=self.connection_id)
        back = await self.simulator.authorize(url)
        done = await self.authoriser.complete(
            self.visitor, dict(parse_qsl(urlsplit(back).query)), REDIRECT, actor="user:test"
        )
        self.connection_id = done.connection_id
        key = ConnectionKey(self.organisation_id, done.connection_id)
        now = self.clock.now()
        await self.database.write(redrive_jobs, self.organisation_id, now, partition=key.partition)
        await self.database.write(pull_all_soon, self.organisation_id, done.connection_id, now)
        for kind in (LIST_FORMS, CHECK_SUBSCRIPTION):
            await self.engine.enqueue(key.job(kind))
        await self.turn()

    async def turn(self) -> None:
        """Whatever the hub does by itself at this moment."""
        pointers, self.stored_pointers[:] = list(self.stored_pointers), []
        for row in pointers:
            key = ConnectionKey(row["organisation_id"], row["connection_id"])
            for job in resolve_jobs(key, [row["id"]]):
                await self.engine.enqueue(job)
        await self.engine.run_due()
        if self.works_off:
            await self.intake.drain()

    async def pass_time(self, time: timedelta, *, step: timedelta = STEP, runs: bool = True) -> None:
        """Let time pass; at each step the platform repeats what is due, and the hub, if it runs, does its work."""
        until = self.clock.now() + time
        while self.clock.now() < until:
            self.clock.advance(min(step, until - self.clock.now()))
            await self.simulator.retry_due()
            if runs:
                await self.turn()

    def park_fetching(self) -> None:
        """Add the jobs of what was delivered, parked."""
        rows, self.stored_pointers[:] = list(self.stored_pointers), []

        def work(connection: Connection) -> None:
            for row in rows:
                key = ConnectionKey(row["organisation_id"], row["connection_id"])
                for job in resolve_jobs(key, [row["id"]]):
                    service.add(connection, job, self.clock.now())
            parked = sa.update(jobs).where(jobs.c.organisation_id == self.organisation_id, jobs.c.kind == RESOLVE)
            connection.execute(parked.values(state="parked", parked_at=self.clock.now()))

        self.database.write_now(work)

    # --- what is there ------------------------------------------------------------------------------------

    def state(self) -> str:
        """Of the connection."""
        query = sa.select(connections.c.state).where(connections.c.organisation_id == self.organisation_id)
        return str(self.database.read_now(lambda connection: connection.scalar(query)))

    def lead_ids(self) -> list[str]:
        """The platform's ids of all leads, sorted, so that doubles show."""
        query = sa.select(lead_keys.c.source_id).where(
            lead_keys.c.organisation_id == self.organisation_id, lead_keys.c.lead_id.is_not(None)
        )
        return sorted(self.database.read_now(lambda connection: list(connection.scalars(query))))

    def number_of_leads(self) -> int:
        """Rows in the table of leads."""
        query = sa.select(sa.func.count()).select_from(leads).where(leads.c.organisation_id == self.organisation_id)
        return int(self.database.read_now(lambda connection: connection.scalar(query)) or 0)

    def balance_holds(self) -> bool:
        """Whether every receipt is accounted for, the counters agree with the receipts, and nothing is pending."""
        lines = self.database.read_now(balance, self.organisation_id)
        counted = self.database.read_now(recount, self.organisation_id)
        return all(line.holds for line in lines) and counted.agrees and not counted.found.get("pending")

    def shares(self) -> dict[str, int]:
        """By way in: how many submissions it was the first to bring."""
        found: dict[str, int] = {}
        since = self.clock.now() - timedelta(days=30)
        for share in self.database.read_now(path_shares, self.organisation_id, since):
            _add_up(found, share)
        return found

    def late_leads(self) -> int:
        """How many are marked as received long after they were submitted."""
        query = (
            sa.select(sa.func.count())
            .select_from(leads)
            .where(leads.c.organisation_id == self.organisation_id, leads.c.is_late)
        )
        return int(self.database.read_now(lambda connection: connection.scalar(query)) or 0)

    def received_ids(self) -> list[str]:
        """The platform's ids of all receipts, sorted, so that doubles show."""
        query = sa.select(receipts.c.source_id).where(receipts.c.organisation_id == self.organisation_id)
        return sorted(self.database.read_now(lambda connection: list(connection.scalars(query))))


def _add_up(found: dict[str, int], share: PathShare) -> None:
    for path, number in share.found_by.items():
        found[path] = found.get(path, 0) + number


@asynccontextmanager
async def open_virtual_hub(
    database: Database, clock: VirtualClock, *, platform_ahead: timedelta = timedelta(0), page_size: int = 200
) -> AsyncIterator[VirtualHub]:
    """A hub with an organisation and an app, not connected yet. ``platform_ahead``: how far its clock is off."""
    simulator = MetaAdsSimulator(ShiftedClock(clock, platform_ahead) if platform_ahead else clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        hub = await _assemble(database, clock, simulator, transport, page_size)
        await hub.door.open()
        simulator.reach = {ORIGIN: f"http://127.0.0.1:{hub.door.port}"}
        await hub.engine.begin()
        try:
            yield hub
        finally:
            await hub.door.close()
            await hub.ledger.close()


async def _assemble(
    database: Database, clock: VirtualClock, simulator: MetaAdsSimulator, transport: LoopbackTransport, page_size: int
) -> VirtualHub:
    connectors: dict[str, Connector] = {"meta_ads": MetaAds()}
    sealer = Sealer(MasterKeyring({"k1": SecretBytes(bytes(range(32)))}), clock)
    access = ConnectionAccess(
        database, connectors, GrantRenewer(database, sealer, clock, PROCESS), sealer, transport, clock
    )
    intake = Intake(database, clock, PROCESS, connectors, FormWorks(database, clock))
    ledger = Ledger(database, clock, PROCESS, intake.offer)
    engine = VirtualEngine(database, clock)
    Schedule(database, clock, engine).register(
        Polling(database, clock, connectors, access, ledger, KnownForms(database)),
        Resolving(database, clock, connectors, access, ThinReceipts(database, clock, PROCESS, intake.look_again)),
        Renewing(database, clock, connectors, access),
        Subscriptions(database, clock, connectors, access, WebhookAddresses(database, ORIGIN)),
    )
    engine.every(timedelta(seconds=20), "sweep", Sweeping(database, clock, PROCESS, intake.look_again).sweep)
    receiver = Receiver(database, Endpoints(database, connectors, sealer, clock), ledger)
    settings = {name: _plain(value) for name, value in simulator.settings() if value is not None}
    settings["page_size"] = page_size
    organisation_id, user_id, app_id = database.write_now(_furnish, sealer, connectors["meta_ads"], settings, clock)
    hub = VirtualHub(
        database=database,
        clock=clock,
        simulator=simulator,
        organisation_id=organisation_id,
        app_id=app_id,
        visitor=Visitor(organisation_id, user_id, SecretStr("a browser of the test")),
        authoriser=Authoriser(database, connectors, sealer, transport, clock),
        engine=engine,
        intake=intake,
        ledger=ledger,
        door=Door(lambda connector, key, request: receiver.receive(connector, key, request, "127.0.0.1"), clock),
    )
    intake.on_pointers = hub.stored_pointers.extend
    return hub


def _furnish(
    connection: Connection, sealer: Sealer, connector: Connector, settings: dict[str, object], clock: VirtualClock
) -> tuple[UUID, UUID, UUID]:
    now = clock.now()
    organisation_id = create_organisation(
        connection, name="Example Clinic", country="PT", language="en", time_zone="Europe/Lisbon", now=now
    )
    role_id, user_id = new_id(), new_id()
    role = {"id": role_id, "organisation_id": organisation_id, "name": "Sales", "permissions": []}
    connection.execute(sa.insert(roles).values(role))
    connection.execute(
        sa.insert(users).values(
            id=user_id,
            organisation_id=organisation_id,
            email="sales@example.com",
            name="Sales",
            role_id=role_id,
            is_active=True,
            created_at=now,
        )
    )
    make_assignee(connection, organisation_id, user_id)
    app = create_app(
        connection, sealer, connector, organisation_id, name="Test", values=settings, actor="user:test", now=now
    )
    return organisation_id, user_id, app.id


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
