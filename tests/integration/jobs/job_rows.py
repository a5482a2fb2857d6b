"""Looking at job rows, and waiting for what the engine does."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from hub.core.jobs.models import jobs
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.testing.clock import VirtualClock


async def until(reached: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not reached():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


def rows(database: Database) -> list[sa.Row[tuple[object, ...]]]:
    """Every job row."""
    seen = sa.select(jobs).order_by(jobs.c.id).execution_options(**{ALL_ORGANISATIONS: "test"})
    return list(database.read_now(lambda connection: connection.execute(seen).all()))


def advance(clock: VirtualClock, **parts: float) -> None:
    """Move the clock."""
    clock.advance(timedelta(**parts))
