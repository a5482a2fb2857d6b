"""A whole deployment for a test: processes, simulated platform, administrator, load and books."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from hub.connector.clock import SystemClock
from hub.core.connections.models import pull_marks
from plugins.meta_ads.simulator.platform import MetaAdsSimulator
from tests.hosts.accounting import ALL, Books
from tests.hosts.hub_process import Deployment, HubProcess
from tests.hosts.network import LOOPBACK, Host
from tests.hosts.office import Office
from tests.hosts.senders import Load, form_load, platform_load

CALM = 0.5


@dataclass
class Site:
    """``serving`` and ``workers`` run; ``hook`` is the path to which the platform delivers."""

    deployment: Deployment
    serving: list[HubProcess]
    workers: list[HubProcess]
    simulator: MetaAdsSimulator
    office: Office
    books: Books
    form_key: str
    hook: str
    stack: AsyncExitStack
    loads: list[Load] = field(default_factory=list)
    sent_by_hand: set[str] = field(default_factory=set)

    @property
    def processes(self) -> list[HubProcess]:
        """All of them."""
        return [*self.serving, *self.workers]

    async def load(self, *, forms: int = 8, platform: int = 4, pause: float = 0.1) -> None:
        """Set senders to work on all serving processes."""
        folder, targets = self.deployment.folder / f"load-{len(self.loads)}", [each.url for each in self.serving]
        folder.mkdir()
        own = [
            form_load(folder, targets, self.form_key, at_once=forms, pause=pause),
            platform_load(folder, targets, self.hook, self.simulator, at_once=platform, pause=2 * pause),
        ]
        for each in own:
            self.loads.append(await self.stack.enter_async_context(each))

    def calm_down(self) -> None:
        """Senders go on, but let the machine breathe."""
        for each in self.loads:
            each.pause = CALM

    async def finish(self) -> None:
        """No new submissions; all that were begun are acknowledged when this returns."""
        for each in self.loads:
            await each.finish()

    def taken(self) -> set[str]:
        """Everything that was acknowledged."""
        return {key for each in self.loads for key in each.journal.taken}

    def wanted(self) -> set[str]:
        """Everything that was sent."""
        return self.sent_by_hand | {key for each in self.loads for key in each.journal.wanted}

    async def differences(self, within: float = 45.0) -> list[str]:
        """What is wrong in the end; empty if nothing is."""
        if not await self.books.until_nothing_is_pending(within):
            return [f"I5: {len(await self.books.pending_of())} receipts are still pending after {within} s"]
        found = await self.books.differences(self.taken(), self.wanted())
        if not (await self.office.balance())["holds"]:
            found.append("I2: the API says that the balance does not hold")
        return found

    def figures(self) -> dict[str, Any]:
        """What the senders saw."""
        return {
            kind: {"sent": len(each.journal.wanted), "acknowledged": len(each.journal.taken), **each.answers}
            for kind, each in zip(("forms", "platform"), self.loads[-2:], strict=True)
        }

    @contextmanager
    def nobody_settles(self) -> Iterator[None]:
        """Hold the lock that every settling transaction takes (PostgreSQL): receipts pile up meanwhile."""
        with self.books.database.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM routing_settings FOR UPDATE")
            yield

    def pull_now(self) -> None:
        """Have every form of the platform polled as soon as the schedule looks."""
        with self.books.database.engine.begin() as connection:
            connection.execute(sa.update(pull_marks).values(next_run_at=datetime.now(UTC)).execution_options(**ALL))


@asynccontextmanager
async def open_site(
    folder: Path,
    database_url: str,
    *,
    serving: Sequence[str],
    workers: Sequence[str] = (),
    hosts: Sequence[Host] = (),
    ways: Mapping[str, str] = MappingProxyType({}),
    before: Callable[[str], AbstractAsyncContextManager[None]] = lambda simulated: nullcontext(),
) -> AsyncIterator[Site]:
    """Start everything, set it up and connect the platform. ``hosts``: one per process, this machine by default.

    ``ways``: the database's address for a process by name, where it differs from ``database_url``, which we use.
    ``before`` is entered before they start, with the address at which the platform is simulated.
    """
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(MetaAdsSimulator(SystemClock()))
        await stack.enter_async_context(before(simulator.base_url))
        deployment = Deployment(folder, database_url, simulator.origin_overrides())
        deployment.migrate()
        placed = [*hosts, *[LOOPBACK] * (len(serving) + len(workers) - len(hosts))]
        processes = [
            HubProcess(deployment, name, "serve" if name in serving else "worker", host, ways.get(name))
            for name, host in zip([*serving, *workers], placed, strict=True)
        ]
        for each in processes:
            stack.callback(each.kill)
            each.start()
        for each in processes:
            await each.until_ready()
        serves = processes[: len(serving)]
        office = await stack.enter_async_context(Office(serves[-1]))
        form_key, hook = await office.set_up(serves), await office.connect(simulator)
        books = Books(database_url)
        stack.callback(books.close)
        loads = await stack.enter_async_context(AsyncExitStack())
        yield Site(deployment, serves, processes[len(serving) :], simulator, office, books, form_key, hook, loads)
