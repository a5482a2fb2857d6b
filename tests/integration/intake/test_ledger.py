"""The ledger's front door on real databases: stored before answered, once, and counted."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connector.errors import BadPayloadError
from hub.core.intake import ledger as ledger_module
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import ledger_days, receipts, refusals
from hub.core.intake.receipts import KeyReusedError, Path
from hub.db.engine import Database, DatabaseUnavailableError
from hub.testing.clock import VirtualClock
from tests.factories import add_connection, add_organisation, delivery, raw


class Stored:
    """Remembers what the ledger said it had stored."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def __call__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows += rows


@pytest.fixture
def home(database: Database) -> tuple[UUID, UUID]:
    """An organisation and a connection of it."""

    def make(connection: sa.Connection) -> tuple[UUID, UUID]:
        organisation_id = add_organisation(connection)
        return organisation_id, add_connection(connection, organisation_id)

    return database.write_now(make)


def all_receipts(database: Database, organisation_id: UUID) -> Sequence[Any]:
    query = sa.select(receipts).where(receipts.c.organisation_id == organisation_id).order_by(receipts.c.id)
    return database.read_now(lambda c: c.execute(query).all())


def entries(database: Database, organisation_id: UUID) -> dict[str, int]:
    query = (
        sa.select(ledger_days.c.entry, sa.func.sum(ledger_days.c.receipts))
        .where(ledger_days.c.organisation_id == organisation_id)
        .group_by(ledger_days.c.entry)
    )
    return {entry: int(number) for entry, number in database.read_now(lambda c: c.execute(query).all())}


