"""Deliveries just stored are fetched at once, and a rush of them by few jobs."""

import asyncio
from typing import Any, cast

from hub.core.jobs.service import Job
from hub.db.engine import DatabaseUnavailableError
from hub.db.schema import new_id
from hub.jobs.engine import JobEngine
from hub.jobs.fetching import Fetching

PAUSE = 0.02


class Added:
    """An engine that only notes what is added; ``trouble`` is raised instead, once."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.trouble: Exception | None = None

    async def enqueue(self, job: Job) -> bool:
        """Note a job."""
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        self.jobs.append(job)
        return True

    def sizes(self) -> list[int]:
        """How many receipts each job fetches."""
        return [len(cast(dict[str, Any], job.payload)["receipts"]) for job in self.jobs]


def rows(number: int, organisation_id: object, connection_id: object) -> list[dict[str, Any]]:
    """Receipts of thin deliveries."""
    return [{"id": new_id(), "organisation_id": organisation_id, "connection_id": connection_id} for _ in range(number)]


async def test_a_rush_of_deliveries_makes_few_jobs_and_its_first_does_not_wait() -> None:
    """One job at once, and one for all that came until the pause was over; other connections are not held up."""
    added, organisation, rushed, calm = Added(), new_id(), new_id(), new_id()
    fetching = Fetching(cast(JobEngine, added), pause=PAUSE)
    fetching(rows(1, organisation, rushed))
    await asyncio.sleep(0)
    assert added.sizes() == [1]
    for _ in range(50):
        fetching(rows(1, organisation, rushed))
    fetching(rows(3, organisation, calm))
    await asyncio.sleep(0)
    assert added.sizes() == [1, 3]
    await asyncio.sleep(3 * PAUSE)
    assert added.sizes() == [1, 3, 50]
    await fetching.close()


async def test_deliveries_of_nobodys_account_are_not_fetched() -> None:
    """They are in quarantine; there is no sign-in to fetch them with."""
    added = Added()
    fetching = Fetching(cast(JobEngine, added), pause=PAUSE)
    fetching(rows(1, new_id(), None))
    await asyncio.sleep(0)
    assert added.jobs == []
    await fetching.close()


async def test_a_database_that_is_away_ends_the_rush_and_not_the_next() -> None:
    """What is lost here the sweep finds; later deliveries make jobs again."""
    added, organisation, connection = Added(), new_id(), new_id()
    added.trouble = DatabaseUnavailableError("away")
    fetching = Fetching(cast(JobEngine, added), pause=PAUSE)
    fetching(rows(2, organisation, connection))
    await asyncio.sleep(PAUSE)
    fetching(rows(1, organisation, connection))
    await asyncio.sleep(0)
    assert added.sizes() == [1]
    await fetching.close()
