"""The composition root: every part of a running process is made and tied together here, and nowhere else."""

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from aiohttp import web
from pydantic import SecretBytes, SecretStr

from hub.connector.base import Connector, HostsForms
from hub.connector.clock import Clock, SystemClock
from hub.connector.outgoing import OutgoingClient, open_session
from hub.connectors import Registry
from hub.core.accounts.passwords import PasswordHashing
from hub.core.connections.access import ConnectionAccess
from hub.core.connections.authorising import Authoriser
from hub.core.connections.authorising_by_keys import KeyAuthoriser
from hub.core.connections.disconnecting import Disconnector
from hub.core.connections.endpoints import Endpoints
from hub.core.connections.keyring import MasterKeyring
from hub.core.connections.renewal import GrantRenewer, free_leases_of
from hub.core.connections.sealing import Sealer
from hub.core.connector_health.recording import Recorder
from hub.core.intake.claiming import release as release_receipts
from hub.core.intake.lanes import IntakeLanes
from hub.core.intake.ledger import Ledger
from hub.core.intake.receiving import Receiver
from hub.core.intake.refusals import CountingLedger
from hub.core.jobs.service import planned_job
from hub.core.jobs.service import redrive as redrive_jobs
from hub.core.jobs.service import release as release_jobs
from hub.core.outbound.settling import abandon as abandon_messages
from hub.core.processes.identity import take_name
from hub.db import durability, migrating
from hub.db.engine import Database
from hub.isolation.budgets import MEBIBYTE, Budgets
from hub.isolation.isolation import Policy, Prolonging, isolated
from hub.jobs.addresses import WebhookAddresses
from hub.jobs.catalogue import KnownForms
from hub.jobs.conversions import Conversions
from hub.jobs.engine import JobEngine
from hub.jobs.fetched import ThinReceipts
from hub.jobs.fetching import Fetching
from hub.jobs.housekeeping import Housekeeping
from hub.jobs.opening import ConnectionKey
from hub.jobs.overdue import OverdueWatch
from hub.jobs.polling import LIST_FORMS, Polling
from hub.jobs.presence import Presence
from hub.jobs.renewing import Renewing
from hub.jobs.resolving import Resolving
from hub.jobs.schedule import FIND_POLLS, Schedule
from hub.jobs.sending import Sending
from hub.jobs.subscriptions import CHECK_SUBSCRIPTION, Subscriptions
from hub.jobs.sweeping import Sweeping
from hub.management.setup import furnish_organisation
from hub.settings import Settings
from hub.web.app import build_app
from hub.web.groups import all_groups
from hub.web.limits import RateLimiter
from hub.web.metrics import Measuring
from hub.web.public_forms.intake import PublicForms
from hub.web.public_forms.rates import FormRates
from hub.web.public_forms.routes import add_routes
from hub.web.services import WebServices, WebSettings, client_address
from hub.web.working_parts import WorkingParts

log = structlog.get_logger(__name__)

Role = Literal["serve", "worker"]
SWEEP_EVERY = timedelta(seconds=20)
LATE_COMMIT = 5.0


class StartRefusedError(Exception):
    """The process must not start like this; the text says what is wrong and what to do."""


@dataclass
class Hub:
    """A running process of the hub. ``app`` is None for a worker."""

    settings: Settings
    database: Database
    clock: Clock
    process_name: str
    connectors: Mapping[str, Connector]
    sealer: Sealer
    ledger: Ledger
    intake: IntakeLanes
    engine: JobEngine
    schedule: Schedule
    services: WebServices
    app: web.Application | None


def open_database(settings: Settings) -> Database:
    """The database of a deployment, made and brought to this release's schema where it is the embedded one.

    Raises ``StartRefusedError`` for a server database at another schema, and for one that could lose receipts.
    """
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.sync_database_url)
    if database.is_sqlite:
        migrating.upgrade(database)
    try:
        migrating.check(database)
    except migrating.SchemaError as error:
        database.close()
        raise StartRefusedError(str(error)) from None
    if weak := database.read_now(durability.weaknesses):
        database.close()
        raise StartRefusedError("The database could lose what was acknowledged:\n" + "\n".join(weak))
    return database


def make_sealer(settings: Settings, clock: Clock) -> Sealer:
    """What seals secrets, with the deployment's master keys."""
    return Sealer(MasterKeyring({name: SecretBytes(key) for name, key in settings.keys().items()}), clock)


