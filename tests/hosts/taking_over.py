"""Processes die or are cut off under load, others take their work over: the figures of one such play."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from tests.hosts.accounting import Books
from tests.hosts.hub_process import HubProcess
from tests.hosts.network import set_cable
from tests.hosts.site import Site

BEFORE, PILING_UP = 3.0, 1.5
WITHIN = 45.0
SILENT = 45.0


async def kill_under_load(site: Site, victims: Sequence[HubProcess], *, restart: bool = False) -> dict[str, Any]:
    """Kill -9 in mid-load, with receipts pending and calls to the platform under way.

    ``seconds`` runs from the kill to the last of the victims' receipts settled, ``job_seconds`` to the last of their
    jobs handed on; ``differences`` is what is wrong in the end. ``restart``: bring the victims back after that.
    """
    await site.load()
    await asyncio.sleep(BEFORE)
    site.simulator.slow(1.0)
    site.pull_now()
    with ExitStack() as lock:
        if not site.books.database.is_sqlite:
            lock.enter_context(site.nobody_settles())
        await asyncio.sleep(PILING_UP)
        for each in victims:
            each.kill()
        lost_at = time.monotonic()
        site.simulator.heal()
        site.calm_down()
        left = await _held_by(site.books, victims)
    told = await _taking_over(site.books, victims, lost_at, left)
    for each in victims if restart else ():
        each.start()
        await each.until_ready()
    return await _ended(site, told)


async def silence_under_load(
    site: Site, victim: HubProcess, silence: Callable[[HubProcess], None], wake: Callable[[HubProcess], None]
) -> dict[str, Any]:
    """Silence a serving process in mid-load, in a transaction, and wake it after the others took it for dead.

    It lives on and still has work in memory, none of which it may settle any more (DG-06).
    """
    await site.load()
    await asyncio.sleep(BEFORE)
    with site.nobody_settles():
        await asyncio.sleep(PILING_UP)
        silence(victim)
        lost_at = time.monotonic()
        site.calm_down()
        left = await _held_by(site.books, [victim])
    told = await _taking_over(site.books, [victim], lost_at, left)
    await asyncio.sleep(max(0.0, lost_at + SILENT - time.monotonic()))
    wake(victim)
    woken_at = time.monotonic()
    await victim.until_ready()
    told["back_after_seconds"] = _between(woken_at, time.monotonic())
    return await _ended(site, told)


def pull_cable(victim: HubProcess) -> None:
    """Nobody is told: packets just stop."""
    set_cable(victim.host, plugged=False)


def plug_cable(victim: HubProcess) -> None:
    """The network is back."""
    set_cable(victim.host, plugged=True)


def pause(victim: HubProcess) -> None:
    """The process stands still while its host answers for it, as when a virtual machine is moved."""
    victim.send(signal.SIGSTOP)


def go_on(victim: HubProcess) -> None:
    """And goes on as if nothing had happened."""
    victim.send(signal.SIGCONT)


async def _held_by(books: Books, victims: Sequence[HubProcess]) -> tuple[set[UUID], set[UUID]]:
    receipts = {one for each in victims for one in await books.pending_of(each.holder)}
    jobs = {one for each in victims for one in await books.jobs_of(each.holder)}
    return receipts, jobs


async def _taking_over(
    books: Books, victims: Sequence[HubProcess], lost_at: float, left: tuple[set[UUID], set[UUID]]
) -> dict[str, Any]:
    receipts, jobs = left
    settled_at, handed_on_at = await asyncio.gather(
        books.until_settled(receipts, WITHIN), _until_handed_on(books, victims)
    )
    return {
        "receipts_left": len(receipts),
        "seconds": _between(lost_at, settled_at),
        "jobs_left": len(jobs),
        "job_seconds": _between(lost_at, handed_on_at),
    }


async def _until_handed_on(books: Books, victims: Sequence[HubProcess]) -> float | None:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if not any([await books.jobs_of(each.holder) for each in victims]):
            return time.monotonic()
        await asyncio.sleep(0.1)
    return None


def _between(begin: float, end: float | None) -> float | None:
    return None if end is None else round(end - begin, 1)


async def _ended(site: Site, told: dict[str, Any]) -> dict[str, Any]:
    await site.finish()
    return {**told, **site.figures(), "differences": await site.differences()}
