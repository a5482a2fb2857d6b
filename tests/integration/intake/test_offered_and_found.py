"""A receipt can reach the intake twice: the ledger offers it, and a look at the database finds it."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.core.intake.balance import recount
from hub.core.intake.claiming import read_held
from hub.db.engine import Database
from tests.factories import answers


class LateReader:
    """A database at which something arrives just before the intake's look at it."""

    def __init__(self, database: Database, arrive: Callable[[], Any]) -> None:
        self._database = database
        self._arrive = arrive
        self.write = database.write
        self.read_now, self.write_now = database.read_now, database.write_now

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        """As the database does."""
        if work is read_held:
            await self._arrive()
        return await self._database.read(work, *args)


@pytest.mark.proves("DG-03", "DG-10")
async def test_a_receipt_that_is_offered_and_found_ends_once(office: Any) -> None:
    """It makes its lead, is no duplicate of itself, and is counted once."""
    arrivals = [answers("Ada"), answers("Ben"), None]

    async def arrive() -> None:
        body = arrivals.pop(0)
        if body is not None:
            await office.store((f"id-{len(arrivals)}", body))

    office.intake.database = LateReader(office.database, arrive)
    await office.intake.drain()
    office.intake.look_again()
    await office.intake.drain()
    assert office.dispositions() == ["lead_created", "lead_created"]
    assert len(office.leads()) == 2
    assert office.database.read_now(recount, office.organisation_id).agrees
