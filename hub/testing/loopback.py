"""A real HTTP server on loopback that stands in for a platform's origins and can be made to fail."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from hub.connector.clock import Clock
from hub.testing.clock import VirtualClock
from hub.testing.faults import CallFaults, PlatformAnswer
from hub.testing.journal import SeenRequest
from hub.testing.tokens import TokenBook

SEEN_REQUESTS_KEPT = 50_000
GARBAGE = PlatformAnswer(200, b"<html>Service is being upgraded {", content_type="text/html")


class LoopbackPlatform(ABC):
    """Listens on 127.0.0.1 (``async with``, or ``start`` and ``stop``), keeps a journal, applies call faults."""

    origins: ClassVar[tuple[str, ...]] = ()
    """The real origins that this server stands in for (``https://graph.example.com``)."""
    origin_prefixes: ClassVar[Mapping[str, str]] = {}
    """A path such as ``/www`` put before the paths of one origin, where two origins share paths."""
    token_paths: ClassVar[tuple[str, ...]] = ()
    """Exact paths (with prefix) of the token endpoint."""
    people_paths: ClassVar[tuple[str, ...]] = ()
    """Exact paths (with prefix) that a person visits, such as the consent page: call faults spare them."""
    token_kinds: ClassVar[tuple[str, ...]] = ("access",)
    """Kinds in ``self.tokens`` that ``expire_token`` ends."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or VirtualClock()
        self.tokens = TokenBook(self.clock)
        self.requests: deque[SeenRequest] = deque(maxlen=SEEN_REQUESTS_KEPT)
        self._calls = CallFaults()
        self._runner: web.AppRunner | None = None
        self._base = ""

    @abstractmethod
    def build_app(self) -> web.Application:
        """The routes of the platform: consent page, token endpoint, forms, submissions."""

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """The platform's way to ask for patience (default: RFC 6585 section 4)."""
        headers = (("Retry-After", str(round(wait.total_seconds()))),)
        return PlatformAnswer(429, b'{"error":"too_many_requests"}', headers)

    def error_answer(self, status: int) -> PlatformAnswer:
        """The platform's way to fail with this status."""
        return PlatformAnswer(status, json.dumps({"error": f"simulated_{status}"}).encode())

    def client_refused_answer(self) -> PlatformAnswer:
        """The token endpoint's answer to a wrong client secret (default: RFC 6749 section 5.2)."""
        return PlatformAnswer(401, b'{"error":"invalid_client"}')

    # --- faults -------------------------------------------------------------------------------------------

    def expire_token(self) -> None:
        """Access tokens issued so far are over; renewal still works."""
        self.tokens.expire(self.token_kinds)

    def revoke(self) -> None:
        """The person withdraws access: neither access nor renewal works with what was issued so far."""
        self.tokens.revoke_all()

    def refuse_client(self) -> None:
        """The app's secret was changed at the platform: the token endpoint refuses us, until ``heal``."""
        self._calls.is_client_refused = True

    def rate_limit(self, seconds: float) -> None:
        """Refuse calls for that long, by the simulator's clock."""
        self._calls.limited_until = self.clock.now() + timedelta(seconds=seconds)

    def fail(self, status: int, times: int = 1) -> None:
        """Answer the next calls with this status."""
        self.answer_next(self.error_answer(status), times)

    def garbage(self, times: int = 1) -> None:
        """Answer the next calls with 200 and something that is not JSON."""
        self.answer_next(GARBAGE, times)

    def answer_next(self, answer: PlatformAnswer, times: int = 1) -> None:
        """Answer the next calls with exactly this."""
        self._calls.answers.extend([answer] * times)

    def slow(self, seconds: float) -> None:
        """Delay every call in real time (the caller's time-out runs in real time too), until ``heal``."""
        self._calls.slow_seconds = seconds

    def heal(self) -> None:
        """End all faults. Tokens that were expired or revoked stay so."""
        self._calls = CallFaults()

    # --- the server ---------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1, on a free port unless one is given."""
        app = self.build_app()
        app.middlewares.insert(0, self._middleware())
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close the server; calls under way are cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """Where it listens, without a slash at the end; empty before ``start``."""
        return self._base

    def origin_overrides(self) -> dict[str, str]:
        """For each real origin, the address to call instead."""
        return {each: self._base + self.origin_prefixes.get(each, "") for each in self.origins}

    def local(self, url: str) -> str:
        """A URL of the real platform as it is reached here, or one that is so already.

        Raises ``KeyError`` for an unknown origin.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin in self.origin_overrides().values():
            return url
        return self.origin_overrides()[origin] + url.removeprefix(origin)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests.append(await _seen(request))
            if request.path in self.people_paths:
                return await handler(request)
            if self._calls.slow_seconds:
                await asyncio.sleep(self._calls.slow_seconds)
            fault = self._fault(request.path)
            return await handler(request) if fault is None else _response(fault)

        return answer

    def _fault(self, path: str) -> PlatformAnswer | None:
        wait = self._calls.wait_left(self.clock.now())
        if wait is not None:
            return self.rate_limit_answer(wait)
        if self._calls.is_client_refused and path in self.token_paths:
            return self.client_refused_answer()
        return self._calls.answers.popleft() if self._calls.answers else None


async def _seen(request: web.Request) -> SeenRequest:
    return SeenRequest(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
    )


def _response(answer: PlatformAnswer) -> web.Response:
    headers = {"Content-Type": answer.content_type, **dict(answer.headers)}
    return web.Response(status=answer.status, body=answer.body, headers=headers)
