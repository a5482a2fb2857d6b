"""Real sockets: slow clients, connection limits, unreadable requests, graceful stop (WH-06, OP-01)."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web

from hub.core.accounts.passwords import PasswordHashing
from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from hub.web.app import build_app
from hub.web.limits import RateLimiter
from hub.web.server import ConnectionLimits, raise_file_limit
from hub.web.services import WebServices, WebSettings
from tests.web.conftest import WatchedTestServer

QUICK = ConnectionLimits(
    header=0.4, request=1.2, answer=0.5, keep_alive=1.0, slow_after=0.3, slowest=2_000, per_address=400, look_every=0.05
)
HEAD = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"


@pytest.fixture
def plain_services(tmp_path: Path, clock: VirtualClock, hashing: PasswordHashing) -> Iterator[WebServices]:
    """Services over an empty file; these tests are about sockets only."""
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    settings = WebSettings(public_url="https://leads.example.com")
    yield WebServices(database=database, clock=clock, settings=settings, passwords=hashing, limiter=RateLimiter(clock))
    database.close()


def light() -> web.RouteTableDef:
    routes = web.RouteTableDef()

    @routes.post("/read")
    async def read(request: web.Request) -> web.Response:
        return web.Response(body=str(len(await request.read())).encode())

    @routes.get("/large")
    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 20_000_000)

    @routes.get("/think")
    async def think(_request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)
        return web.Response(text="thought")

    return routes


@pytest.fixture
async def server(plain_services: WebServices) -> AsyncIterator[WatchedTestServer]:
    """A hub with short limits."""
    async with WatchedTestServer(build_app(plain_services, light()), QUICK) as started:
        yield started


async def closes_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@asynccontextmanager
async def connected(port: int | None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def drip(server: WatchedTestServer, begin: bytes, drop: bytes, pause: float) -> float:
    """Send ``begin``, then ``drop`` again and again; how long the server put up with it."""
    started = time.monotonic()
    async with connected(server.port) as (reader, writer):
        closing = asyncio.create_task(closes_within(reader, 6))
        writer.write(begin)
        while not closing.done():
            if not writer.transport.is_closing():
                writer.write(drop)
            await asyncio.sleep(pause)
        assert await closing, "the server kept a slow client"
    return time.monotonic() - started


SLOW = {
    "says nothing": (b"", b"", 0.05),
    "half a header": (b"POST /read HTTP/1.1\r\nHost: x\r\n", b"", 0.05),
    "header line by line": (b"POST /read HTTP/1.1\r\n", b"X-A: b\r\n", 0.1),
    "header byte by byte": (b"", b"P", 0.05),
    "body never comes": (HEAD + b"Content-Length: 1000\r\n\r\n", b"", 0.05),
    "body byte by byte": (HEAD + b"Content-Length: 100000\r\n\r\n", b"x", 0.05),
    "chunk by chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.05),
    "body fast enough but endless": (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x" * 400, 0.05),
    "second request never finished": (b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", b"G", 0.2),
}


@pytest.mark.proves("WH-06")
@pytest.mark.parametrize("kind", SLOW)
async def test_a_slow_client_is_closed(server: WatchedTestServer, kind: str) -> None:
    """Header, body, rate and whole request each have their limit."""
    waited = await drip(server, *SLOW[kind])
    assert waited < QUICK.request + 1.0
    if kind == "body fast enough but endless":
        assert waited > QUICK.request * 0.9


@pytest.mark.proves("WH-06")
async def test_a_client_that_does_not_take_its_answer_is_closed(server: WatchedTestServer) -> None:
    """A full send buffer is not held for ever."""
    async with connected(server.port) as (_reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.transport.pause_reading()
        await asyncio.sleep(QUICK.answer + 1.0)
        assert not server.runner.server._all


@pytest.mark.proves("WH-06")
async def test_keep_alive_ends(server: WatchedTestServer) -> None:
    """An idle connection is closed, after it served as many requests as wanted."""
    async with connected(server.port) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD + b"Content-Length: 2\r\n\r\nok")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
        assert await closes_within(reader, QUICK.keep_alive + 2.0)


@pytest.mark.proves("WH-06")
async def test_good_clients_are_served_beside_a_hundred_slow_ones(server: WatchedTestServer) -> None:
    """While a hundred drip, ordinary requests are answered, and no slow connection is left in the end."""

    async def good() -> list[float]:
        times = []
        async with ClientSession() as client:
            for _ in range(40):
                started = time.monotonic()
                async with client.post(server.make_url("/read"), data=b"hello") as response:
                    assert await response.text() == "5"
                times.append(time.monotonic() - started)
                await asyncio.sleep(0.01)
        return sorted(times)

    alone = await good()
    slow = [
        asyncio.create_task(drip(server, *SLOW[kind][:2], 0.3))
        for kind in ("half a header", "body byte by byte", "header line by line", "says nothing")
        for _ in range(25)
    ]
    await asyncio.sleep(0.1)
    beside = await good()
    await asyncio.gather(*slow)
    assert beside[20] < max(0.05, alone[20] * 5)
    assert not server.runner.server._all


@pytest.mark.proves("WH-06")
async def test_at_the_connection_limit_idle_ones_make_room(plain_services: WebServices) -> None:
    """Waiting connections of an address are closed for a working one; a busy one never is."""
    limits = ConnectionLimits(per_address=10)
    async with (
        WatchedTestServer(build_app(plain_services, light()), limits) as server,
        ClientSession(connector=TCPConnector(limit=0)) as client,
    ):
        busy = asyncio.create_task(client.get(server.make_url("/think")))
        await asyncio.sleep(0.1)
        async with AsyncExitStack() as idle:
            for _ in range(30):
                await idle.enter_async_context(connected(server.port))
            await asyncio.sleep(0.1)
            assert len(server.runner.server._all) <= 10
            async with client.post(server.make_url("/read"), data=b"x", headers={"Connection": "close"}) as response:
                assert response.status == 200
            assert await (await busy).text() == "thought"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n",
    ],
)
async def test_what_cannot_be_parsed_is_a_problem_too(server: WatchedTestServer, raw: bytes) -> None:
    """4xx with problem details and headers, the connection closed, nothing of the input repeated."""
    async with connected(server.port) as (reader, writer), asyncio.timeout(5):
        writer.write(raw)
        answer = await reader.read(65_536)
    assert re.match(rb"HTTP/1\.[01] 4", answer), answer[:200]
    assert b"application/problem+json" in answer
    assert b"X-Content-Type-Options: nosniff" in answer
    assert b"aaaa" not in answer


def test_the_file_limit_is_raised() -> None:
    """Each connection is a file; the usual 1,024 would be the first thing to run out."""
    raise_file_limit()


PROGRAM = """
import asyncio, sys
from aiohttp import web
from hub.connector.clock import SystemClock
from hub.core.accounts.passwords import PasswordHashing
from hub.db.engine import Database
from hub.web.api.health import HEALTH
from hub.web.app import build_app
from hub.web.limits import RateLimiter
from hub.web.server import serve
from hub.web.services import WebServices, WebSettings

