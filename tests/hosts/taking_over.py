"""Processes die under load, others take their work over: the figures of one such play."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tests.hosts.accounting import Books
from tests.hosts.hub_process import HubProcess
from tests.hosts.site import Site

BEFORE, PILING_UP = 3.0, 1.5
WITHIN = 45.0


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
        killed_at = time.monotonic()
        site.simulator.heal()
        own_receipts = {one for each in victims for one in await site.books.pending_of(each.holder)}
        own_jobs = {one for each in victims for one in await site.books.jobs_of(each.holder)}
    settled_at, job_seconds = await asyncio.gather(
        site.books.until_settled(own_receipts, WITHIN),
        _until_handed_on(site.books, victims, killed_at),
    )
    for each in victims if restart else ():
        each.start()
        await each.until_ready()
    await site.finish()
    return {
        "receipts_left": len(own_receipts),
        "seconds": None if settled_at is None else round(settled_at - killed_at, 1),
        "jobs_left": len(own_jobs),
        "job_seconds": job_seconds,
        **site.figures(),
        "differences": await site.differences(),
    }


async def _until_handed_on(books: Books, victims: Sequence[HubProcess], since: float) -> float | None:
    while time.monotonic() - since < WITHIN:
        if not any([await books.jobs_of(each.holder) for each in victims]):
            return round(time.monotonic() - since, 1)
        await asyncio.sleep(0.1)
    return None
