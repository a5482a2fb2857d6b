"""Canaries: recognisable secrets and personal values are put everywhere, every error path is walked, and then every
answer, page, log line and unencrypted column is searched for them (DA-03, TK-09)."""

import asyncio
import itertools
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import Connection

from hub.connector.clock import SystemClock
from hub.connector.models import FieldType, InboundRequest, Question, RawSubmission, Received, Submission
from hub.core.connections.models import connections
from hub.core.intake.models import receipts
from hub.testing.faults import PlatformAnswer
from hub.web.app import ROUTES
from hub.web.cookies import INSECURE_NAME
from plugins.meta_ads.connector import MetaAds
from plugins.web_forms.connector import WebForms
from tests.conformance.reference.connector import Reference
from tests.conformance.reference.simulator import ReferenceSimulator
from tests.judges.apps import signature_of
from tests.judges.objects import publish_form
from tests.judges.running import ROLES, Answer, Running, running_hub, running_loop

NAME, EMAIL, PHONE = "Zsófia Canary-Kovács", "zsofia.canary@private.example", "+36305550147"
PERSONAL = (NAME, "Canary-Kov", EMAIL, "zsofia.canary", PHONE, "305550147")
CONTACTS = (EMAIL, "zsofia.canary", PHONE, "305550147")
APP_SECRET = "canaryAppSecret0a1b2c3d4e5f"
PASSWORD = "canary password of a stranger"
SENT_TOKEN = "EAABcanaryTokenOfSomebody0123456789"
EXPLODE = "explode"


class Faulty(Reference):
    """The reference connector with a bug: some payloads make it fail with their content in the text."""

    def normalise(self, raw: RawSubmission) -> Submission:
        """As ever, but for what should explode."""
        if EXPLODE in json.dumps(raw.body):
            raise RuntimeError(json.dumps(raw.body))
        return super().normalise(raw)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """As ever, but for what should explode."""
        if EXPLODE.encode() in request.body:
            raise RuntimeError(f"{request.body!r} {secret.get_secret_value()}")
        return super().receive(request, secret)


