"""What every answer has in common: problems, headers, reading, CSRF, addresses, streams."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

from hub.core.accounts.permissions import Permission
from hub.db.engine import DatabaseUnavailableError
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.streams import Event, EventSource
from hub.web.app import ROUTES, build_app
from hub.web.csrf import TOKEN_HEADER
from hub.web.limits import Claim, Limit, RateLimiter
from hub.web.problems import PROBLEM_TYPE
from hub.web.reading import read_body
from hub.web.services import WebServices, client_address
from tests.web.conftest import ORIGIN, PASSWORD, Hub

VIEW = Permission("own_account", "view")
EDIT = Permission("own_account", "edit")
CANARY = "canary-7f3a-secret"


class Sample(Input):
    """A body."""

    name: str
    number: int = 0


class Echo(BaseModel):
    """What was read."""

    name: str


class Tick(BaseModel):
    """An event."""

    number: int


def extra_groups() -> tuple[RouteGroup, web.RouteTableDef]:
    group, light = RouteGroup("Test"), web.RouteTableDef()

    @group.route("POST", "/api/v1/echo", permission=EDIT, body=Sample, answers=Echo, summary="Echo")
    async def echo(call: Call[NoInput, NoInput, Sample]) -> Echo:
        return Echo(name=call.body.name.encode("ascii", "backslashreplace").decode())

    @group.route("GET", "/api/v1/boom", permission=VIEW, answers=Echo, summary="A fault")
    async def boom(_call: Call) -> Echo:
        raise RuntimeError(CANARY)

    @group.stream("/api/v1/ticks", permission=VIEW, events=Tick, summary="Ticks")
    async def ticks(call: Call) -> AsyncIterator[Event]:
        start = int(call.last_event_id or 0)
        for number in (start + 1, start + 2):
            yield Event(str(number), "tick", Tick(number=number))
        await call.services.lifecycle.stopping.wait()

    @light.post("/light/read")
    async def read(request: web.Request) -> web.Response:
        return web.Response(body=await read_body(request))

    @light.get("/light/boom")
    async def light_boom(_request: web.Request) -> web.Response:
        raise RuntimeError(CANARY)

    @light.post("/light/store")
    async def store(_request: web.Request) -> web.Response:
        raise DatabaseUnavailableError(CANARY)

    @light.get("/light/address")
    async def address(request: web.Request) -> web.Response:
        return web.Response(text=client_address(request))

    return group, light


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """The platform's routes and a few that misbehave."""
    return lambda services: build_app(services, *PLATFORM_GROUPS, *extra_groups())


def is_problem(answer: Any, status: int) -> bool:
    told = answer.json
    return (
        answer.status == status
        and answer.headers["Content-Type"].startswith(PROBLEM_TYPE)
        and told["status"] == status
        and told["type"].startswith("urn:leadhub:problem:")
        and bool(told["title"])
        and bool(told["detail"])
        and told["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
    )


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/api/v1/nothing-here", {}, 404),
        ("GET", "/nothing-here", {}, 404),
        ("DELETE", "/api/v1/users", {}, 405),
        ("PUT", "/light/boom", {}, 405),
        ("GET", "/api/v1/users", {}, 401),
        ("GET", "/api/v1/users", {"key": "lh_wrong"}, 401),
        ("GET", "/api/v1/users", {"as_role": "Sales"}, 403),
        ("GET", "/api/v1/users/not-a-uuid", {"as_role": "Administrator"}, 404),
        ("GET", "/api/v1/users?limit=0", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?limit=201", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?limit=1&limit=2", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?lmit=1", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?cursor=AAAA", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?cursor=%C3%BC", {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?cursor=" + "/" * 32, {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?cursor=" + "A" * 31, {"as_role": "Administrator"}, 400),
        ("GET", "/api/v1/users?cursor=f" + "_" * 31, {"as_role": "Administrator"}, 400),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "raw": b"{}"}, 415),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "raw": b"{", "type": "application/json"}, 400),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "raw": b"", "type": "application/json"}, 400),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "raw": b"{}", "type": "application/json; charset=utf-16"}, 415),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": {}}, 422),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": [1]}, 422),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": {"name": "a", "nmae": "b"}}, 422),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": {"name": 5}}, 422),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": {"name": "a", "number": "5"}}, 422),
        ("POST", "/api/v1/echo", {"as_role": "Sales", "body": {"name": "x" * 1_100_000}}, 413),
        ("GET", "/api/v1/boom", {"as_role": "Sales"}, 500),
        ("GET", "/light/boom", {}, 500),
        ("POST", "/light/store", {}, 503),
        ("POST", "/light/read", {"raw": b"x" * 1_100_000}, 413),
    ],
)
async def test_every_error_is_a_problem(hub: Hub, method: str, path: str, options: dict, status: int) -> None:
    """Status, media type, type, title, detail and the request's id as instance; nothing of the input or the fault."""
    options = dict(options)
    if "type" in options:
        options["headers"] = {"Origin": ORIGIN, "Content-Type": options.pop("type")}
    answer = await hub.ask(method, path, **options)
    assert is_problem(answer, status), (answer.status, answer.body[:300])
    assert CANARY not in answer.body.decode()
    if status in (400, 413, 415, 422) and path.startswith("/api"):
        assert answer.json["errors"]
        assert all(one["detail"] for one in answer.json["errors"])
    if status == 405:
        assert answer.headers["Allow"]
    if status == 503:
        assert answer.headers["Retry-After"]
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": 5}, ["/name"]),
        ({"name": "a", "x/y~z": 1}, ["/x~1y~0z"]),
        ({"number": "a"}, ["/name", "/number"]),
    ],
)
async def test_a_problem_names_each_field(hub: Hub, body: dict, pointers: list[str]) -> None:
    """By JSON pointer, with what to do."""
    answer = await hub.ask("POST", "/api/v1/echo", as_role="Sales", body=body)
    assert [one["pointer"] for one in answer.json["errors"]] == pointers


