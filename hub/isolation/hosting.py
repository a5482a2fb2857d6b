"""The processes of connectors: one for each that runs apart, started when it is first needed and again when it ended.

They live on an event loop in a thread of its own, so that neither a busy hub delays the watch over them, nor a caller
that must wait on its own thread ever waits for itself.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from time import monotonic
from typing import Any, TypeVar

from hub.connector.errors import RetryableError
from hub.connectors import Origin
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError, FaultKind
from hub.core.connector_health.faults import Faults
from hub.isolation.budgets import Budgets, Patience
from hub.isolation.calls import Call, CallKind
from hub.isolation.process import ConnectorProcess, ProcessEndedError, Request
from hub.isolation.serving import Serving
from hub.isolation.wire import WireError

T = TypeVar("T")
MOST_WAITING = 64
"""Pure calls that may wait for their turn; more are told to come again, so that a slow connector piles nothing up."""
MOST_ATTEMPTS = 8
"""Processes that one innocent pure call is put to while others end them."""
CLOSING = 10.0


class HostLoop:
    """The thread with the event loop; started when first used."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ends: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._is_closed = False

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine there. Raises ``ConnectorRestingError`` when the hub is stopping."""
        with self._starting:
            if self._is_closed:
                work.close()
                raise ConnectorRestingError("The hub is stopping.", retry_after=timedelta(seconds=1))
            return asyncio.run_coroutine_threadsafe(work, self._started())

    def at_end(self, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have this awaited when the thread is closed."""
        self._ends.append(end)

    def close(self) -> None:
        """End every process, then the thread; blocks for a moment."""
        with self._starting:
            self._is_closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end_all(), loop).result(CLOSING)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSING)
        loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="connector hosts", daemon=True)
            self._thread.start()
        return self._loop

    async def _end_all(self) -> None:
        await asyncio.gather(*(end() for end in self._ends), return_exceptions=True)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@dataclass(eq=False)
class Stream:
    """A listing under way: its call, and the process that it is bound to."""

    request: Request
    process: ConnectorProcess


@dataclass(eq=False)
class Host:
    """The process of one connector, whichever it is just now. Used on the ``HostLoop`` alone."""

    key: str
    origin: Origin
    budgets: Budgets
    faults: Faults
    _mark: str = field(default_factory=lambda: f"bytes:{secrets.token_hex(16)}")
    _numbers: "count[int]" = field(default_factory=count)
    _process: ConnectorProcess | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _patience: Patience = field(default_factory=Patience)
    _blamed: ConnectorProcess | None = None
    _rests_until: float = 0.0
    _is_closed: bool = False

    def request(self, call: Call, arguments: dict[str, Any], serving: Serving) -> Request:
        """A call with a number of its own."""
        return Request(next(self._numbers), call, arguments, serving)

    async def call(self, request: Request) -> dict[str, Any]:
        """The process's reply. Raises ``ConnectorFaultError`` or ``ConnectorRestingError``.

        A pure call that was not what ended its process is put to the next one; one that may have been, once more.
        """
        was_suspect = False
        for _ in range(MOST_ATTEMPTS):
            process = await self._ready(request)
            try:
                reply = await process.ask(request)
            except ProcessEndedError as ended:
                self._note_end(ended, request)
                if self._may_try_again(request, ended, was_suspect):
                    was_suspect = was_suspect or ended.is_suspect
                    continue
                raise self._failure(ended, request) from None
            except WireError as error:
                raise ConnectorFaultError(self.key, request.call.name, FaultKind.BAD_ANSWER, str(error)) from None
            self._patience.note_answer()
            return reply
        raise self._resting(1.0)

    async def open(self, request: Request) -> tuple[Stream, dict[str, Any]]:
        """Begin a listing; with it the first reply."""
        process = await self._ready(request)
        return Stream(request, process), await self._of_stream(process, request, "call")

    async def next(self, stream: Stream) -> dict[str, Any]:
        """The next reply of a listing."""
        return await self._of_stream(stream.process, stream.request, "next")

    async def leave(self, stream: Stream) -> None:
        """Give a listing up."""
        stream.process.cancel(stream.request)

    async def close(self) -> None:
        """End the process for good."""
        self._is_closed = True
        async with self._starting:
            if self._process is not None:
                await self._process.end()

    async def _of_stream(self, process: ConnectorProcess, request: Request, do: str) -> dict[str, Any]:
        try:
            reply = await process.ask(request, do)
        except ProcessEndedError as ended:
            self._note_end(ended, request)
            raise self._failure(ended, request) from None
        self._patience.note_answer()
        return reply

    async def _ready(self, request: Request) -> ConnectorProcess:
        async with self._starting:
            if (left := self._rests_until - monotonic()) > 0:
                raise self._resting(left)
            if self._is_closed:
                raise self._resting(1.0)
            if self._process is not None and self._process.has_ended:
                await self._process.end()
                self._process = None
            if self._process is None:
                self._process = await self._start(request)
            if request.call.kind is CallKind.PURE and self._process.waiting >= MOST_WAITING:
                raise self._resting(1.0)
            return self._process

    async def _start(self, request: Request) -> ConnectorProcess:
        try:
            return await ConnectorProcess.start(self.key, self.origin, self._mark, self.budgets)
        except ProcessEndedError as ended:
            self._note_end(ended, request)
            raise self._failure(ended, request) from None

    def _note_end(self, ended: ProcessEndedError, request: Request) -> None:
        if not ended.is_suspect:
            return
        if self._process is None or self._process is not self._blamed:  # several calls may have ended with it
            self._blamed = self._process
            self._rests_until = monotonic() + self._patience.note_fault()
        rest = max(self._rests_until - monotonic(), 0.0)
        self.faults.note(self.key, request.call.name, ended.kind, ended.what, rest=rest)

    def _may_try_again(self, request: Request, ended: ProcessEndedError, was_suspect: bool) -> bool:
        """Whether a pure call goes to the next process: it did nothing, or what it died of may be left from others.
        Not where the connector must rest: a receipt that ends every process has to be settled at last."""
        if request.call.kind is not CallKind.PURE:
            return False
        may_be_innocent = ended.kind in (FaultKind.ENDED, FaultKind.MEMORY) and not was_suspect
        return not ended.is_suspect or (may_be_innocent and self._rests_until <= monotonic())

    def _failure(self, ended: ProcessEndedError, request: Request) -> Exception:
        if ended.is_suspect:
            return ConnectorFaultError(self.key, request.call.name, ended.kind, ended.what)
        message = "The connector's process was ended because of another call."
        return RetryableError(message, code="connector_restarted")

    def _resting(self, seconds: float) -> ConnectorRestingError:
        message = "This connector failed repeatedly, or is overloaded, and rests; the hub's log names the cause."
        return ConnectorRestingError(message, retry_after=timedelta(seconds=seconds))
