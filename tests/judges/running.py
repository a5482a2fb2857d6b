"""A whole hub on a thread of its own, reached over a socket only, with two organisations in it."""

import asyncio
import io
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.engine import Connection
from yarl import URL

from hub.bootstrap import Hub, open_hub
from hub.connector.base import Connector
from hub.connectors import Registry
from hub.core.accounts import first_run, sessions
from hub.core.intake.models import receipts
from hub.core.organisations.models import roles, user_centres, users
from hub.core.organisations.queries import list_centres
from hub.core.tables import metadata
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.management.setup import furnish_organisation
from hub.settings import Settings
from hub.web.cookies import INSECURE_NAME
from hub.web.server import WatchedRunner
from tests.web.test_logs import captured

T = TypeVar("T")
ROLES = ("Administrator", "Manager", "Sales", "Viewer")
LARGE = 500_000
NO_PASSWORD = "!"
"""What stands for a hash where nobody signs in with a password."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Organisation:
    """One organisation and a session per role."""

    id: UUID
    user_ids: dict[str, UUID] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """The hub, and short ways to talk to it and to look inside."""

    hub: Hub
    url: str
    loop: asyncio.AbstractEventLoop
    mine: Organisation
    other: Organisation
    log: Callable[[], str]
    """Every line logged so far, as in production."""

    def inside(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the hub's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def ask(
        self,
        client: aiohttp.ClientSession,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = "Administrator",
        owner: Organisation | None = None,
    ) -> Answer:
        """A request of the API by somebody of ``mine`` (or of ``owner``); nobody where ``role`` is None."""
        headers = {"Origin": self.url}
        if role is not None:
            headers["Cookie"] = f"{INSECURE_NAME}={(owner or self.mine).sessions[role]}"
        async with client.request(
            method, f"{self.url}{path}", json=body, headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def raw(self, client: aiohttp.ClientSession, method: str, path: str) -> Answer:
        """A request of the administrator whose address is sent exactly as it is written."""
        headers = {"Cookie": f"{INSECURE_NAME}={self.mine.sessions['Administrator']}"}
        async with client.request(method, URL(f"{self.url}{path}", encoded=True), headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def post(
        self, client: aiohttp.ClientSession, path: str, raw: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        """Raw bytes as a stranger posts them."""
        async with client.post(
            f"{self.url}{path}",
            data=io.BytesIO(raw) if len(raw) > LARGE else raw,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def made(self, client: aiohttp.ClientSession, path: str, body: Any, **options: Any) -> Any:
        """The JSON of a POST that must have worked."""
        answer = await self.ask(client, "POST", path, body, **options)
        assert answer.status in (200, 201), f"{path}: {answer.status} {answer.body.decode()}"
        return answer.json

    def rows(self, table: sa.Table, *conditions: Any) -> list[Any]:
        """Rows of a table, of every organisation, in the order of their ids."""
        statement = sa.select(table).where(*conditions).order_by(*table.primary_key.columns)
        return self.hub.database.read_now(
            lambda connection: list(
                connection.execute(statement.execution_options(**{ALL_ORGANISATIONS: "a test looks at every row"}))
            )
        )

    def newest(self, table: sa.Table) -> UUID:
        """The id of the newest row: ids grow with time, so later rows have greater ones."""
        statement = sa.select(table.c.id).order_by(table.c.id.desc()).limit(1)
        statement = statement.execution_options(**{ALL_ORGANISATIONS: "a test looks at every row"})
        return self.hub.database.read_now(lambda connection: connection.scalar(statement)) or UUID(int=0)

    def everything(self, left_out: frozenset[str] = frozenset()) -> dict[str, list[str]]:
        """Every row of every table as text, without these tables and columns (``table`` or ``table.column``)."""

        def read(connection: Connection) -> dict[str, list[str]]:
            found = {}
            for table in metadata.sorted_tables:
                if table.name not in left_out:
                    columns = [each for each in table.columns if f"{table.name}.{each.name}" not in left_out]
                    statement = sa.select(*columns).execution_options(**{ALL_ORGANISATIONS: "a test looks at all"})
                    found[table.name] = sorted(repr(row) for row in connection.execute(statement))
            return found

        return self.hub.database.read_now(read)

    async def settled(self) -> None:
        """Wait until no receipt is pending and every refusal is counted."""
        for _ in range(400):
            pending = self.rows(receipts, receipts.c.disposition == "pending")
            if not pending:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"{len(pending)} receipts are still pending")
        self.inside(self.hub.ledger.close())


@contextmanager
def running_hub(database_url: str, folder: Path, connectors: list[Connector], **settings: Any) -> Iterator[Running]:
    """Start a hub at a free port; stop it at the end."""
    with captured("json") as log, running_loop("hub") as thread:
        loop = thread.loop
        started: Future[tuple[Hub, str]] = Future()
        stop = asyncio.Event()

        async def live() -> None:
            async with _serving(database_url, folder, connectors, settings) as found:
                started.set_result(found)
                await stop.wait()

        life = asyncio.run_coroutine_threadsafe(live(), loop)
        wait([life, started], 60, FIRST_COMPLETED)
        if life.done():
            life.result()
        try:
            hub, url = started.result(0)
            mine, other = (hub.database.write_now(_organisation, name, hub) for name in ("mine", "other"))
            yield Running(hub, url, loop, mine, other, log)
        finally:
            loop.call_soon_threadsafe(stop.set)
            life.result(60)


@dataclass(frozen=True)
class LoopThread:
    """An event loop on a thread of its own."""

    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def running_loop(name: str) -> Iterator[LoopThread]:
    """A loop that runs until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()
    try:
        yield LoopThread(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def _serving(
    database_url: str, folder: Path, connectors: list[Connector], more: dict[str, Any]
) -> AsyncIterator[tuple[Hub, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(data_dir=folder, database_url=database_url, public_url=url, insecure_cookies=True, **more)
    async with open_hub(settings, "serve", registry=Registry.from_connectors(connectors)) as hub:
        assert hub.app is not None
        runner = WatchedRunner(hub.app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        hub.services.lifecycle.is_ready = True
        yield hub, url
        hub.services.lifecycle.stop()
        await runner.cleanup()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _organisation(connection: Connection, name: str, hub: Hub) -> Organisation:
    now = hub.clock.now()
    organisation_id, admin_id = first_run.create_organisation(
        connection,
        first_run.NewOrganisation(name=name, country="DE", language="en", time_zone="Europe/Berlin"),
        first_run.NewPerson(name="Administrator", email=f"admin@{name}.example.com", password_hash=NO_PASSWORD),
        now=now,
    )
    made = Organisation(organisation_id, {"Administrator": admin_id})
    found = connection.execute(sa.select(roles.c.name, roles.c.id).where(roles.c.organisation_id == organisation_id))
    role_ids = {row.name: row.id for row in found}
    for role in ROLES[1:]:
        made.user_ids[role] = new_id()
        connection.execute(
            sa.insert(users).values(
                id=made.user_ids[role],
                organisation_id=organisation_id,
                email=f"{role.lower()}@{name}.example.com",
                name=role,
                password_hash=NO_PASSWORD,
                role_id=role_ids[role],
                is_active=True,
                created_at=now,
            )
        )
    furnish_organisation(connection, organisation_id, now)
    centre_id = list_centres(connection, organisation_id)[0].id
    for role in ("Manager", "Sales"):
        place = {"organisation_id": organisation_id, "user_id": made.user_ids[role], "centre_id": centre_id}
        connection.execute(sa.insert(user_centres).values(place))
    for role, user_id in made.user_ids.items():
        made.sessions[role] = sessions.start_session(
            connection, organisation_id, user_id, address="192.0.2.1", agent="judge", now=now
        )
    return made
