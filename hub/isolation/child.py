"""The process of one connector: ``python -m hub.isolation.child FD``, started by ``hub.isolation.process``.

Three threads: this one runs coroutines, one works the pure calls off in turn, one reads what the hub sends. Whatever
the connector's code raises becomes a reply; whatever else it does to the process ends it, which the hub notices.
"""

import asyncio
import ctypes
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hub.connector.access import Access
from hub.connector.base import Connector
from hub.connector.errors import ConnectorError
from hub.connectors import Origin
from hub.isolation.budgets import NICE
from hub.isolation.calls import Call, CallKind, calls_of
from hub.isolation.remote import restored_access, restored_settings
from hub.isolation.wire import LENGTH, Wire, WireError, dumped, error_parts, restored, restored_error

OUT_OF_MEMORY = 70
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Hub:
    """The other end. Any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._numbers = count()
        self._asked: dict[int, Future[Any]] = {}
        self.wire = Wire("")

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises ``WireError`` for one that cannot be said; a lost hub ends the process."""
        frame = self.wire.frame(message)
        try:
            with self._sending:
                self._connection.sendall(frame)
        except OSError:
            os._exit(0)

    def read(self) -> dict[str, Any]:
        """The next message; the process ends where the hub is gone."""
        return self.wire.message(self._exactly(LENGTH.unpack(self._exactly(LENGTH.size))[0]))

    def ask(self, call: int, what: str, details: Mapping[str, Any]) -> "Future[Any]":
        """Put a question to the hub for a call under way."""
        number, answer = next(self._numbers), Future[Any]()
        self._asked[number] = answer
        self.send({"do": "ask", "id": number, "call": call, "what": what, "with": details})
        return answer

    def answered(self, message: Mapping[str, Any]) -> None:
        """Hand the hub's answer to whoever asked."""
        answer = self._asked.pop(message["id"])
        if not answer.set_running_or_notify_cancel():
            return
        if message.get("error") is not None:
            answer.set_exception(restored_error(message["error"]))
        else:
            answer.set_result(message["value"])

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            try:
                piece = self._connection.recv(min(size - len(found), 1 << 20))
            except OSError:
                piece = b""
            if not piece:
                os._exit(0)
            found += piece
        return bytes(found)


