"""The next batch is prepared while the last one is written; nothing is lost, doubled or overtaken by that."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from hub.core.intake import settling
from hub.core.intake import work_off as work_off_module
from hub.core.intake.balance import recount
from hub.core.intake.pace import Pace
from hub.db.engine import DatabaseUnavailableError
from tests.factories import answers

SOON = 30.0
NAMES = tuple(f"lead-{place}" for place in range(6))


class PairsOnly(Pace):
    """Two receipts per batch, whatever they take."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_size = 2

    def adapt(self, size: int, seconds: float, *, is_busy: bool) -> None:
        """Stay."""


@pytest.fixture
def prepared(office: Any, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts the batches that were prepared; the office works in pairs."""
    office.intake._pace = PairsOnly()
    batches = threading.Semaphore(0)
    prepare = office.intake._prepare

    def count(rows: Sequence[Mapping[str, Any]]) -> Any:
        made = prepare(rows)
        batches.release()
        return made

    monkeypatch.setattr(office.intake, "_prepare", count)
    return batches


async def test_a_batch_is_prepared_while_the_last_one_is_written(
    office: Any, prepared: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writing of the first pair ends only when the second one was prepared."""
    settle = settling.settle
    seen: list[bool] = []

    def wait_for_two(connection: sa.Connection, batch: Any, *args: Any) -> Any:
        if not seen:
            seen.append(prepared.acquire(timeout=SOON) and prepared.acquire(timeout=SOON))
        return settle(connection, batch, *args)

    monkeypatch.setattr(work_off_module, "settle", wait_for_two)
    await office.store(*((name, answers(email="ada@example.com")) for name in NAMES))
    await asyncio.wait_for(office.intake.drain(), 2 * SOON)
    assert seen == [True]
    assert office.dispositions() == ["lead_created"] + ["attached"] * 5


async def test_deliveries_that_wait_have_the_processor(office: Any, prepared: threading.Semaphore) -> None:
    """While deliveries wait for their commit, one pair is worked off after the other."""
    office.intake.is_busy = lambda: True
    await office.store(*((name, answers()) for name in NAMES))
    assert await office.intake._next_batch() == 2
    assert prepared.acquire(blocking=False)
    assert not prepared.acquire(blocking=False)


async def test_what_was_prepared_ahead_of_a_failure_is_prepared_again(
    office: Any, prepared: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away while the first pair is written: each receipt still becomes a lead once, in its order."""
    settle = settling.settle
    refused: list[int] = []

    def refuse_once(connection: sa.Connection, batch: Any, *args: Any) -> Any:
        if not refused:
            refused.append(len(batch))
            raise DatabaseUnavailableError("away")
        return settle(connection, batch, *args)

    monkeypatch.setattr(work_off_module, "settle", refuse_once)
    await office.store(*((name, answers(email=f"{name}@example.com")) for name in NAMES))
    office.intake.start()
    async with asyncio.timeout(SOON):
        while office.dispositions() != ["lead_created"] * len(NAMES):  # noqa: ASYNC110 - nothing tells of the last
            await asyncio.sleep(0.01)
    await office.intake.stop()
    assert refused == [2]
    assert office.intake._ahead is None
    assert office.database.read_now(recount, office.organisation_id).agrees