routes = web.RouteTableDef()

@routes.get("/think")
async def think(request):
    await asyncio.sleep(1.0)
    return web.Response(text="thought")

clock = SystemClock()
services = WebServices(
    database=Database("sqlite:///" + sys.argv[1]), clock=clock, settings=WebSettings(public_url="http://127.0.0.1"),
    passwords=PasswordHashing(), limiter=RateLimiter(clock),
)
asyncio.run(serve(build_app(services, HEALTH, routes), host="127.0.0.1", port=int(sys.argv[2])))
"""


@pytest.fixture
def sqlite_copy(tmp_path: Path, sqlite_template: Path) -> Path:
    """A database of its own for a process of its own."""
    path = tmp_path / "hub.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


@pytest.mark.proves("OP-01")
async def test_sigterm_finishes_what_runs_and_exits_0(sqlite_copy: Path, unused_tcp_port: int) -> None:
    """A request being worked on is answered, new connections are not taken, the process ends with 0 in time."""
    base = f"http://127.0.0.1:{unused_tcp_port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(sqlite_copy), str(unused_tcp_port)),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        async with ClientSession() as client, AsyncExitStack() as stack:
            await until_ready(client, base)
            running = asyncio.create_task(client.get(f"{base}/think"))
            idle, _ = await stack.enter_async_context(connected(unused_tcp_port))
            await asyncio.sleep(0.3)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            answer = await running
            assert (answer.status, await answer.text()) == (200, "thought")
            assert await closes_within(idle, 5)
            async with asyncio.timeout(25):
                assert await process.wait() == 0
            assert time.monotonic() - started < 25
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(client: ClientSession, base: str) -> None:
    for _ in range(200):
        with suppress(OSError):
            async with client.get(f"{base}/health/ready") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.05)
    pytest.fail("the process did not become ready")
