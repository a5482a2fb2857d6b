"""Thin deliveries: each receipt stands alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from fake_source import KEY, DirectConnections, FakeSource, Platform, make_connection

from hub.connector.errors import (
    BadPayloadError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.models import Pointer, RawSubmission
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.jobs.opening import ConnectionKey
from hub.jobs.resolving import BATCH, NotResolved, PointerReceipt, Resolving, resolve_jobs
from hub.testing.clock import VirtualClock


class Receipts:
    """Pointer receipts kept in memory, as the ledger keeps them."""

    def __init__(self, received_at: datetime) -> None:
        self.received_at = received_at
        self.pending: dict[UUID, tuple[str, int]] = {}
        self.fetched: list[str] = []
        self.quarantined: dict[str, NotResolved] = {}

    def add(self, *names: str) -> list[UUID]:
        """New receipts."""
        ids = [new_id() for _ in names]
        self.pending.update({receipt_id: (name, 0) for receipt_id, name in zip(ids, names, strict=True)})
        return ids

    async def load(self, key: ConnectionKey, receipt_ids: Sequence[UUID]) -> Sequence[PointerReceipt]:
        return [
            PointerReceipt(each, Pointer(source_id=self.pending[each][0]), self.received_at, self.pending[each][1])
            for each in receipt_ids
            if each in self.pending
        ]

    async def resolved(self, key: ConnectionKey, receipt_id: UUID, raw: RawSubmission) -> None:
        self.fetched.append(self.pending.pop(receipt_id)[0])

    async def failed(self, key: ConnectionKey, receipt_id: UUID, failure: NotResolved) -> None:
        name, attempts = self.pending[receipt_id]
        self.pending[receipt_id] = (name, attempts + 1)
        if failure.final:
            self.quarantined[self.pending.pop(receipt_id)[0]] = failure


class Bench:
    """Resolving with a fake source."""

    def __init__(self, database: Database, clock: VirtualClock, *, state: str = "active") -> None:
        self.platform, self.receipts, self.clock = Platform(), Receipts(clock.now()), clock
        self.connections = DirectConnections(clock)
        connectors = {KEY: FakeSource(self.platform)}
        self.resolving = Resolving(database, clock, connectors, self.connections, self.receipts)
        self.key = make_connection(database, clock.now(), state=state)

    async def resolve(self, *names: str) -> None:
        """Resolve new receipts of these names."""
        self.ids = self.receipts.add(*names)
        await self.again()

    async def again(self) -> None:
        """The same jobs once more."""
        for job in resolve_jobs(self.key, self.ids):
            await self.resolving.resolve(job.payload)


@pytest.fixture
def bench(database: Database, clock: VirtualClock) -> Bench:
    """An active connection."""
    return Bench(database, clock)


async def test_one_that_fails_does_not_hold_up_the_others(bench: Bench) -> None:
    """A deleted lead is quarantined with its reason, a slow one is tried again, a bug too; the rest is fetched."""
    bench.platform.resolving = {
        "deleted": [PermanentError("The lead was deleted.", code="deleted")],
        "odd": [BadPayloadError("Odd.", path="x")],
        "slow": [RetryableError("Not now.")],
        "bug": [KeyError("anna@example.com")],
    }
    with pytest.raises(RetryableError):
        await bench.resolve("a", "deleted", "slow", "bug", "odd", "b")
    assert sorted(bench.receipts.fetched) == ["a", "b"]
    assert {name: failure.reason for name, failure in bench.receipts.quarantined.items()} == {
        "deleted": "deleted",
        "odd": "bad_payload",
    }
    await bench.again()
    assert sorted(bench.receipts.fetched) == ["a", "b", "bug", "slow"]


async def test_what_was_fetched_is_not_fetched_again(bench: Bench) -> None:
    """The second attempt of a job asks for the rest only."""
    bench.platform.resolving = {"slow": [RetryableError("Not now.")]}
    with pytest.raises(RetryableError):
        await bench.resolve("a", "slow")
    await bench.again()
    assert sorted(bench.platform.calls) == ["a", "slow", "slow"]


async def test_after_72_hours_a_receipt_goes_to_quarantine_with_its_reason(bench: Bench) -> None:
    """Not before: a source may be away for three days."""
    bench.platform.resolving = {"slow": [RetryableError("Not now.", code="platform_error") for _ in range(9)]}
    bench.clock.advance(timedelta(hours=71))
    with pytest.raises(RetryableError):
        await bench.resolve("slow")
    bench.clock.advance(timedelta(hours=1))
    await bench.again()
    assert bench.receipts.quarantined == {"slow": NotResolved("platform_error", "Not now.", True)}


async def test_a_bug_is_given_up_after_three_more_tries(bench: Bench) -> None:
    """Its text, which may hold anything, is not kept."""
    bench.platform.resolving = {"bug": [KeyError("anna@example.com") for _ in range(9)]}
    with pytest.raises(RetryableError):
        await bench.resolve("bug")
    for _ in range(2):
        with pytest.raises(RetryableError):
            await bench.again()
    await bench.again()
    assert bench.receipts.quarantined == {"bug": NotResolved("bug", "KeyError", True)}


@pytest.mark.parametrize(
    "error", [RateLimitedError("slow", retry_after=timedelta(minutes=1)), ReauthorizationNeededError("revoked")]
)
async def test_what_concerns_the_connection_ends_the_batch(bench: Bench, error: Exception) -> None:
    """No receipt loses an attempt by it, and hardly any further call is made."""
    names = [f"l{number}" for number in range(40)]
    bench.platform.resolving = {name: [error] for name in names}
    with pytest.raises(type(error)):
        await bench.resolve(*names)
    assert len(bench.platform.calls) <= 4
    assert {attempts for _, attempts in bench.receipts.pending.values()} == {0}


async def test_an_inactive_connection_keeps_its_receipts_pending(database: Database, clock: VirtualClock) -> None:
    """The job is parked with a reason, and redriven when the connection is active again."""
    bench = Bench(database, clock, state="inactive")
    with pytest.raises(PermanentError, match="not active"):
        await bench.resolve("a")
    assert len(bench.receipts.pending) == 1


def test_a_batch_of_a_thousand_becomes_two_jobs() -> None:
    """The same receipts give the same keys, so that a sweep adds nothing twice."""
    key, ids = ConnectionKey(new_id(), new_id()), [new_id() for _ in range(1000)]
    jobs = resolve_jobs(key, ids)
    assert [len(job.payload["receipts"]) for job in jobs] == [BATCH, BATCH]  # type: ignore[index, call-overload, arg-type]
    assert [job.key for job in jobs] == [job.key for job in resolve_jobs(key, ids)]
    assert {job.partition for job in jobs} == {key.partition}
