"""The watch over connectors that run in the hub's process: who computes for too long is interrupted and named.

A thread looks a few times a second. A pure call is marked while it runs, so that one that exceeds its budget can be
ended by an exception in its thread; this ends a loop in Python, whatever it does. A coroutine that blocks the event
loop cannot be ended, but the stack of the loop's thread tells whose it is.
"""

import asyncio
import ctypes
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import get_ident
from time import monotonic
from types import FrameType
from typing import Any

from hub.core.connections.apart import FaultKind

TICK = 0.25
Breach = Callable[[str, str, FaultKind, str], None]
"""Told connector, call, kind and words when a budget was broken; on the thread of the watch."""


class Interrupted(BaseException):
    """Raised inside a pure call that exceeded its budget; no ``except Exception`` stops it."""


class _Mark:
    """A pure call that runs on a thread."""

    __slots__ = ("call", "connector", "is_interrupted", "since", "thread")

    def __init__(self, connector: str, call: str, thread: int) -> None:
        self.connector = connector
        self.call = call
        self.thread = thread
        self.since = monotonic()
        self.is_interrupted = False


@dataclass(eq=False)
class Watch:
    """One per process. ``connectors`` are their keys by the ``id`` of the instance, ``packages`` by the name of the
    package that holds their code."""

    computing: float
    on_breach: Breach
    packages: Mapping[str, str]
    connectors: Mapping[int, str] = field(default_factory=dict)
    _marks: dict[int, _Mark] = field(default_factory=dict)
    _marking: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _beat: float = 0.0
    _beating: "asyncio.Task[None] | None" = None
    _loop_thread: int = 0

    def start(self) -> None:
        """Begin to watch, this event loop among the rest."""
        self._loop_thread = get_ident()
        self._beat = monotonic()
        self._beating = asyncio.create_task(self._keep_beating(), name="connector watch")
        self._thread = threading.Thread(target=self._watch, name="connector watch", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def run(
        self,
        connector: str,
        call: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Run a pure function under the watch. Raises ``Interrupted`` where it took too long."""
        mark = _Mark(connector, call, get_ident())
        self._marks[mark.thread] = mark
        try:
            try:
                return function(*args, **kwargs)
            finally:
                self._leave(mark)
        except Interrupted:
            self._leave(mark)  # it may have been raised while the mark was being taken away
            raise

    def _leave(self, mark: _Mark) -> None:
        with self._marking:
            if self._marks.get(mark.thread) is mark:
                del self._marks[mark.thread]
                if mark.is_interrupted:
                    _take_back(mark.thread)

    async def _keep_beating(self) -> None:
        while True:
            self._beat = monotonic()
            await asyncio.sleep(self._tick)

    @property
    def _tick(self) -> float:
        return min(TICK, self.computing / 4)

    def _watch(self) -> None:
        told_of = 0.0
        suspect: str | None = None
        while not self._stopping.wait(self._tick):
            now = monotonic()
            overdue = self._overdue(now)
            for mark in overdue:  # told before it is ended, so that whoever calls next finds the connector moved
                what = f"it took longer than {self.computing:g} s"
                self.on_breach(mark.connector, mark.call, FaultKind.TOO_SLOW, what)
            self._interrupt(overdue, now)
            if now - self._beat <= self.computing or self._beat == told_of:
                suspect = None
                continue
            before, suspect = suspect, self._on_loop()
            if suspect is not None and suspect == before:  # twice, as others may have blocked it before this one's turn
                told_of = self._beat
                what = f"it blocked the event loop for {self.computing:g} s"
                self.on_breach(suspect, "a coroutine", FaultKind.BLOCKED, what)

    def _overdue(self, now: float) -> list[_Mark]:
        with self._marking:
            return [each for each in self._marks.values() if now - each.since > self.computing]

    def _interrupt(self, overdue: list[_Mark], now: float) -> None:
        """Under the lock nobody can leave: an exception can only reach the thread while it is inside ``run``."""
        with self._marking:
            for mark in overdue:
                if self._marks.get(mark.thread) is mark:
                    mark.since = now
                    mark.is_interrupted = True
                    _raise_in(mark.thread)

    def _on_loop(self) -> str | None:
        """Whose code runs on the event loop's thread now."""
        if self._loop_thread in self._marks:
            return None
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            if known := self.connectors.get(id(frame.f_locals.get("self"))):
                return known
            name = frame.f_globals.get("__name__", "")
            for package, connector in self.packages.items():
                if name == package or name.startswith(f"{package}."):
                    return connector
            frame = frame.f_back
        return None


def _raise_in(thread: int) -> None:
    """Let a thread raise ``Interrupted`` at its next step in Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Interrupted))


def _take_back(thread: int) -> None:
    """The same, undone where it has not happened yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