@pytest.mark.proves("AD-11")
async def test_security_headers_on_every_route(hub: Hub) -> None:
    """Typed and light routes, successes and every kind of error."""
    paths = [(route.method, route.path.replace("{", "").replace("}", "")) for route in hub.app[ROUTES]]
    paths += [("GET", "/none"), ("PUT", "/api/v1/users"), ("GET", "/light/boom"), ("POST", "/light/read")]
    for method, path in paths:
        if path == "/api/v1/ticks":
            continue
        for role in (None, "Administrator"):
            headers = (await hub.ask(method, path, as_role=role)).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Strict-Transport-Security"].startswith("max-age=63072000")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in headers
            assert len(headers["X-Request-Id"]) == 36


CSRF = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": ""}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, True),
    ({"Origin": ORIGIN}, True),
    ({"Origin": "null"}, False),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "http://leads.example.com"}, False),
    ({"Origin": "https://leads.example.com:8443"}, False),
    ({"Origin": "https://leads.example.com.evil.example"}, False),
    ({"Origin": "https://evil.example", TOKEN_HEADER: "right"}, False),
    ({}, False),
    ({TOKEN_HEADER: "wrong"}, False),
    ({TOKEN_HEADER: "right"}, True),
]


@pytest.mark.proves("AD-03")
@pytest.mark.parametrize(("headers", "passes"), CSRF)
@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/api/v1/organisation"), ("DELETE", "/api/v1/session"), ("POST", "/api/v1/roles")]
)
async def test_another_site_cannot_use_the_session(
    hub: Hub, method: str, path: str, headers: dict[str, str], passes: bool
) -> None:
    """Sec-Fetch-Site, else Origin, else token; for every unsafe method."""
    session = hub.token_of(hub.mine.user_ids["Administrator"])
    sent = dict(headers)
    if sent.get(TOKEN_HEADER) == "right":
        sent[TOKEN_HEADER] = (await hub.ask("GET", "/api/v1/session", session=session)).json["csrf_token"]
    body = {} if method != "DELETE" else None
    answer = await hub.ask(method, path, session=session, headers=sent, body=body)
    assert (answer.status == 403) is not passes, answer.body
    if not passes:
        assert answer.json["type"] == "urn:leadhub:problem:foreign-site"


@pytest.mark.proves("AD-03")
async def test_every_unsafe_route_checks_the_site(hub: Hub) -> None:
    """No route is left out, sign-in included; an API key is not sent by browsers and is exempt."""
    expires = "2026-02-01T00:00:00Z"
    made = {"name": "k", "permissions": ["users:view:organisation"], "expires_at": expires}
    key = (await hub.ask("POST", "/api/v1/api-keys", as_role="Administrator", body=made)).json["key"]
    evil = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for route in hub.app[ROUTES]:
        if route.method == "GET":
            continue
        path = route.path.replace("{", "").replace("}", "")
        answer = await hub.ask(route.method, path, as_role="Administrator", headers=evil, body={})
        assert answer.status == 403, path
        by_key = await hub.ask(route.method, path, key=key, headers=evil, body={})
        assert "foreign-site" not in by_key.body.decode(), path


