"""Server-sent events (HTML standard, section 9.2): a stream that survives reconnecting and stopping.

The source is any async iterator of ``Event``. Between events a comment is sent every ``HEARTBEAT`` seconds, which
keeps proxies from closing the stream and finds out that the client has gone; at the same time it is asked whether
the caller still has the right, so that a disabled account loses its stream as well.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel

HEARTBEAT = 15.0
RETRY_MS = 2_000
LAST_EVENT_ID_LENGTH = 200
_BEAT = b": still here\n\n"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """``id`` is where a client goes on after a break; ``kind`` the event's name; ``content`` is sent as JSON."""

    id: str
    kind: str
    content: BaseModel

    def encode(self) -> bytes:
        """As it goes over the wire. JSON holds no line breaks, so one ``data`` line is enough."""
        plain = {"id": self.id, "event": self.kind, "data": self.content.model_dump_json()}
        return "".join(f"{name}: {_one_line(value)}\n" for name, value in plain.items()).encode() + b"\n"


class EventSource:
    """One open stream to one client."""

    def __init__(
        self,
        events: AsyncIterator[Event],
        *,
        stopping: asyncio.Event,
        is_still_allowed: Callable[[], Awaitable[bool]],
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._events = events
        self._stopping = stopping
        self._is_still_allowed = is_still_allowed
        self._heartbeat = heartbeat

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send until the source ends, the client leaves, the caller loses the right or the process stops."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        stop = asyncio.ensure_future(self._stopping.wait())
        coming: asyncio.Future[Event | None] | None = None
        try:
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            while not stop.done():
                coming = coming or asyncio.ensure_future(self._next())
                waiting: set[asyncio.Future[Any]] = {coming, stop}
                await asyncio.wait(waiting, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    event, coming = coming.result(), None
                    if event is None:
                        break
                    await response.write(event.encode())
                elif not stop.done():
                    if not await self._is_still_allowed():
                        break
                    await response.write(_BEAT)
        except ConnectionError:
            pass
        except Exception:
            _log.exception("stream broke off")
        finally:
            await _cancel(stop, coming)
            await _close(self._events)
        return response

    async def _next(self) -> Event | None:
        return await anext(self._events, None)


async def _cancel(*tasks: asyncio.Future[Any] | None) -> None:
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _close(events: AsyncIterator[Event]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\x00", " ")
