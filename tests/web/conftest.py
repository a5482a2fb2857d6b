"""The hub over HTTP, on both databases: two organisations with two centres each and one person per role."""

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from sqlalchemy.engine import Connection

from hub.core.accounts import first_run, sessions
from hub.core.accounts.passwords import PasswordHashing
from hub.core.organisations.models import centres, roles, user_centres, users
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.testing.clock import VirtualClock
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.app import build_app
from hub.web.cookies import SECURE_NAME
from hub.web.limits import RateLimiter
from hub.web.server import ConnectionLimits, WatchedRunner
from hub.web.services import WebServices, WebSettings

PASSWORD = "four unrelated words: violin harbour"
ORIGIN = "https://leads.example.com"
LARGE = 500_000
ROLES = ("Administrator", "Manager", "Sales", "Viewer")


class WatchedTestServer(TestServer):
    """The test server behind our own protocol, as in production."""

    def __init__(self, app: web.Application, limits: ConnectionLimits | None = None) -> None:
        super().__init__(app)
        self._limits = limits

    async def _make_runner(self, **_options: Any) -> web.AppRunner:
        return WatchedRunner(self.app, limits=self._limits)


@dataclass
class Organisation:
    """Ids of one organisation; people by role name, Manager and Sales at the first centre."""

    id: UUID
    centre_ids: list[UUID]
    role_ids: dict[str, UUID]
    user_ids: dict[str, UUID]
    emails: dict[str, str]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes
    cookies: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Hub:
    """A running hub and what a test needs to talk to it."""

    def __init__(
        self, services: WebServices, server: TestServer, client: ClientSession, mine: Organisation, other: Organisation
    ) -> None:
        self.services = services
        self.server = server
        self.client = client
        self.mine = mine
        self.other = other

    @property
    def app(self) -> web.Application:
        """The application itself."""
        return self.server.app

    def token_of(self, user_id: UUID, organisation: Organisation | None = None) -> str:
        """A new session of a person, without going through the sign-in."""
        owner = organisation or self.mine
        return self.services.database.write_now(
            sessions.start_session,
            owner.id,
            user_id,
            address="192.0.2.1",
            agent="test",
            now=self.services.clock.now(),
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        as_role: str | None = None,
        session: str | None = None,
        key: str | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request as somebody; unsafe ones come from the hub's own pages unless ``headers`` says otherwise."""
        sent = {"Origin": ORIGIN} if headers is None else dict(headers)
        if as_role is not None:
            session = self.token_of(self.mine.user_ids[as_role])
        if session is not None:
            sent["Cookie"] = f"{SECURE_NAME}={session}"
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        url = self.server.make_url("/").with_path(path.partition("?")[0], encoded=True)
        if "?" in path:
            url = url.with_query(path.partition("?")[2])
        sending = io.BytesIO(raw) if raw and len(raw) > LARGE else raw
        async with self.client.request(method, url, data=sending, headers=sent, allow_redirects=False) as response:
            return await _answer(response)

    async def sign_in(self, email: str, password: str = PASSWORD, **options: Any) -> Answer:
        """POST /api/v1/session."""
        return await self.ask("POST", "/api/v1/session", body={"email": email, "password": password}, **options)


async def _answer(response: ClientResponse) -> Answer:
    cookies = dict(response.cookies.items())
    return Answer(response.status, response.headers, await response.read(), cookies)


@pytest.fixture(scope="session")
def hashing() -> Iterator[PasswordHashing]:
    """The real argon2id."""
    made = PasswordHashing()
    yield made
    made.close()


@pytest.fixture(scope="session")
def password_hash(hashing: PasswordHashing) -> str:
    """The hash of ``PASSWORD``, made once."""
    return hashing._hasher.hash(PASSWORD)


@pytest.fixture
def web_settings() -> WebSettings:
    """Production-like settings."""
    return WebSettings(public_url=ORIGIN)


@pytest.fixture
def web_services(
    database: Database, clock: VirtualClock, hashing: PasswordHashing, web_settings: WebSettings
) -> WebServices:
    """Services over a fresh database of each kind."""
    return WebServices(
        database=database,
        clock=clock,
        settings=web_settings,
        passwords=hashing,
        limiter=RateLimiter(clock),
    )


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """How the application is built; a test module may override it to add its own groups."""
    return lambda services: build_app(services, *PLATFORM_GROUPS)


@pytest.fixture
async def hub(
    web_services: WebServices, password_hash: str, make_app: Callable[[WebServices], web.Application]
) -> AsyncIterator[Hub]:
    """A hub with organisations ``mine`` and ``other``."""
    mine, other = (
        web_services.database.write_now(_organisation, name, password_hash, web_services) for name in ("mine", "other")
    )
    web_services.lifecycle.is_ready = True
    async with (
        WatchedTestServer(make_app(web_services)) as server,
        ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
    ):
        yield Hub(web_services, server, client, mine, other)
        # As a hub stops: streams that are still open end at once.
        web_services.lifecycle.stop()


def _organisation(connection: Connection, name: str, password_hash: str, services: WebServices) -> Organisation:
    now = services.clock.now()
    emails = {role: f"{role.lower()}@{name}.example.com" for role in ROLES}
    organisation_id, admin_id = first_run.create_organisation(
        connection,
        first_run.NewOrganisation(name=name, country="DE", language="de", time_zone="Europe/Berlin"),
        first_run.NewPerson(name="Administrator", email=emails["Administrator"], password_hash=password_hash),
        now=now,
    )
    centre_ids = [new_id(), new_id()]
    connection.execute(
        sa.insert(centres),
        [
            {
                "id": centre_id,
                "organisation_id": organisation_id,
                "name": f"Centre {number}",
                "code": f"C{number}",
                "time_zone": "Europe/Berlin",
                "is_active": True,
                "created_at": now,
            }
            for number, centre_id in enumerate(centre_ids)
        ],
    )
    found = connection.execute(
        sa.select(roles.c.name, roles.c.id).where(roles.c.organisation_id == organisation_id)
    ).all()
    role_ids = {row.name: row.id for row in found}
    user_ids = {"Administrator": admin_id}
    for role in ROLES[1:]:
        user_ids[role] = new_id()
        connection.execute(
            sa.insert(users).values(
                id=user_ids[role],
                organisation_id=organisation_id,
                email=emails[role],
                name=role,
                password_hash=password_hash,
                role_id=role_ids[role],
                is_active=True,
                created_at=now,
            )
        )
        centre = centre_ids[1] if role == "Viewer" else centre_ids[0]
        connection.execute(
            sa.insert(user_centres).values(organisation_id=organisation_id, user_id=user_ids[role], centre_id=centre)
        )
    return Organisation(organisation_id, centre_ids, role_ids, user_ids, emails)