@asynccontextmanager
async def open_hub(
    settings: Settings,
    role: Role,
    *,
    clock: Clock | None = None,
    registry: Registry | None = None,
    public_url: str | None = None,
) -> AsyncIterator[Hub]:
    """Start everything that a process of this role does, and stop it in good order.

    ``public_url`` is used where the settings name none: the address the server was bound to.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(open_database, settings)
        stack.callback(database.close)
        held = await asyncio.to_thread(take_name, database, socket.gethostname(), settings.process_name or role)
        hub, presence = await _assemble(stack, settings, role, clock, registry, database, held, public_url)
        await database.read(hub.sealer.verify_keys)
        await presence.start()
        stack.push_async_callback(presence.stop)
        watch = OverdueWatch(database, clock, timedelta(minutes=settings.pending_alert_minutes))
        watch.start()
        stack.push_async_callback(watch.stop)
        recorder = Recorder(database, hub.services.get(Measuring).faults, hub.process_name)
        await recorder.start()
        stack.push_async_callback(recorder.stop)
        sweeping = Sweeping(database, clock, hub.process_name, hub.intake.look_again)
        hub.engine.every(SWEEP_EVERY, "sweep", sweeping.sweep)
        await hub.engine.start()
        stack.push_async_callback(hub.engine.stop)
        await sweeping.sweep()
        await sweeping.fetch_now()
        hub.intake.start()
        stack.push_async_callback(hub.intake.stop)
        stack.push_async_callback(hub.ledger.close)
        ending_jobs = asyncio.create_task(_end_jobs_at_stop(hub))
        stack.push_async_callback(_ended, hub, ending_jobs)
        yield hub
    if presence.lost_name is not None:
        raise presence.lost_name


async def _end_jobs_at_stop(hub: Hub) -> None:
    """Jobs get their time to finish while the requests under way are answered, not after them (OP-01: 25 s)."""
    await hub.services.lifecycle.stopping.wait()
    await hub.engine.stop()


async def _ended(hub: Hub, ending_jobs: "asyncio.Task[None]") -> None:
    """Jobs end before the ledger and the intake do: what they still brought in is then settled or given back."""
    hub.services.lifecycle.stop()
    await ending_jobs


async def _assemble(
    stack: AsyncExitStack,
    settings: Settings,
    role: Role,
    clock: Clock,
    registry: Registry | None,
    database: Database,
    held: Any,
    public_url: str | None,
) -> tuple[Hub, Presence]:
    registry = registry or Registry.from_entry_points()
    isolation = await stack.enter_async_context(
        isolated(registry, _budgets(settings), _policy(settings, registry), clock)
    )
    connectors = isolation.connectors
    session = open_session()
    stack.push_async_callback(session.close)
    if settings.allow_loopback:
        log.warning("connectors may call this machine: for simulators only, never in production")
    transport = Prolonging(
        OutgoingClient(session, allow_loopback=settings.allow_loopback, origin_overrides=settings.origin_overrides)
    )
    sealer = make_sealer(settings, clock)
    renewer = GrantRenewer(database, sealer, clock, held.name)
    access = ConnectionAccess(database, connectors, renewer, sealer, transport, clock)
    engine = JobEngine(database, clock, process_name=held.name)
    intake = IntakeLanes(database, clock, held.name, connectors)
    ledger = CountingLedger(database, clock, held.name, intake.offer, _LookingAgain(intake))
    intake.is_busy = lambda: ledger.waiting > 0
    intake.on_pointers = fetching = Fetching(engine)
    stack.push_async_callback(fetching.close)
    origin = public_url or settings.public_url or f"http://{settings.host}:{settings.port}"
    schedule = Schedule(database, clock, engine)
    Housekeeping(database, clock).register(engine)
    addresses = WebhookAddresses(database, origin)
    Sending(database, clock, connectors, access, held.name, addresses).register(engine)
    Conversions(database, clock, connectors, access).register(engine)
    schedule.register(
        Polling(database, clock, connectors, access, ledger, KnownForms(database)),
        Resolving(
            database,
            clock,
            connectors,
            access,
            ThinReceipts(database, clock, held.name, intake.look_again),
        ),
        Renewing(database, clock, connectors, access),
        Subscriptions(database, clock, connectors, access, addresses),
    )

    sweeping = Sweeping(database, clock, held.name, intake.look_again)

    async def take_over(dead: str) -> None:
        await sweeping.sweep()
        await engine.resume_from(dead)
        await sweeping.fetch_now()

    async def redriven() -> None:
        await sweeping.fetch_now()
        engine.wake()

    working = WorkingParts(
        connectors=connectors,
        sealer=sealer,
        ledger=ledger,
        intake=intake,
        receiver=Receiver(database, Endpoints(database, connectors, sealer, clock), ledger),
        access=access,
        authoriser=Authoriser(database, connectors, sealer, transport, clock),
        key_authoriser=KeyAuthoriser(database, connectors, sealer, transport, clock),
        disconnector=Disconnector(database, connectors, sealer, transport, clock),
        process_name=held.name,
        on_connected=_Connected(database, clock, engine),
        on_redriven=redriven,
        reachable=_Reachable(settings.origin_overrides),
    )
    services = _web_services(
        settings,
        database,
        clock,
        origin,
        working,
        Measuring(token=settings.metrics_token, ledger=ledger, faults=isolation.faults),
    )
    presence = Presence(
        database,
        clock,
        held,
        releases=(release_receipts, release_jobs, free_leases_of, abandon_messages),
        gives_back=(release_receipts, release_jobs, free_leases_of, abandon_messages),
        on_taken_over=take_over,
        on_name_lost=services.lifecycle.stop,
    )
    app = _web_app(services, working, settings, connectors) if role == "serve" else None
    hub = Hub(
        settings,
        database,
        clock,
        held.name,
        connectors,
        sealer,
        ledger,
        intake,
        engine,
        schedule,
        services,
        app,
    )
    return hub, presence


@dataclass(frozen=True)
class _LookingAgain:
    """Looks for receipts that were committed although the answer was lost: now, and once more when the commit of a
    connection that broke off must be through."""

    intake: IntakeLanes

    def __call__(self) -> None:
        self.intake.look_again()
        asyncio.get_running_loop().call_later(LATE_COMMIT, self.intake.look_again)


def _budgets(settings: Settings) -> Budgets:
    return Budgets(
        computing=settings.connector_computing_seconds,
        waiting=settings.connector_waiting_seconds,
        memory=settings.connector_memory_mib * MEBIBYTE,
    )


def _policy(settings: Settings, registry: Registry) -> Policy:
    known = {each.manifest.key for each in registry}
    if unknown := sorted(set(settings.connector_trusted) - known):
        raise StartRefusedError(
            f"LEADHUB_CONNECTOR_TRUSTED names connectors that are not installed: {', '.join(unknown)}. "
            f"Installed are: {', '.join(sorted(known))}."
        )
    return Policy(trusted=settings.connector_trusted, all_apart=settings.connector_isolation == "all")


def _web_services(
    settings: Settings,
    database: Database,
    clock: Clock,
    origin: str,
    working: WorkingParts,
    measuring: Measuring,
) -> WebServices:
    return WebServices(
        database=database,
        clock=clock,
        settings=WebSettings(
            public_url=origin,
            trusted_proxies=tuple(str(network) for network in settings.trusted_proxies),
            insecure_cookies=settings.insecure_cookies,
        ),
        passwords=PasswordHashing(),
        limiter=RateLimiter(clock),
        registry=Registry.from_connectors(working.connectors.values()),
        set_up=(furnish_organisation,),
        others={WorkingParts: working, Measuring: measuring},
    )


def _web_app(
    services: WebServices, working: WorkingParts, settings: Settings, connectors: Mapping[str, Connector]
) -> web.Application:
    app = build_app(services, *all_groups())
    app.cleanup_ctx.append(services.get(Measuring).lag.run_beside)
    hosting = next((each for each in connectors.values() if isinstance(each, HostsForms)), None)
    if hosting is not None:
        add_routes(
            app,
            PublicForms(
                database=services.database,
                ledger=working.ledger,
                limiter=services.limiter,
                connector=hosting,
                rates=FormRates(
                    address=settings.form_rate_per_address,
                    form=settings.form_rate_per_form,
                    organisation=settings.form_rate_per_organisation,
                    total=settings.form_rate_total,
                ),
                proof_bits=settings.form_proof_bits,
                clock=services.clock,
                secret=_form_secret(settings),
                public_origin=services.settings.origin,
                client_address=client_address,
            ),
        )
    return app


def _form_secret(settings: Settings) -> SecretStr:
    """What signs render tokens: the same in every process, and for as long as the oldest master key is kept."""
    oldest = list(settings.keys().values())[-1]
    return SecretStr(hmac.new(oldest, b"leadhub public forms", hashlib.sha256).hexdigest())


@dataclass(frozen=True)
class _Connected:
    """Has a connection's forms listed, its deliveries switched on and its parked jobs run as soon as it works."""

    database: Database
    clock: Clock
    engine: JobEngine

    async def __call__(self, organisation_id: UUID, connection_id: UUID) -> None:
        key = ConnectionKey(organisation_id, connection_id)
        await self.database.write(redrive_jobs, organisation_id, self.clock.now(), partition=key.partition)
        await self.engine.enqueue(key.job(CHECK_SUBSCRIPTION))
        await self.engine.enqueue(key.job(LIST_FORMS))
        await self.engine.enqueue(planned_job(FIND_POLLS))


@dataclass(frozen=True)
class _Reachable:
    """Where a browser reaches a platform's address: elsewhere only where a simulator stands in for the platform."""

    overrides: Mapping[str, str]

    def __call__(self, url: str) -> str:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self.overrides.get(origin, origin) + url.removeprefix(origin)
