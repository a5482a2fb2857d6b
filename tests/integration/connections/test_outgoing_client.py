"""The outgoing client against a real server on loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.connector import outgoing
from hub.connector.errors import PermanentError, RetryableError
from hub.connector.outgoing import ANSWER_LIMIT, OutgoingClient, open_session

ORIGIN = "https://graph.example.com"


async def echo(request: web.Request) -> web.Response:
    """What arrived."""
    body = {
        "method": request.method,
        "query": dict(request.query),
        "target": request.raw_path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": (await request.read()).decode(),
    }
    answer = web.json_response(body, headers={"X-Once": "1"})
    answer.headers.add("X-Twice", "a")
    answer.headers.add("X-Twice", "b")
    answer.set_cookie("session", "1")
    return answer


async def move(request: web.Request) -> web.Response:
    """A redirect to a place inside."""
    raise web.HTTPFound("http://127.0.0.1:1/")


async def much(request: web.Request) -> web.Response:
    """As many bytes as asked for, small on the wire if wished."""
    answer = web.Response(body=b"a" * int(request.query["bytes"]))
    if "small" in request.query:
        answer.enable_compression(web.ContentCoding.gzip)
    return answer


async def hang(request: web.Request) -> web.Response:
    """No answer."""
    await asyncio.sleep(5)
    return web.Response()


async def cut(request: web.Request) -> web.Response:
    """Half an answer."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    request.transport.close()
    return web.Response()


def application() -> web.Application:
    """All of it."""
    app = web.Application()
    for path, handler in (("/echo", echo), ("/move", move), ("/much", much), ("/hang", hang), ("/cut", cut)):
        app.router.add_route("*", path, handler)
    return app


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """A plain server."""
    async with TestServer(application(), host="127.0.0.1") as running:
        yield running


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[OutgoingClient]:
    """A client that reaches it in place of a platform."""
    async with open_session() as session:
        stand_in = str(server.make_url("")).rstrip("/")
        yield OutgoingClient(session, allow_loopback=True, origin_overrides={ORIGIN: stand_in})


async def test_a_request_arrives_whole_and_its_answer_is_read(client: OutgoingClient) -> None:
    """Method, query, headers and body go out; header names come back in lower case, repeated ones joined."""
    answer = await client.send(
        "POST", f"{ORIGIN}/echo?a=1", params={"b": "2 &"}, headers={"X-Mine": "yes"}, body=b"content"
    )
    sent = json.loads(answer.body)
    assert (sent["method"], sent["query"], sent["body"]) == ("POST", {"a": "1", "b": "2 &"}, "content")
    assert sent["headers"]["x-mine"] == "yes"
    assert (answer.status, answer.headers["x-once"], answer.headers["x-twice"]) == (200, "1", "a, b")


@pytest.mark.proves("AD-09")
@pytest.mark.parametrize(
    "written",
    ["/echo?owner=(account:urn%3Ali%3A1)&fields=a,b:(c)", "/echo?x=%2F%2f+%20~", "/echo"],
    ids=["reserved characters", "escapes", "no query"],
)
async def test_an_address_arrives_as_it_was_written(client: OutgoingClient, written: str) -> None:
    """What is percent-encoded stays so, and what is not stays as it is: there are platforms that tell them apart."""
    answer = await client.send("GET", f"{ORIGIN}{written}")
    assert json.loads(answer.body)["target"] == written


async def test_an_address_in_other_characters_is_encoded(client: OutgoingClient) -> None:
    """A blank or an umlaut cannot stand in a request line."""
    answer = await client.send("GET", f"{ORIGIN}/echo?q=ä b")
    assert json.loads(answer.body)["target"] == "/echo?q=%C3%A4+b"


async def test_redirects_are_not_followed(client: OutgoingClient) -> None:
    """The answer itself comes back."""
    assert (await client.send("GET", f"{ORIGIN}/move")).status == 302


@pytest.mark.proves("AD-09")
async def test_cookies_of_a_platform_are_not_kept(client: OutgoingClient) -> None:
    """One session serves all connections; what one platform sets must reach nobody."""
    await client.send("GET", f"{ORIGIN}/echo")
    assert b'"cookie"' not in (await client.send("GET", f"{ORIGIN}/echo")).body


