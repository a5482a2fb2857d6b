"""What is held as suspected spam ends after 30 days, and stays accounted for (PF-05)."""

from datetime import timedelta
from typing import Any

import pytest

from hub.core.audit.models import audit_records
from hub.core.intake.balance import balance, recount
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Path
from hub.core.intake.redriving import redrive
from hub.core.intake.spam import HELD_FOR, REASON, end_held_spam
from hub.jobs.housekeeping import Housekeeping
from tests.factories import answers, delivery, raw
from tests.faults.virtual_hub import VirtualEngine
from tests.integration.intake.conftest import PROCESS, Office


async def hold(office: Office, source_id: str, path: Path = Path.FORM) -> None:
    """A submission that looks like spam, as it comes in now."""
    suspect = raw(source_id, answers(email=f"{source_id}@example.com"), suspicions=("honeypot",))
    given = {"path": path, "received_at": office.clock.now(), "raw": b"typed by somebody"}
    await office.ledger.accept(
        delivery(office.organisation_id, office.connection_id, [suspect], headers={"user-agent": "x"}, **given)
    )


@pytest.fixture
async def engine(office: Office) -> VirtualEngine:
    """The regular jobs, planned as in a process, at the virtual time."""
    engine = VirtualEngine(office.database, office.clock)
    Housekeeping(office.database, office.clock).register(engine)
    await engine.begin()
    return engine


async def a_day_later(office: Office, engine: VirtualEngine) -> None:
    """The clock moves, and whatever is due by then runs."""
    office.clock.advance(timedelta(days=1))
    await engine.run_due()


def balanced(office: Office) -> dict[str, int]:
    """The dispositions over all days, after a look at whether everything adds up."""
    lines = office.database.read_now(balance, office.organisation_id)
    assert all(line.holds for line in lines)
    assert office.database.read_now(recount, office.organisation_id).agrees
    counts = [line.counts for line in lines]
    return {name: total for name in counts[0] if (total := sum(each[name] for each in counts))} if counts else {}


@pytest.mark.proves("PF-05")
async def test_held_spam_ends_after_30_days_and_the_balance_holds_on_every_day(
    office: Office, engine: VirtualEngine
) -> None:
    """It is rejected with a reason and keeps why it was suspected; what somebody typed is gone, whoever redrives."""
    await hold(office, "spam-1")
    for day in range(1, 30):
        await a_day_later(office, engine)
        assert balanced(office) == {"spam": 1}, day
    await a_day_later(office, engine)
    assert balanced(office) == {"rejected": 1}
    (row,) = office.rows(receipts)
    assert (row.reason, row.settled_at, row.suspicions) == (REASON, office.clock.now(), ["honeypot"])
    assert (row.payload, row.raw, row.headers) == (None, None, {})
    assert [(entry.actor, entry.action) for entry in office.rows(audit_records)] == [("hub", "held_spam_ended")]
    again = redrive_all(office)
    await a_day_later(office, engine)
    assert again == 0
    assert balanced(office) == {"rejected": 1}


def redrive_all(office: Office) -> int:
    """An admin presses release."""
    wanted = ReceiptFilter(reason=REASON)
    given: dict[str, Any] = {"process_name": PROCESS, "actor": "user:1", "now": office.clock.now()}
    return office.database.write_now(redrive, office.organisation_id, wanted, **given).receipts


async def test_what_was_released_or_held_later_is_left_alone(office: Office, engine: VirtualEngine) -> None:
    """Thirty days count for each receipt from when it was held; a lead that came of one stays."""
    await hold(office, "released")
    wanted = ReceiptFilter(disposition="spam")
    given: dict[str, Any] = {"process_name": PROCESS, "actor": "user:1", "now": office.clock.now()}
    office.database.write_now(redrive, office.organisation_id, wanted, **given)
    await office.intake.drain()
    await hold(office, "old")
    office.clock.advance(timedelta(days=29))
    await hold(office, "young")
    await a_day_later(office, engine)
    assert office.dispositions() == ["lead_created", "rejected", "spam"]
    assert len(office.leads()) == 1
    assert balanced(office) == {"lead_created": 1, "rejected": 1, "spam": 1}


async def test_the_body_of_a_batch_stays_for_its_other_receipts(office: Office) -> None:
    """Outside forms a delivery holds several submissions, and its bytes stand on the first receipt of all."""
    await hold(office, "spam-1", Path.WEBHOOK)
    office.clock.advance(HELD_FOR)
    assert office.database.write_now(end_held_spam, office.organisation_id, office.clock.now(), 10) == 1
    (row,) = office.rows(receipts)
    assert (row.payload, row.raw) == (None, b"typed by somebody")


async def test_more_than_one_batch_ends_on_the_same_day(office: Office) -> None:
    """However much was held, one day's job ends all of it, a batch per transaction."""
    for number in range(5):
        await hold(office, f"spam-{number}")
    office.clock.advance(HELD_FOR)
    done = [office.database.write_now(end_held_spam, office.organisation_id, office.clock.now(), 2) for _ in range(4)]
    assert done == [2, 2, 1, 0]
    assert balanced(office) == {"rejected": 5}