class Worker:
    """Runs the calls of one connector."""

    def __init__(self, hub: Hub, connector: Connector) -> None:
        self._hub = hub
        self._connector = connector
        self._calls = calls_of(type(connector))
        self._pure: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._streams: dict[int, tuple[AsyncIterator[Any], Call, Access | None]] = {}

    async def run(self) -> None:
        """Work until the hub goes away."""
        threading.Thread(target=self._work_off, name="pure", daemon=True).start()
        threading.Thread(target=self._listen, args=(asyncio.get_running_loop(),), name="hub", daemon=True).start()
        self._hub.send({"do": "ready"})
        await asyncio.Event().wait()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            message = self._hub.read()
            match message["do"]:
                case "call" if self._calls[message["name"]].kind is CallKind.PURE:
                    self._pure.put(message)
                case "answer":
                    self._hub.answered(message)
                case _:
                    loop.call_soon_threadsafe(self._begin, message)

    def _work_off(self) -> None:
        while True:
            message = self._pure.get()
            try:
                call = self._calls[message["name"]]
                answer = getattr(self._connector, call.name)(**self._arguments(call, message)[0])
                self._done(message["id"], call, answer, None)
            except BaseException as error:  # SystemExit too: it is one call's fault
                self._failed(message["id"], error, None)

    def _begin(self, message: dict[str, Any]) -> None:
        number = message["id"]
        match message["do"]:
            case "call":
                self._run(number, self._call(message))
            case "next":
                self._run(number, self._next(number))
            case "cancel":
                self._streams.pop(number, None)
                if task := self._tasks.get(number):
                    task.cancel()
            case _:
                self._hub.send({"do": "pong", "id": number})

    def _run(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[number] = asyncio.create_task(work)
        task.add_done_callback(lambda ended: self._tasks.pop(number) if self._tasks.get(number) is ended else None)

    async def _call(self, message: dict[str, Any]) -> None:
        number, access = message["id"], None
        try:
            call = self._calls[message["name"]]
            arguments, access = self._arguments(call, message)
            made = getattr(self._connector, call.name)(**arguments)
            if call.kind is CallKind.STREAM:
                self._streams[number] = (aiter(made), call, access)
                await self._next(number)
            else:
                self._done(number, call, await made, access)
        except BaseException as error:
            self._failed(number, error, access)

    async def _next(self, number: int) -> None:
        stream, call, access = self._streams[number]
        try:
            self._done(number, call, await anext(stream), access)
        except StopAsyncIteration:
            self._streams.pop(number, None)
            self._hub.send({"do": "ended", "id": number, "skipped": _skipped(access)})
        except BaseException as error:
            self._streams.pop(number, None)
            self._failed(number, error, access)

    def _arguments(self, call: Call, message: Mapping[str, Any]) -> tuple[dict[str, Any], Access | None]:
        found: dict[str, Any] = {}
        access = None
        for name, parts in message["with"].items():
            adapter = call.parameters[name]
            if adapter is not None:
                found[name] = restored(adapter, parts)
            elif call.hints[name] is Access:
                number = message["id"]
                access = restored_access(
                    self._connector, parts, lambda what, details, n=number: self._hub.ask(n, what, details)
                )
                found[name] = access
            else:
                found[name] = restored_settings(self._connector, parts)
        return found, access

    def _done(self, number: int, call: Call, answer: object, access: Access | None) -> None:
        parts = dumped(call.answer, answer)
        self._hub.send({"do": "done", "id": number, "answer": parts, "skipped": _skipped(access)})

    def _failed(self, number: int, error: BaseException, access: Access | None) -> None:
        if isinstance(error, ConnectorError):
            told = {"do": "failed", "id": number, "error": error_parts(error), "skipped": _skipped(access)}
            with suppress(WireError):
                self._hub.send(told)
                return
        self._hub.send({"do": "fault", "id": number, **fault_of(error)})
        if isinstance(error, MemoryError):
            os._exit(OUT_OF_MEMORY)


def fault_of(error: BaseException) -> dict[str, str]:
    """What may be told of an exception: its class and where it was raised; its text may quote what it handled."""
    steps = traceback.extract_tb(error.__traceback__)
    where = f"{'/'.join(Path(steps[-1].filename).parts[-2:])}:{steps[-1].lineno}" if steps else ""
    return {"type": type(error).__name__, "where": where}


def load(value: str, key: str) -> Connector:
    """Import the connector; output that it prints goes nowhere, as the process has none."""
    return Origin(value, None).load(key)


def limit(memory: int) -> None:
    """Let the process have so many bytes beyond what it has by now, and leave no core file behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # a platform that does not count address space
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def yield_to_hub() -> None:
    """Compute after the hub, whose answers others wait for."""
    with suppress(OSError):
        os.nice(NICE)


def end_with_parent() -> None:
    """Where the system can, be killed with the hub; elsewhere the closed connection tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _skipped(access: Access | None) -> list[dict[str, Any]]:
    return [error_parts(each) for each in access.skipped_parts.values()] if access is not None else []


def main() -> None:
    """Run one connector for the hub at the other end of the given socket."""
    end_with_parent()
    yield_to_hub()
    hub = Hub(socket.socket(fileno=int(sys.argv[1])))
    start = hub.read()
    hub.wire = Wire(start["mark"])
    try:
        connector = load(start["value"], start["key"])
    except BaseException as error:
        hub.send({"do": "fault", "id": -1, **fault_of(error)})
        os._exit(1)
    limit(start["memory"])
    asyncio.run(Worker(hub, connector).run())


if __name__ == "__main__":
    main()
