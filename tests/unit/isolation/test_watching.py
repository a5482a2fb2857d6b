"""The watch over pure calls in the hub's process."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.core.connections.apart import FaultKind
from hub.isolation.budgets import Patience
from hub.isolation.watching import Interrupted, Watch

BUDGET = 0.15


class Watched:
    """A watch, and what it told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, FaultKind]] = []
        self.watch = Watch(BUDGET, lambda key, call, kind, what: self.told.append((key, call, kind)), {__name__: "us"})

    def run(self, function: object) -> object:
        """Run a pure call under the watch."""
        return self.watch.run("acme", "normalise", function, (), {})  # type: ignore[arg-type]  # callables only


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """One that looks."""
    found = Watched()
    found.watch.start()
    yield found
    await found.watch.stop()


def forever() -> None:
    """A loop that catches every ``Exception``."""
    while True:
        try:
            sum(range(100))
        except Exception:
            continue


async def test_an_endless_call_is_interrupted_and_named(watched: Watched) -> None:
    """On a thread, and on the event loop itself; both go on afterwards."""
    with pytest.raises(Interrupted):
        await asyncio.to_thread(watched.run, forever)
    with pytest.raises(Interrupted):
        watched.run(forever)
    assert watched.told == [("acme", "normalise", FaultKind.TOO_SLOW)] * 2


async def test_quick_calls_are_never_disturbed(watched: Watched) -> None:
    """Calls that end just before, at and after their budget, on several threads: each ends in one way or the other,
    and no interruption arrives later."""

    def nearly(number: int) -> str:
        until = time.monotonic() + BUDGET * (0.9 + number % 5 / 10)
        try:
            watched.run(lambda: [None for _ in iter(lambda: time.monotonic() < until, False)])
        except Interrupted:
            return "interrupted"
        for _ in range(10_000):
            threading.get_ident()
        return "ended"

    with ThreadPoolExecutor(4) as threads:
        found = await asyncio.to_thread(lambda: list(threads.map(nearly, range(40))))
    assert len(found) == 40
    assert set(found) <= {"ended", "interrupted"}
    assert 0 < found.count("interrupted") <= len(watched.told)
    assert "ended" in found


async def test_whoever_blocks_the_event_loop_is_named(watched: Watched) -> None:
    """Not by a mark, as a coroutine has none, but by whose code stands still there."""
    await asyncio.sleep(0)
    time.sleep(BUDGET * 4)  # noqa: ASYNC251 - it is what the watch is for
    assert ("us", "a coroutine", FaultKind.BLOCKED) in watched.told


def test_patience_ends_with_many_faults_and_comes_back_with_answers() -> None:
    """One fault among hundreds of answers costs no rest; fault upon fault costs longer and longer ones."""
    patience = Patience()
    for _ in range(20):
        assert patience.note_fault() == 0
        for _ in range(100):
            patience.note_answer()
    rests = [patience.note_fault() for _ in range(12)]
    assert rests[:2] == [0, 0]
    assert rests[2:] == sorted(rests[2:])
    assert rests[2] == 1
    assert rests[-1] == 60
