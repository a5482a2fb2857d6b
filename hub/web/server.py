"""Serving over sockets: slow clients are closed, a stop is graceful.

aiohttp limits neither the time for a request's header nor that for its body: half-open requests stay open for
ever. Here every connection notes when it began to wait for a header or body, and one watcher per server looks at
all of them once a second; per request this costs two attribute writes, no timer.

Limits (WH-06): header within 10 s, whole request within 30 s and after 5 s at least 256 bytes/s, an answer taken
off within 30 s, keep-alive 75 s, 512 connections per address (IPv6: per /64), 8,192 together. At a connection limit
the oldest unfinished connection makes room, else the oldest idle one, so that slow ones never keep a client out.
"""

import asyncio
import resource
import signal
import socket
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler
from uuid_utils.compat import uuid7

from hub.web.headers import add_headers
from hub.web.problems import from_http_error, from_status
from hub.web.proxies import UNKNOWN, TrustedProxies, network_of
from hub.web.services import SERVICES

_log = structlog.get_logger(__name__)
_FILES_WANTED = 65_536
_ACCEPTED_PER_TURN = 16
_QUEUED = 1_024
_SHUTDOWN_WAIT = 11.0
"""aiohttp waits up to twice this long: once for the answer, once for the task."""


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Seconds, bytes per second, and numbers of connections."""

    header: float = 10.0
    request: float = 30.0
    answer: float = 30.0
    keep_alive: float = 75.0
    slow_after: float = 5.0
    slowest: float = 256.0
    per_address: int = 512
    together: int = 8_192
    look_every: float = 1.0


class WatchedConnection(RequestHandler):
    """One connection that knows for how long it has been waiting for its client."""

    __slots__ = ("_body", "_body_bytes", "_seen_requests", "_server", "_since", "_stalled_since", "network")

    def __init__(self, server: "WatchedServer", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._since: float | None = None
        self._stalled_since: float | None = None
        self._body: StreamReader | None = None
        self._body_bytes = 0
        self._seen_requests = 0
        self.network = UNKNOWN

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; the time for the first header runs from now."""
        peer = transport.get_extra_info("peername")
        self.network = network_of(str(peer[0])) if isinstance(peer, tuple) else UNKNOWN
        self._since = self._loop.time()
        super().connection_made(transport)
        self._server.admit(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._server.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note whether a header, a body, or nothing is unfinished after these bytes."""
        super().data_received(data)
        if self._request_count != self._seen_requests:
            self._seen_requests = self._request_count
            body = self._messages[-1][1] if self._messages else None
            self._since, self._body_bytes = None, len(data)
            if body is not None and not body.is_eof():
                self._body, self._since = body, self._loop.time()
        elif self._body is not None:
            self._body_bytes += len(data)
            if self._body.is_eof():
                self._body = self._since = None
        elif self._since is None and data:
            self._since = self._loop.time()

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        self._stalled_since = self._loop.time()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._stalled_since = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being worked on: it waits for the client, and may be closed to make room."""
        is_between_requests = self._waiter is not None and not self._waiter.done()
        return is_between_requests or (self._body is not None and not self._body.is_eof())

    @property
    def is_unfinished(self) -> bool:
        """Whether a header or body has begun (or is yet to come for the first time) and is not complete."""
        return self._since is not None

    def is_too_slow(self, now: float, limits: ConnectionLimits) -> bool:
        """Whether one of the time limits has passed."""
        if self._stalled_since is not None and now - self._stalled_since > limits.answer:
            return True
        if self._since is None:
            return False
        waited = now - self._since
        if self._body is None:
            return waited > limits.header
        if self._body.is_eof():
            self._body = self._since = None
            return False
        is_crawling = waited > limits.slow_after and self._body_bytes < limits.slowest * waited
        return waited > limits.request or (is_crawling and not self._reading_paused)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Give even errors raised outside the application our form; never unpack the rest of a refused body."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = self._server.answer(from_http_error(resp).response(request_id := str(uuid7())), request_id)
        is_packed = "Content-Encoding" in request.headers
        if (is_packed or resp.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE) and not request.content.is_eof():
            self._lingering_time = 0.0 if is_packed else self._lingering_time
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not even be parsed; nothing of the input is repeated or logged."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun already")
        request_id = str(uuid7())
        if not isinstance(exc, BadHttpMethod):
            _log.debug("unreadable request", request_id=request_id, status=status, reason=type(exc).__name__)
        response = self._server.answer(from_status(status).response(request_id), request_id)
        response.force_close()
        return response


