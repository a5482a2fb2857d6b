"""One process of a connector: started, spoken to, watched, and killed when it breaks a budget.

Everything here runs on the event loop of ``hub.isolation.hosting.HostLoop``.
"""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hub.connectors import Origin
from hub.core.connections.apart import FaultKind
from hub.isolation.budgets import NICE_WHEN_SLOW, SLOW, Budgets
from hub.isolation.calls import Call, CallKind
from hub.isolation.serving import Serving, told
from hub.isolation.wire import LENGTH, LONGEST_FRAME, Wire, WireError

MODULE = "hub.isolation.child"
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""Of the environment; the hub's own settings, master keys among them, stay behind."""
TICK = 0.05
"""Seconds between two looks while a call is under way."""


class ProcessEndedError(Exception):
    """The process ended, or was ended, before this call had its answer. A suspect may have been the reason."""

    def __init__(self, kind: FaultKind, what: str, *, is_suspect: bool) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.is_suspect = is_suspect


@dataclass(eq=False)
class Request:
    """One call as it travels; the same one may be put to a second process."""

    number: int
    call: Call
    arguments: Mapping[str, Any]
    serving: Serving


@dataclass(eq=False)
class _Pending:
    request: Request
    answer: "asyncio.Future[dict[str, Any]]"
    heard_at: float

    @property
    def is_pure(self) -> bool:
        return self.request.call.kind is CallKind.PURE