@dataclass
class Watched:
    """A hub beside a platform; keeps every answer that anybody got."""

    running: Running
    simulator: ReferenceSimulator
    folder: Path
    answers: list[tuple[str, str]] = field(default_factory=list)
    by_role: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def keep(self, name: str, answer: Answer, role: str | None) -> Answer:
        """Remember what was told, and to whom."""
        told = answer.body.decode("utf-8", "replace") + repr(sorted(answer.headers.items()))
        self.answers.append((f"{name} as {role}", told))
        self.by_role.setdefault(str(role), []).append((f"{name} {answer.status}", told))
        return answer

    async def ask(
        self, client: aiohttp.ClientSession, method: str, path: str, body: Any = None, *, role: str | None
    ) -> Answer:
        """Ask and keep."""
        return self.keep(f"{method} {path}", await self.running.ask(client, method, path, body, role=role), role)

    async def post(
        self, client: aiohttp.ClientSession, path: str, raw: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        """Post as a stranger and keep."""
        return self.keep(f"POST {path}", await self.running.post(client, path, raw, headers), None)

    def secrets(self) -> set[str]:
        """Everything that nobody may read: all tokens of the platform, the app's secrets, sessions, what was sent."""
        sessions = set(self.running.mine.sessions.values()) | set(self.running.other.sessions.values())
        return {*self.simulator.secrets(), *sessions, APP_SECRET, PASSWORD, SENT_TOKEN}


@pytest.fixture(scope="module")
def watched(migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A hub whose platform stands beside it."""
    folder = tmp_path_factory.mktemp("canaries")
    with running_loop("platform") as loop:
        simulator = ReferenceSimulator(SystemClock())
        loop.run(simulator.__aenter__())
        try:
            with running_hub(
                migrated_url,
                folder,
                [MetaAds(), WebForms(), Faulty()],
                allow_loopback=True,
                origin_overrides=simulator.origin_overrides(),
                log_level="debug",
            ) as running:
                yield Watched(running, simulator, folder)
        finally:
            loop.run(simulator.__aexit__(None, None, None))


@pytest.mark.proves("DA-03", "TK-09")
async def test_no_canary_comes_out_anywhere(watched: Watched, client: aiohttp.ClientSession) -> None:
    """Secrets are in no answer, page, header, log line and unencrypted column; personal values in no log line; contact
    data in no answer to a role that may not see it."""
    app = await connect(watched, client)
    await leads_arrive(watched, client, app)
    await strangers_try(watched, client, app)
    await the_platform_fails(watched, client, app)
    await watched.running.settled()
    await everybody_looks(watched, client)
    await disconnect(watched, client)
    secrets, log = watched.secrets(), watched.running.log()
    assert len(secrets) >= 15
    assert len(watched.answers) > 400
    told = {name: _found(text, secrets) for name, text in watched.answers if _found(text, secrets)}
    assert not told, told
    assert "connector_failing" in log
    assert "connector_fault" in log
    assert not _found(log, secrets | set(PERSONAL)), _lines(log, secrets | set(PERSONAL))
    stored = _stored(watched)
    assert NAME in stored
    assert not _found(stored, secrets)
    shown = [text for name, text in watched.by_role["Viewer"] if re.search(r"/api/v1/leads/[0-9a-f-]{36} 200$", name)]
    assert shown
    assert all(NAME in text for text in shown)
    seen = [name for name, text in watched.by_role["Viewer"] if _found(text, set(CONTACTS))]
    assert not seen, seen
    assert any(_found(text, set(CONTACTS)) for _, text in watched.by_role["Administrator"])


def _found(text: str, canaries: set[str]) -> list[str]:
    """The canaries that stand in a text, as they are or in one of the usual disguises."""
    return sorted(
        canary
        for canary in canaries
        for disguise in {canary, quote(canary), json.dumps(canary)[1:-1], b64encode(canary.encode()).decode()[:-4]}
        if disguise in text
    )


def _lines(log: str, canaries: set[str]) -> list[str]:
    return [line for line in log.splitlines() if _found(line, canaries)]


async def connect(watched: Watched, client: aiohttp.ClientSession) -> dict[str, Any]:
    """Apps with secrets, a sign-in at the platform through the browser, and one that goes wrong."""
    settings = watched.simulator.settings()
    values = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "webhook_secret": settings.webhook_secret.get_secret_value(),
    }
    body = {"connector": "reference", "name": "Ours", "settings": values}
    app: dict[str, Any] = (await watched.ask(client, "POST", "/api/v1/apps", body, role="Administrator")).json
    meta = {"connector": "meta_ads", "name": "Meta", "settings": {"app_id": "123456789", "app_secret": APP_SECRET}}
    await watched.ask(client, "POST", "/api/v1/apps", meta, role="Administrator")
    for wrong in ({"app_secret": APP_SECRET}, {"app_id": APP_SECRET, "app_secret": APP_SECRET}, {APP_SECRET[:9]: 1}):
        await watched.ask(client, "POST", "/api/v1/apps", {**meta, "settings": wrong}, role="Administrator")
    leak = json.dumps({"error": "invalid_grant", "error_description": SENT_TOKEN}).encode()
    for answer in (PlatformAnswer(400, leak), PlatformAnswer(500, SENT_TOKEN.encode()), PlatformAnswer(200, b"{")):
        watched.simulator.heal()
        begun = await begin(watched, client, app["id"])
        watched.simulator.answer_next(answer, times=20)
        assert (await come_back(watched, client, *begun)).status == 400
    watched.simulator.heal()
    assert (await come_back(watched, client, *await begin(watched, client, app["id"]))).status == 200
    return app


async def begin(watched: Watched, client: aiohttp.ClientSession, app_id: str) -> tuple[str, str]:
    """The person says yes at the platform: where the browser goes then, and the cookies it has."""
    running = watched.running
    begun = await running.ask(client, "POST", "/api/v1/authorisations", {"app_id": app_id})
    address = await watched.simulator.authorize(begun.json["url"])
    session = running.mine.sessions["Administrator"]
    return address, f"{INSECURE_NAME}={session}; {begun.headers['Set-Cookie'].partition(';')[0]}"


async def come_back(watched: Watched, client: aiohttp.ClientSession, address: str, cookies: str) -> Answer:
    """The browser follows the redirect; the page that the person reads."""
    async with client.get(address, headers={"Cookie": cookies}) as answer:
        return watched.keep("callback", Answer(answer.status, answer.headers, await answer.read()), None)


async def leads_arrive(watched: Watched, client: aiohttp.ClientSession, app: dict[str, Any]) -> None:
    """By delivery, by pull and by form; one makes the connector fail."""
    kinds = {"full_name": FieldType.TEXT, "email": FieldType.EMAIL, "phone": FieldType.PHONE}
    questions = [Question(key=key, label=key, kind=kind) for key, kind in kinds.items()]
    form = watched.simulator.add_form("Spring", questions)
    values = {"full_name": [NAME], "email": [EMAIL], "phone": [PHONE]}
    ids = [watched.simulator.add_submission(form, {**values, **more}) for more in ({}, {"full_name": [EXPLODE]})]
    await watched.simulator.send(app["webhook_url"], ids)
    shown = await publish_form(watched.running, client)
    key = shown["public_key"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {SENT_TOKEN}", "Cookie": SENT_TOKEN}
    good = {
        "fields": {"full_name": NAME, "email": EMAIL, "phone": PHONE, "note": f"call {PHONE}"},
        "page": "https://a.example",
    }
    await watched.post(client, f"/api/v1/forms/{key}/submissions", json.dumps(good).encode(), headers)
    for bad in ({"fields": {"full_name": {"a": NAME}, "email": EMAIL}}, {"fields": {"email": f"{NAME} at {PHONE}"}}):
        await watched.post(client, f"/api/v1/forms/{key}/submissions", json.dumps(bad).encode(), headers)
        await watched.post(client, f"/f/{key}", f"email={quote(NAME)}&{quote(EMAIL)}=%ff".encode(), headers)
    await watched.running.settled()


async def strangers_try(watched: Watched, client: aiohttp.ClientSession, app: dict[str, Any]) -> None:
    """Wrong signatures, wrong passwords, wrong keys, odd addresses, and what the connector stumbles over."""
    hook = urlsplit(app["webhook_url"]).path
    body = json.dumps({"name": NAME, "email": EMAIL, "token": SENT_TOKEN}).encode()
    for headers in ({}, {"X-Reference-Signature": SENT_TOKEN}, {"X-Hub-Signature-256": signature_of(body)}):
        assert (await watched.post(client, hook, body, headers)).status == 401
    assert (await watched.post(client, hook, body + EXPLODE.encode())).status == 503
    await watched.post(client, f"/hooks/meta_ads/{SENT_TOKEN}", body)
    sign_in = {"email": EMAIL, "password": PASSWORD}
    for role in (None, "Sales"):
        await watched.ask(client, "POST", "/api/v1/session", sign_in, role=role)
        await watched.ask(client, "POST", "/api/v1/session", {**sign_in, PASSWORD[:6]: 1}, role=role)
        await watched.ask(client, "GET", f"/api/v1/leads?search={quote(EMAIL)}&limit={quote(PHONE)}", role=role)
        await watched.ask(client, "GET", f"/api/v1/leads/{quote(NAME)}", role=role)
        await watched.ask(client, "POST", "/api/v1/users", {"name": NAME, "email": EMAIL, "x": PASSWORD}, role=role)
    for query in (f"code={SENT_TOKEN}&state={SENT_TOKEN}", f"error=x&error_description={SENT_TOKEN}", "state=%ff"):
        await watched.ask(client, "GET", f"/oauth/callback?{query}", role="Administrator")
    for path in (f"/{quote(NAME)}", f"/f/{SENT_TOKEN}", f"/api/v1/{SENT_TOKEN}", f"/leads/{quote(EMAIL)}"):
        await watched.ask(client, "GET", path, role=None)
    headers = {"Authorization": f"Bearer lh_{SENT_TOKEN}", "Origin": "https://evil.example"}
    await watched.post(client, "/api/v1/users", body, headers)


async def the_platform_fails(watched: Watched, client: aiohttp.ClientSession, app: dict[str, Any]) -> None:
    """Jobs meet errors whose text holds a token; the connection's health shows none of it."""
    told = json.dumps({"error": {"code": "x", "message": f"{SENT_TOKEN} {EMAIL}"}}).encode()
    watched.simulator.answer_next(PlatformAnswer(401, told), times=1000)
    connection = watched.running.rows(connections, connections.c.connector == "reference")[0]
    await watched.ask(client, "POST", f"/api/v1/connections/{connection.id}/pull", role="Administrator")
    for _ in range(400):
        state = watched.running.rows(connections, connections.c.id == connection.id)[0].state
        if state == "authorization_needed":
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(f"the connection is still {state}")
    watched.simulator.heal()


async def everybody_looks(watched: Watched, client: aiohttp.ClientSession) -> None:
    """Every GET of the API with every id there is, and every page, as every role and as nobody."""
    ids = _ids(watched)
    assert watched.running.hub.app is not None
    for route in watched.running.hub.app[ROUTES]:
        if route.method != "GET" or route.events is not None:
            continue
        names = list(route.path_model.model_fields)
        for values in itertools.product(*(ids.get(name, ["company"]) for name in names)):
            path = route.path.format(**dict(zip(names, values, strict=True)))
            for role in (*ROLES, None):
                await watched.ask(client, "GET", path, role=role)
    for path in ("/", "/leads", "/integration", "/sign-in"):
        await watched.ask(client, "GET", path, role="Administrator")


def _ids(watched: Watched) -> dict[str, list[str]]:
    tables = receipts.metadata.tables
    named = {"receipt_id": "receipts", "lead_id": "leads", "connection_id": "connections", "form_id": "forms"}
    named |= {"source_form_id": "source_forms", "user_id": "users", "pipeline_id": "pipelines", "role_id": "roles"}
    found = {name: [str(row.id) for row in watched.running.rows(tables[table])][:6] for name, table in named.items()}
    return {**found, "version": ["1"]}


async def disconnect(watched: Watched, client: aiohttp.ClientSession) -> None:
    """At the end the account is given up: its grant is revoked and gone, and nothing of it stays behind."""
    connection = watched.running.rows(connections, connections.c.connector == "reference")[0]
    path = f"/api/v1/connections/{connection.id}/disconnection"
    ended = await watched.ask(client, "POST", path, {"reason": "We changed agencies."}, role="Administrator")
    assert ended.json["label"] == "Disconnected"
    assert not watched.running.rows(receipts.metadata.tables["grants"])


def _stored(watched: Watched) -> str:
    """Every text in the database: all columns of all tables of all schemas, the job engine's too; for the embedded
    kind also every file beside it, byte by byte, but for the key file."""
    found = watched.running.hub.database.read_now(_every_cell)
    folders = {watched.folder}
    if watched.running.hub.database.is_sqlite:
        folders.add(Path(str(watched.running.hub.database.url.database)).parent)
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.is_file() and path.name != "master.key":
            found += path.read_bytes().decode("utf-8", "replace")
    return found


def _every_cell(connection: Connection) -> str:
    inspector = sa.inspect(connection)
    hidden = {"information_schema", "pg_catalog"}
    cells: list[str] = []
    for schema in set(inspector.get_schema_names()) - hidden:
        for table in inspector.get_table_names(schema):
            rows = connection.exec_driver_sql(f'SELECT * FROM "{schema}"."{table}"')
            cells += [_as_text(value) for row in rows for value in row if value is not None]
    return "\n".join(cells)


def _as_text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
