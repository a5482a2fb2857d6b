"""An engine on a real database."""

from collections.abc import AsyncIterator

import pytest

from hub.db.engine import Database
from hub.jobs.engine import JobEngine, Pace
from hub.testing.clock import VirtualClock

QUICK = Pace(look_every=0.02, poll_every=0.02, tidy_every=0.2, grace=1.0)


@pytest.fixture
async def engine(database: Database, clock: VirtualClock) -> AsyncIterator[JobEngine]:
    """An engine that a test starts after it registered its handlers."""
    made = JobEngine(database, clock, process_name="test-serve-1", pace=QUICK)
    yield made
    await made.stop()