@dataclass(eq=False)
class ConnectorProcess:
    """A running process. ``start`` makes it."""

    key: str
    wire: Wire
    budgets: Budgets
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    has_ended: bool = False
    _pending: dict[int, _Pending] = field(default_factory=dict)
    _pure: deque[_Pending] = field(default_factory=deque)
    _cancelled: dict[int, float] = field(default_factory=dict)
    _asking: set["asyncio.Task[None]"] = field(default_factory=set)
    _pinged_at: float | None = None
    _is_yielding: bool = False
    _is_working: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @classmethod
    async def start(cls, key: str, origin: Origin, mark: str, budgets: Budgets) -> "ConnectorProcess":
        """Start it and wait until the connector is imported. Raises ``ProcessEndedError``."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await _spawn(theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        started = cls(key, Wire(mark), budgets, process, reader, writer)
        try:
            async with asyncio.timeout(budgets.starting):
                hello = {"mark": mark, "value": origin.value, "key": key, "memory": budgets.memory}
                writer.write(Wire("").frame(hello))
                answer = await started._read()
        except (TimeoutError, WireError, OSError, asyncio.IncompleteReadError) as error:
            await started.end()
            raise _not_started(f"it could not be started ({type(error).__name__})") from None
        except BaseException:
            await started.end()
            raise
        if answer.get("do") != "ready":
            await started.end()
            raise _not_started(f"importing it raised {_fault_words(answer)}")
        started._tasks = [asyncio.create_task(started._listen()), asyncio.create_task(started._watch())]
        return started

    async def ask(self, request: Request, do: str = "call") -> dict[str, Any]:
        """Put a call, or ``next`` of a stream, to the process; its reply. Raises ``ProcessEndedError``."""
        if self.has_ended:
            raise ProcessEndedError(FaultKind.ENDED, "its process is gone", is_suspect=False)
        loop = asyncio.get_running_loop()
        pending = _Pending(request, loop.create_future(), loop.time())
        message: dict[str, Any] = {"do": do, "id": request.number}
        if do == "call":
            message |= {"name": request.call.name, "with": request.arguments}
        frame = self.wire.frame(message)
        self._pending[request.number] = pending
        if pending.is_pure:
            self._pure.append(pending)
        self._is_working.set()
        self.writer.write(frame)
        try:
            return await pending.answer
        except asyncio.CancelledError:
            self.cancel(request)
            raise

    def cancel(self, request: Request) -> None:
        """Have the process give a call, or a stream, up."""
        pending = self._pending.pop(request.number, None)
        if self.has_ended or request.call.kind is CallKind.PURE:
            return
        if pending is not None:
            self._cancelled[request.number] = asyncio.get_running_loop().time()
        self._say({"do": "cancel", "id": request.number})

    @property
    def waiting(self) -> int:
        """How many pure calls wait for their turn."""
        return len(self._pure)

    async def end(self) -> None:
        """Kill the process and whatever it started; whoever waits for it is told."""
        self._end(FaultKind.ENDED, "its process was stopped", suspects=())
        for task in [*self._tasks, *self._asking]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._asking, return_exceptions=True)
        with suppress(OSError):
            self.writer.close()
            await self.writer.wait_closed()
        await self.process.wait()

    # --- listening ----------------------------------------------------------------------------------------

    async def _read(self) -> dict[str, Any]:
        (size,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
        if size > LONGEST_FRAME:
            raise WireError("a frame is too long")
        return self.wire.message(await self.reader.readexactly(size))

    async def _listen(self) -> None:
        try:
            while True:
                self._heard(await self._read())
        except (asyncio.IncompleteReadError, OSError):
            self._end(FaultKind.ENDED, "its process ended", suspects=self._all_suspects())
        except Exception as error:  # whatever it sent, it is the connector's process that sent it
            what = f"its process sent what cannot be read ({type(error).__name__})"
            self._end(FaultKind.BAD_ANSWER, what, suspects=self._all_suspects())

    def _heard(self, message: dict[str, Any]) -> None:
        match message["do"]:
            case "ask":
                self._serve(message)
            case "pong":
                self._pinged_at = None
            case _:
                self._settle(message)

    def _settle(self, message: dict[str, Any]) -> None:
        number = message["id"]
        self._cancelled.pop(number, None)
        pending = self._pending.pop(number, None)
        if self._pure and self._pure[0].request.number == number:
            self._pure.popleft()
            if self._pure:
                self._pure[0].heard_at = asyncio.get_running_loop().time()
        if pending is None:
            return
        if message.get("type") == "MemoryError":
            self._pending[number] = pending
            self._end(FaultKind.MEMORY, f"it took more than {self.budgets.memory} bytes", suspects=(pending,))
        elif not pending.answer.done():
            pending.answer.set_result(message)

    def _serve(self, message: dict[str, Any]) -> None:
        pending = self._pending.get(message["call"])
        if pending is None:
            return
        pending.heard_at = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._answer(pending, message))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, pending: _Pending, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"do": "answer", "id": message["id"]}
        try:
            future = pending.request.serving.answer(message["what"], message["with"])
            answer["value"] = await asyncio.wrap_future(future)
        except Exception as error:
            answer["error"] = told(error)
        pending.heard_at = asyncio.get_running_loop().time()
        self._say(answer)

    # --- watching -----------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        tick = min(TICK, self.budgets.computing / 4, self.budgets.waiting / 4)
        while not self.has_ended:
            if not self._pending and not self._cancelled:
                self._is_working.clear()
                await self._is_working.wait()
            await asyncio.sleep(tick)
            self._look(asyncio.get_running_loop().time())

    def _look(self, now: float) -> None:
        waiting = [each for each in self._pending.values() if not each.is_pure]
        if self._pure and now - self._pure[0].heard_at > SLOW and not self._is_yielding:
            self._is_yielding = True
            _yield_to_others(self.process.pid)
        if self._pure and now - self._pure[0].heard_at > self.budgets.computing:
            what = f"it took longer than {self.budgets.computing:g} s"
            self._end(FaultKind.TOO_SLOW, what, suspects=(self._pure[0],))
        elif self._pinged_at is not None and now - self._pinged_at > self.budgets.computing:
            what = f"it did nothing but compute for {self.budgets.computing:g} s"
            self._end(FaultKind.BLOCKED, what, suspects=tuple(waiting))
        elif any(now - since > self.budgets.ending for since in self._cancelled.values()):
            self._end(FaultKind.BLOCKED, "a call did not end when it was told to", suspects=())
        else:
            self._give_up_overdue(waiting, now)
            if waiting and self._pinged_at is None:
                self._pinged_at = now
                self._say({"do": "ping", "id": -1})

    def _give_up_overdue(self, waiting: list[_Pending], now: float) -> None:
        for pending in waiting:
            if now - pending.heard_at > self.budgets.waiting and not pending.answer.done():
                what = f"it was silent for {self.budgets.waiting:g} s"
                pending.answer.set_exception(ProcessEndedError(FaultKind.TOO_SLOW, what, is_suspect=True))
                self.cancel(pending.request)

    # --- ending -------------------------------------------------------------------------------------------

    def _all_suspects(self) -> tuple[_Pending, ...]:
        return (*list(self._pure)[:1], *(each for each in self._pending.values() if not each.is_pure))

    def _end(self, kind: FaultKind, what: str, *, suspects: tuple[_Pending, ...]) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        _kill(self.process.pid)
        for pending in [*self._pending.values()]:
            if not pending.answer.done():
                is_suspect = any(pending is each for each in suspects)
                pending.answer.set_exception(ProcessEndedError(kind, what, is_suspect=is_suspect))
        self._pending.clear()
        self._pure.clear()
        self._cancelled.clear()
        self._is_working.set()

    def _say(self, message: dict[str, Any]) -> None:
        if not self.has_ended:
            self.writer.write(self.wire.frame(message))


async def _spawn(theirs: socket.socket) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        str(theirs.fileno()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
        env={
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "1",
        },
    )


def _yield_to_others(pid: int) -> None:
    with suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, pid) < NICE_WHEN_SLOW:
            os.setpriority(os.PRIO_PROCESS, pid, NICE_WHEN_SLOW)


def _kill(pid: int) -> None:
    """The whole group: it leads one of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _not_started(what: str) -> ProcessEndedError:
    return ProcessEndedError(FaultKind.NOT_STARTED, what, is_suspect=True)


def _fault_words(message: Mapping[str, Any]) -> str:
    return f"{message.get('type', 'something')} at {message.get('where') or 'an unknown place'}"