@pytest.mark.proves("DG-01")
async def test_what_accept_returned_for_is_in_the_database(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """A second reader sees every receipt as soon as accept has returned, raw bytes and headers included."""
    stored = Stored()
    ledger = Ledger(database, clock, "test", stored)
    body = b'{"odd": "\xff bytes are kept as they came"}'
    accepted = await ledger.accept(delivery(*home, [raw("lead-1")], raw=body, headers={"content-type": "text/x"}))
    (row,) = all_receipts(database, home[0])
    assert (row.id,) == accepted.receipt_ids
    assert (row.raw, row.headers, row.source_id) == (body, {"content-type": "text/x"}, "lead-1")
    assert (row.disposition, row.lease_owner) == ("pending", "test")
    assert [each["id"] for each in stored.rows] == [row.id]


async def test_a_crowd_shares_commits_and_every_one_is_stored(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """200 concurrent deliveries become 200 receipts with far fewer transactions."""
    commits = 0

    def count(_: Any) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(database.engine, "commit", count)
    ledger = Ledger(database, clock, "test")
    await asyncio.gather(*(ledger.accept(delivery(*home, [raw(f"lead-{n}")])) for n in range(200)))
    assert len(all_receipts(database, home[0])) == 200
    assert commits <= 10
    assert entries(database, home[0]) == {"received": 200, "pending": 200}


@pytest.mark.proves("DG-04", "L-05")
async def test_each_element_of_a_batch_is_a_receipt(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """1,000 changes in one delivery are 1,000 receipts that share one copy of the raw body."""
    ledger = Ledger(database, clock, "test")
    accepted = await ledger.accept(delivery(*home, [raw(f"lead-{n}") for n in range(1000)], raw=b"the batch"))
    rows = all_receipts(database, home[0])
    assert {row.id for row in rows} == set(accepted.receipt_ids)
    assert len(rows) == 1000
    assert {row.delivery_id for row in rows} == {accepted.receipt_ids[0]}
    assert [row.raw for row in rows if row.raw is not None] == [b"the batch"]


async def test_a_body_that_cannot_be_unpacked_leaves_one_quarantined_receipt(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """Nothing verified is dropped: the reason and the place are on the receipt."""
    ledger = Ledger(database, clock, "test")
    failure = BadPayloadError("This is not JSON.", path="line 1")
    await ledger.accept(delivery(*home, [], failure=failure, raw=b"{"))
    (row,) = all_receipts(database, home[0])
    assert (row.disposition, row.reason, row.detail) == ("quarantined", "bad_payload", "line 1: This is not JSON.")
    assert entries(database, home[0]) == {"received": 1, "quarantined": 1}


async def test_a_held_delivery_is_kept_with_its_reason(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """An inactive connection still keeps its receipts (decision 6)."""
    ledger = Ledger(database, clock, "test")
    await ledger.accept(delivery(*home, [raw("lead-1")], hold="inactive"))
    (row,) = all_receipts(database, home[0])
    assert (row.disposition, row.reason, row.payload) == ("quarantined", "inactive", raw("lead-1").body)


@pytest.mark.proves("PF-05")
async def test_suspected_spam_is_held_with_its_reasons(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """Suspected spam is a receipt with the disposition spam, its reasons beside it."""
    ledger = Ledger(database, clock, "test")
    await ledger.accept(delivery(*home, [raw("lead-1", suspicions=("honeypot",))], path=Path.FORM))
    (row,) = all_receipts(database, home[0])
    assert (row.disposition, row.suspicions) == ("spam", ["honeypot"])


@pytest.mark.proves("PF-03")
async def test_a_strict_repeat_is_the_same_answer_or_a_refusal(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """The same key with the same content repeats; with another content it is refused and not stored."""
    ledger = Ledger(database, clock, "test")

    def send(body: Any) -> Any:
        return ledger.accept(delivery(*home, [raw("key-1", body)], path=Path.FORM, strict_repeat=True))

    first, again, other = await asyncio.gather(send({"a": 1}), send({"a": 1}), send({"a": 2}), return_exceptions=True)
    assert (first.repeated, again.repeated) == (False, True)
    assert isinstance(other, KeyReusedError)
    with pytest.raises(KeyReusedError):
        await send({"a": 3})
    assert len(all_receipts(database, home[0])) == 2


@pytest.mark.proves("OP-05", "WH-10")
async def test_a_failing_commit_is_never_acknowledged(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID]
) -> None:
    """An error at COMMIT reaches every sender of the group, nothing is stored, and the ledger goes on after it."""
    ledger = Ledger(database, clock, "test")
    broken = True

    def fail(_: Any) -> None:
        if broken:
            raise sa.exc.OperationalError("COMMIT", {}, Exception("disk full"))

    sa.event.listen(database.engine, "commit", fail)
    outcomes = await asyncio.gather(
        *(ledger.accept(delivery(*home, [raw(f"lead-{n}")])) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, DatabaseUnavailableError) for outcome in outcomes)
    assert not all_receipts(database, home[0])
    broken = False
    await ledger.accept(delivery(*home, [raw("lead-after")]))
    assert [row.source_id for row in all_receipts(database, home[0])] == ["lead-after"]


async def test_one_delivery_that_cannot_be_stored_does_not_take_others_with_it(
    database: Database, clock: VirtualClock, home: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that fails for another reason than an absent database is stored one by one."""
    store = ledger_module._store

    def picky(connection: sa.Connection, group: Any) -> Any:
        if any(waiting.rows[0]["source_id"] == "poison" for waiting in group):
            raise ValueError("cannot be stored")
        return store(connection, group)

    monkeypatch.setattr(ledger_module, "_store", picky)
    ledger = Ledger(database, clock, "test")
    names = ["lead-1", "poison", "lead-2"]
    outcomes = await asyncio.gather(
        *(ledger.accept(delivery(*home, [raw(name)])) for name in names), return_exceptions=True
    )
    assert isinstance(outcomes[1], DatabaseUnavailableError)
    assert [row.source_id for row in all_receipts(database, home[0])] == ["lead-1", "lead-2"]


async def test_refusals_are_counted_and_not_kept(database: Database, clock: VirtualClock) -> None:
    """A request that fails authentication leaves a count by endpoint, reason and sender, and no receipt."""
    ledger = Ledger(database, clock, "test")
    for _ in range(3):
        await ledger.count_refusal("hooks/reference", "bad_signature", "192.0.2.1")
    await ledger.close()
    (row,) = database.read_now(lambda c: c.execute(sa.select(refusals)).all())
    assert (row.endpoint, row.reason, row.sender, row.requests) == (
        "hooks/reference",
        "bad_signature",
        "192.0.2.1",
        3,
    )
