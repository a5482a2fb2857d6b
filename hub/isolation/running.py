"""The two ways in which a connector's functions are called: in this process, watched, or in one of its own."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from hub.connector.access import Access
from hub.connector.base import Connector
from hub.connector.errors import ConnectorError
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError, FaultKind
from hub.core.connector_health.faults import Faults
from hub.isolation.budgets import Budgets
from hub.isolation.calls import Call
from hub.isolation.hosting import Host, HostLoop, Stream
from hub.isolation.serving import Serving, access_parts
from hub.isolation.watching import Interrupted, Watch
from hub.isolation.wire import Wire, WireError, dumped, restored, restored_error

Given = tuple[Any, ...]
Named = Mapping[str, Any]

PATIENCE_ABOUT_SETTINGS = 10.0
"""Seconds; the first such question may have to wait for the process."""
MOST_REMEMBERED = 1_000

_deadline: ContextVar[asyncio.Timeout | None] = ContextVar("deadline", default=None)


class Running(Protocol):
    """Runs the calls of one connector."""

    def pure(self, call: Call, args: Given, kwargs: Named) -> Any:
        """Call a pure function and wait for it on this thread."""
        ...

    async def waiting(self, call: Call, args: Given, kwargs: Named) -> Any:
        """Call a coroutine, or a pure function without blocking the event loop."""
        ...

    def stream(self, call: Call, args: Given, kwargs: Named) -> AsyncIterator[Any]:
        """Go through a listing."""
        ...


def prolong() -> None:
    """The call under way heard from its platform: its time begins anew."""
    deadline = _deadline.get()
    if deadline is not None and not deadline.expired() and (when := deadline.when()) is not None:
        loop = asyncio.get_running_loop()
        deadline.reschedule(max(when, loop.time() + _budget.get()))


_budget: ContextVar[float] = ContextVar("budget", default=0.0)


@dataclass(frozen=True)
class Here:
    """In this process. What a call raises beyond ``Exception`` ends the call alone, and one that waits has a limit."""

    key: str
    connector: Connector
    budgets: Budgets
    faults: Faults
    watch: Watch

    def pure(self, call: Call, args: Given, kwargs: Named) -> Any:
        """As ``Running``."""
        function = getattr(self.connector, call.name)
        try:
            answer = self.watch.run(self.key, call.name, function, args, kwargs)
        except ConnectorError:
            self.faults.note_success(self.key)
            raise
        except Interrupted:  # the watch noted it
            what = f"it took longer than {self.budgets.computing:g} s"
            raise ConnectorFaultError(self.key, call.name, FaultKind.TOO_SLOW, what) from None
        except Exception as error:
            self._note_raised(call, error)
            raise
        except BaseException as error:
            raise self._note_raised(call, error) from error
        self.faults.note_success(self.key)
        return answer

    async def waiting(self, call: Call, args: Given, kwargs: Named) -> Any:
        """As ``Running``."""
        return await self._within(call, getattr(self.connector, call.name), args, kwargs)

    async def stream(self, call: Call, args: Given, kwargs: Named) -> AsyncIterator[Any]:
        """As ``Running``; each page has a limit of its own."""
        pages = aiter(getattr(self.connector, call.name)(*args, **kwargs))
        try:
            while True:
                try:
                    page = await self._within(call, _next_or_stop, (pages,), {})
                except _StreamEnded:
                    return
                yield page
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()

    async def _within(self, call: Call, function: Callable[..., Any], args: Given, kwargs: Named) -> Any:
        deadline = asyncio.timeout(self.budgets.waiting)
        try:
            async with deadline:
                with _prolonged_by_traffic(deadline, self.budgets.waiting):
                    answer = await function(*args, **kwargs)
        except (ConnectorError, _StreamEnded):
            self.faults.note_success(self.key)
            raise
        except Exception as error:
            if deadline.expired():
                what = f"it was silent for {self.budgets.waiting:g} s"
                self.faults.note(self.key, call.name, FaultKind.TOO_SLOW, what)
                raise ConnectorFaultError(self.key, call.name, FaultKind.TOO_SLOW, what) from None
            self._note_raised(call, error)
            raise
        except BaseException as error:
            if _is_ours(error):
                raise
            raise self._note_raised(call, error) from error
        self.faults.note_success(self.key)
        return answer

    def _note_raised(self, call: Call, error: BaseException) -> ConnectorFaultError:
        """Note it. An ordinary exception is raised as it is, since those who call know what a bug is; what would end
        a thread, or the hub, becomes the fault that this returns."""
        what = f"it raised {type(error).__name__}"
        self.faults.note(self.key, call.name, FaultKind.RAISED, what)
        return ConnectorFaultError(self.key, call.name, FaultKind.RAISED, what)


@dataclass(frozen=True)
class Apart:
    """In a process of its own."""

    host: Host
    loop: HostLoop
    faults: Faults
    _of_settings: dict[tuple[str, bytes], Mapping[str, Any]] = field(default_factory=dict)

    def pure(self, call: Call, args: Given, kwargs: Named) -> Any:
        """As ``Running``."""
        parts = _parts(call, args, kwargs)
        if call.is_about_settings:
            return self._answer(call, None, self._ask_of_settings(call, parts))
        return self._answer(call, None, self._ask(call, parts).result())

    def _ask(self, call: Call, parts: dict[str, Any]) -> "Future[dict[str, Any]]":
        return self.loop.submit(self.host.call(self.host.request(call, parts, Serving(None))))

    def _ask_of_settings(self, call: Call, parts: dict[str, Any]) -> Mapping[str, Any]:
        """Such questions are asked in the midst of transactions: the answer is remembered, and waited for briefly."""
        key = call.name, hashlib.sha256(Wire("").frame(parts)).digest()
        known = self._of_settings.get(key)
        if known is None:
            try:
                known = self._ask(call, parts).result(PATIENCE_ABOUT_SETTINGS)
            except TimeoutError:
                message = "The connector is still thinking about its settings."
                raise ConnectorRestingError(message, retry_after=timedelta(seconds=1)) from None
            if len(self._of_settings) >= MOST_REMEMBERED:
                self._of_settings.clear()
            if known["do"] == "done":
                self._of_settings[key] = known
        return known

    async def waiting(self, call: Call, args: Given, kwargs: Named) -> Any:
        """As ``Running``."""
        serving = Serving(_access_in(call, args, kwargs))
        request = self.host.request(call, _parts(call, args, kwargs), serving)
        reply = await asyncio.wrap_future(self.loop.submit(self.host.call(request)))
        return self._answer(call, serving, reply)

    async def stream(self, call: Call, args: Given, kwargs: Named) -> AsyncIterator[Any]:
        """As ``Running``."""
        serving = Serving(_access_in(call, args, kwargs))
        request = self.host.request(call, _parts(call, args, kwargs), serving)
        stream: Stream | None = None
        try:
            stream, reply = opened = await asyncio.wrap_future(self.loop.submit(self.host.open(request)))
            while reply["do"] != "ended":
                yield self._answer(call, serving, reply)
                reply = await asyncio.wrap_future(self.loop.submit(self.host.next(opened[0])))
            serving.note_skipped(reply["skipped"])
            stream = None
        finally:
            if stream is not None:
                self.loop.submit(self.host.leave(stream))

    def _answer(self, call: Call, serving: Serving | None, reply: Mapping[str, Any]) -> Any:
        try:
            if serving is not None:
                serving.note_skipped(reply.get("skipped", ()))
            if reply["do"] == "failed":
                raise restored_error(reply["error"])
            if reply["do"] == "fault":
                what = f"it raised {reply['type']} at {reply['where'] or 'an unknown place'}"
                raise self._fault(call, FaultKind.RAISED, what)
            answer = restored(call.answer, reply["answer"])
        except (WireError, KeyError) as error:
            what = f"it answered what the contract does not know ({type(error).__name__})"
            raise self._fault(call, FaultKind.BAD_ANSWER, what) from None
        self.faults.note_success(self.host.key)
        return answer

    def _fault(self, call: Call, kind: FaultKind, what: str) -> ConnectorFaultError:
        self.faults.note(self.host.key, call.name, kind, what)
        return ConnectorFaultError(self.host.key, call.name, kind, what)


class _StreamEnded(Exception):  # noqa: N818 - no error: the listing is at its end
    """A ``StopAsyncIteration`` cannot leave a coroutine."""


async def _next_or_stop(pages: AsyncIterator[Any]) -> Any:
    try:
        return await anext(pages)
    except StopAsyncIteration:
        raise _StreamEnded from None


@contextmanager
def _prolonged_by_traffic(deadline: asyncio.Timeout, seconds: float) -> Iterator[None]:
    tokens = _deadline.set(deadline), _budget.set(seconds)
    try:
        yield
    finally:
        _deadline.reset(tokens[0])
        _budget.reset(tokens[1])


def _is_ours(error: BaseException) -> bool:
    """Whether a cancellation comes from whoever awaits the call, and not from the connector itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _parts(call: Call, args: Given, kwargs: Named) -> dict[str, Any]:
    bound = call.signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return {name: _said(call, name, value) for name, value in bound.arguments.items()}


def _said(call: Call, name: str, value: object) -> Any:
    if isinstance(value, Access):
        return access_parts(value)
    adapter = call.parameters[name]
    if adapter is not None:
        return dumped(adapter, value)
    return value.model_dump() if isinstance(value, BaseModel) else None


def _access_in(call: Call, args: Given, kwargs: Named) -> Access | None:
    return next((each for each in (*args, *kwargs.values()) if isinstance(each, Access)), None)