class WatchedServer(web.Server):
    """Makes watched connections and closes those that are too slow or too many."""

    def __init__(self, plain: web.Server, *, limits: ConnectionLimits, trusted: TrustedProxies, is_https: bool) -> None:
        super().__init__(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,
            **plain._kwargs,
        )
        self._limits = limits
        self._trusted = trusted
        self._is_https = is_https
        self._by_network: defaultdict[str, dict[WatchedConnection, None]] = defaultdict(dict)
        self._all: dict[WatchedConnection, None] = {}
        self._watcher = self._loop.create_task(self._watch())

    def __call__(self) -> RequestHandler:
        """A connection for the next client."""
        return WatchedConnection(self, loop=self._loop, **self._kwargs)

    def admit(self, connection: WatchedConnection) -> None:
        """Count a new connection; at a limit one that waits is closed, and if all work, the new one."""
        self._all[connection] = None
        mine = self._by_network[connection.network]
        mine[connection] = None
        if len(mine) > self._limits.per_address and not self._trusted.trusts(connection.network):
            self._make_room(mine, connection)
        elif len(self._all) > self._limits.together:
            self._make_room(self._all, connection)

    def forget(self, connection: WatchedConnection) -> None:
        """Stop counting a connection."""
        self._all.pop(connection, None)
        mine = self._by_network.get(connection.network)
        if mine is not None:
            mine.pop(connection, None)
            if not mine:
                del self._by_network[connection.network]

    def answer(self, response: web.Response, request_id: str) -> web.Response:
        """Add the headers that every answer has."""
        add_headers(response, request_id, is_https=self._is_https)
        return response

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop watching and close every connection."""
        self._watcher.cancel()
        await super().shutdown(timeout)

    def _make_room(self, among: Iterable[WatchedConnection], new: WatchedConnection) -> None:
        unfinished = next((one for one in among if one is not new and one.is_unfinished and one.is_idle), None)
        self._drop(unfinished or next((one for one in among if one is not new and one.is_idle), new))

    def _drop(self, connection: WatchedConnection) -> None:
        self.forget(connection)
        if connection.transport is not None:
            connection.transport.abort()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.look_every)
            now = self._loop.time()
            for connection in [one for one in self._all if one.is_too_slow(now, self._limits)]:
                self._drop(connection)


class WatchedRunner(web.AppRunner):
    """Runs an application of ``build_app`` behind a ``WatchedServer``."""

    def __init__(self, app: web.Application, *, limits: ConnectionLimits | None = None) -> None:
        self._limits = limits or ConnectionLimits()
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=self._limits.keep_alive,
            lingering_time=2.0,
            shutdown_timeout=_SHUTDOWN_WAIT,
            auto_decompress=False,
        )

    async def _make_server(self) -> web.Server:
        settings = self.app[SERVICES].settings
        return WatchedServer(
            await super()._make_server(),
            limits=self._limits,
            trusted=settings.proxies,
            is_https=settings.is_https,
        )


async def serve(app: web.Application, *, host: str, port: int, limits: ConnectionLimits | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs within 25 s and return (OP-01).

    At the signal the process stops being ready, streams end, no new connection is taken, requests being worked on
    are answered. The application's ``on_shutdown`` and ``on_cleanup`` run inside this time.
    """
    raise_file_limit()
    lifecycle = app[SERVICES].lifecycle
    runner = WatchedRunner(app, limits=limits)
    await runner.setup()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, lifecycle.stop)
    try:
        await listen(runner, host, port)
        lifecycle.is_ready = True
        await lifecycle.stopping.wait()
    finally:
        lifecycle.stop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)
        await runner.cleanup()


async def listen(runner: web.BaseRunner, host: str, port: int) -> int:
    """Take connections at an address; returns the port, which the system chooses where ``port`` is 0.

    asyncio accepts up to a whole backlog of connections in one turn; a crowd would hold up every request for that
    long. Hence a small number for asyncio, and the large one for the system's own queue.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    await web.SockSite(runner, listening, backlog=_ACCEPTED_PER_TURN).start()
    listening.listen(_QUEUED)
    return int(listening.getsockname()[1])


def raise_file_limit() -> None:
    """Allow this process as many open files as the system lets it: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