@pytest.mark.proves("AD-09")
async def test_proxies_of_the_environment_are_not_used(client: OutgoingClient, monkeypatch) -> None:
    """A proxy would resolve names for us, unchecked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert (await client.send("GET", f"{ORIGIN}/echo")).status == 200


@pytest.mark.proves("AD-09")
@pytest.mark.parametrize("small", ["", "&small"], ids=["plain", "compressed"])
async def test_an_answer_is_read_up_to_its_limit(client: OutgoingClient, small: str) -> None:
    """Counted after decompression; one byte more is refused."""
    answer = await client.send("GET", f"{ORIGIN}/much?bytes={ANSWER_LIMIT}{small}")
    assert len(answer.body) == ANSWER_LIMIT
    with pytest.raises(PermanentError, match="answer_too_large"):
        await client.send("GET", f"{ORIGIN}/much?bytes={ANSWER_LIMIT + 1}{small}")


@pytest.mark.proves("AD-09")
async def test_an_answer_that_does_not_come_in_time_is_given_up(server: TestServer, monkeypatch) -> None:
    """Fifteen seconds in all; shortened here."""
    assert outgoing.TIME_LIMIT_SECONDS == 15
    monkeypatch.setattr(outgoing, "TIME_LIMIT_SECONDS", 0.1)
    async with open_session() as session:
        overrides = {ORIGIN: str(server.make_url("")).rstrip("/")}
        client = OutgoingClient(session, allow_loopback=True, origin_overrides=overrides)
        with pytest.raises(RetryableError, match="timeout"):
            await client.send("GET", f"{ORIGIN}/hang")


async def test_a_broken_connection_may_be_tried_again(client: OutgoingClient) -> None:
    """Half an answer is no answer, and the failure shows no path or query."""
    with pytest.raises(RetryableError, match="connection") as caught:
        await client.send("GET", f"{ORIGIN}/cut?token=canary")
    assert "canary" not in str(caught.value)
    assert "/cut" not in str(caught.value)


@pytest.mark.proves("AD-09")
async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """TLS is verified, also towards a stand-in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    server = TestServer(application(), host="127.0.0.1")
    await server.start_server(ssl=context)
    async with open_session() as session:
        overrides = {ORIGIN: f"https://127.0.0.1:{server.port}"}
        client = OutgoingClient(session, allow_loopback=True, origin_overrides=overrides)
        with pytest.raises(RetryableError, match="untrusted_certificate"):
            await client.send("GET", f"{ORIGIN}/echo")
    await server.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.proves("AD-09")
async def test_loopback_is_reached_only_through_an_override(server: TestServer, client: OutgoingClient) -> None:
    """Also where the setting allows it, no other request gets there; and near misses of the origin do not match."""
    port = server.port
    for url in (
        f"http://127.0.0.1:{port}/echo",
        f"https://127.0.0.1:{port}/echo",
        f"https://localhost:{port}/echo",
        f"http://graph.example.com:{port}/echo",
        "http://graph.example.com/echo",
    ):
        with pytest.raises(PermanentError, match="address_refused"):
            await client.send("GET", url)


async def test_overrides_are_refused_without_the_setting_and_to_other_hosts(server: TestServer) -> None:
    """A wrong set-up stops at once."""
    async with open_session() as session:
        with pytest.raises(ValueError, match="allow_loopback"):
            OutgoingClient(session, origin_overrides={ORIGIN: "http://127.0.0.1:1"})
        for given in ("http://10.0.0.1:1", "http://evil.example", "http://127.0.0.1:1/path", "ftp://127.0.0.1"):
            with pytest.raises(ValueError, match="origin override"):
                OutgoingClient(session, allow_loopback=True, origin_overrides={ORIGIN: given})
        OutgoingClient(session, allow_loopback=True, origin_overrides={ORIGIN: "http://localhost:1"})


@pytest.mark.proves("AD-09")
async def test_a_session_without_the_guard_is_not_taken() -> None:
    """Else a forgotten guard would show only in an incident."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TypeError, match="open_session"):
            OutgoingClient(session)