@pytest.mark.proves("WH-05")
@pytest.mark.parametrize("path", ["/api/v1/echo", "/light/read"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_bombs_are_refused(hub: Hub, path: str, encoding: str) -> None:
    """50 MiB of zeros in 50 KB, and a small one that unpacks to more than a hundred times its size."""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    headers = {"Origin": ORIGIN, "Content-Encoding": encoding, "Content-Type": "application/json"}
    answer = await hub.ask("POST", path, as_role="Sales", raw=pack(b"0" * 50_000_000), headers=headers)
    assert is_problem(answer, 413)
    if path.startswith("/api"):
        small = await hub.ask("POST", path, as_role="Sales", raw=pack(b'"' + b" " * 900_000 + b'"'), headers=headers)
        assert is_problem(small, 413)


PACKED = gzip.compress(b'{"name":"a"}', mtime=0)
"""Without the time of day: the name of a test must be the same in every process of a run."""


@pytest.mark.proves("WH-05", "WH-09")
@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (PACKED, {"Content-Encoding": "gzip"}, 200),
        (PACKED * 2, {"Content-Encoding": "gzip"}, 400),
        (b"not gzip at all", {"Content-Encoding": "gzip"}, 400),
        (PACKED[:-14], {"Content-Encoding": "gzip"}, 400),
        (b'{"name":"a"}', {"Content-Encoding": "rot13"}, 415),
        (b'{"name":"a"}', {"Content-Encoding": "identity"}, 200),
        (b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'{"name":"a"}', {"Content-Type": "text/plain"}, 415),
        (b'{"name":"a"}', {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b'{"name":"a"}', {"Content-Type": "application/problem+json"}, 200),
        (b'{"name":"a"}', {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b'{"name":"a"}', {"Content-Type": "application/json;;;"}, 200),
    ],
)
async def test_broken_and_foreign_bodies(hub: Hub, raw: bytes, headers: dict[str, str], status: int) -> None:
    """Bad compression and types are the sender's fault, never ours."""
    sent = {"Origin": ORIGIN, "Content-Type": "application/json", **headers}
    answer = await hub.ask("POST", "/api/v1/echo", as_role="Sales", raw=raw, headers=sent)
    assert answer.status == status, answer.body
    if status >= 400:
        assert is_problem(answer, status)


@pytest.mark.proves("WH-11")
async def test_a_forged_host_changes_nothing(hub: Hub) -> None:
    """The public address comes from the settings; Host and forwarded headers of strangers are not believed."""
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9;host=evil.example",
        "Origin": "https://evil.example",
    }
    assert (await hub.ask("GET", "/light/address", headers=forged)).body == b"127.0.0.1"
    refused = await hub.ask("PATCH", "/api/v1/organisation", as_role="Administrator", headers=forged, body={})
    assert refused.status == 403
    answer = await hub.ask("GET", "/api/v1/nothing", headers=forged)
    assert b"evil" not in answer.body
    assert "evil" not in str(answer.headers)


async def test_the_limiter_gone_closes_administration(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API answers 503 rather than admit without counting (WH-10)."""

    def broken(_self: RateLimiter, _claims: object) -> None:
        raise MemoryError

    monkeypatch.setattr(RateLimiter, "admit", broken)
    assert is_problem(await hub.ask("GET", "/api/v1/session", as_role="Sales"), 503)


async def test_a_flood_is_told_to_wait(hub: Hub, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After once a caller is over the limit; others go on."""
    monkeypatch.setattr("hub.web.api.dispatch.Claim", lambda limit, subject: _claim(subject))
    session = hub.token_of(hub.mine.user_ids["Sales"])
    statuses = [(await hub.ask("GET", "/api/v1/session", session=session)).status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert (await hub.ask("GET", "/api/v1/session", as_role="Manager")).status == 200


def _claim(subject: str) -> Any:
    return Claim(Limit("test", 2, timedelta(minutes=1)), subject)


async def read_event(stream: Any) -> dict[str, str]:
    lines: dict[str, str] = {}
    while True:
        line = (await stream.content.readline()).decode().rstrip("\n")
        if not line:
            return lines
        name, _, value = line.partition(": ")
        lines[name] = value


async def open_stream(hub: Hub, session: str, **headers: str) -> Any:
    sent = {"Cookie": f"__Host-leadhub={session}", **headers}
    return await hub.client.get(hub.server.make_url("/api/v1/ticks"), headers=sent)


async def test_a_stream_goes_on_after_a_break(hub: Hub) -> None:
    """Events have ids; Last-Event-ID says where to go on; security headers are there too."""
    session = hub.token_of(hub.mine.user_ids["Sales"])
    stream = await open_stream(hub, session)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert stream.headers["Cache-Control"] == "no-store"
    assert (await read_event(stream))["retry"]
    first = await read_event(stream)
    assert first == {"id": "1", "event": "tick", "data": '{"number":1}'}
    stream.close()
    again = await open_stream(hub, session, **{"Last-Event-ID": "41"})
    await read_event(again)
    assert json.loads((await read_event(again))["data"]) == {"number": 42}
    again.close()


async def test_a_stream_ends_with_the_right_and_with_the_process(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat comes in between; a disabled account loses its stream; a stopping process ends all."""
    monkeypatch.setattr("hub.web.api.dispatch.EventSource", _impatient)
    session = hub.token_of(hub.mine.user_ids["Sales"])
    stream = await open_stream(hub, session)
    for _ in range(3):
        await read_event(stream)
    assert await read_event(stream) == {"": "still here"}
    assert (await hub.ask("DELETE", "/api/v1/session", session=session)).status == 204
    async with asyncio.timeout(5):
        await stream.content.read()
    other = await open_stream(hub, hub.token_of(hub.mine.user_ids["Sales"]))
    await read_event(other)
    hub.services.lifecycle.stop()
    async with asyncio.timeout(5):
        await other.content.read()


def _impatient(source: Any, **options: Any) -> Any:
    return EventSource(source, **options, heartbeat=0.02)


async def test_health_follows_the_lifecycle(hub: Hub) -> None:
    """Live as long as the process runs, ready only between start and stop."""
    assert (await hub.ask("GET", "/health/live")).status == 200
    assert (await hub.ask("GET", "/health/ready")).json == {"status": "ok"}
    hub.services.lifecycle.stop()
    assert (await hub.ask("GET", "/health/live")).status == 200
    assert is_problem(await hub.ask("GET", "/health/ready"), 503)


async def test_next_is_only_local(hub: Hub) -> None:
    """The sign-in gives back where to go, but never away from the hub."""
    body = {"email": hub.mine.emails["Sales"], "password": PASSWORD, "next": "/leads?stage=new#top"}
    assert (await hub.ask("POST", "/api/v1/session", body=body)).json["next"] == body["next"]
    body["next"] = "//evil.example/"
    assert (await hub.ask("POST", "/api/v1/session", body=body)).json["next"] == "/"


async def test_paging_covers_everything_once(hub: Hub) -> None:
    """Pages of one, following the cursor, give each person exactly once; the cursor is opaque."""
    seen: list[str] = []
    path = "/api/v1/users?limit=1"
    while path:
        page = (await hub.ask("GET", path, as_role="Administrator")).json
        seen += [one["id"] for one in page["items"]]
        path = f"/api/v1/users?limit=1&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(seen) == sorted(str(one) for one in hub.mine.user_ids.values())


async def test_the_description_is_openapi_3_1(hub: Hub) -> None:
    """Valid, complete, and telling the permission of each route."""
    document = (await hub.ask("GET", "/api/v1/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    told = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert told == {(route.method, route.path) for route in hub.app[ROUTES]}
    text = json.dumps(document)
    for name in set(_references(document)):
        assert name in document["components"]["schemas"], name
    assert "Permission: `users:view`" in text
    assert document["paths"]["/health/live"]["get"]["security"] == [{}]
    assert document["paths"]["/api/v1/users"]["get"]["security"] == [{"session": []}, {"key": []}]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
        return own + [name for value in node.values() for name in _references(value)]
    return [name for value in node for name in _references(value)] if isinstance(node, list) else []


def test_two_routes_cannot_share_an_address(web_services: WebServices) -> None:
    """The application does not start."""
    group, _ = extra_groups()
    with pytest.raises(ValueError, match="two routes answer"):
        build_app(web_services, group, extra_groups()[0])
