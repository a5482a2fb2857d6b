"""Redrive: held receipts go back to work, once, and to the right connection."""

import sqlalchemy as sa

from hub.core.connections.models import connection_parts
from hub.core.intake.balance import balance, recount
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.redriving import redrive
from tests.factories import START, answers, delivery, raw
from tests.integration.intake.conftest import PROCESS, Office


def again(office: Office) -> int:
    """Redrive everything that is quarantined."""
    return office.database.write_now(
        redrive,
        office.organisation_id,
        ReceiptFilter(disposition="quarantined"),
        process_name=PROCESS,
        actor="user:1",
        now=START,
    ).receipts


async def test_a_receipt_of_an_unknown_account_waits_until_that_account_is_connected(office: Office) -> None:
    """It stays in quarantine while nobody holds its account; afterwards it becomes a lead of that connection."""
    submission = raw("lead-1", answers(email="ada@example.com"), part_id="page-7")
    await office.ledger.accept(delivery(office.organisation_id, None, [submission], hold="unknown_account"))
    assert again(office) == 0
    office.database.write_now(
        lambda c: c.execute(
            sa.insert(connection_parts).values(
                connection_id=office.connection_id,
                organisation_id=office.organisation_id,
                part_id="page-7",
                name="Page",
                missing_rights=[],
            )
        )
    )
    assert again(office) == 1
    await office.intake.drain()
    assert office.dispositions() == ["lead_created"]
    (row,) = office.rows(receipts)
    assert row.connection_id == office.connection_id
    lines = {line.connection_id: line for line in office.database.read_now(balance, office.organisation_id)}
    assert (lines[None].received, lines[office.connection_id].received) == (0, 1)
    assert all(line.holds for line in lines.values())
    assert office.database.read_now(recount, office.organisation_id).agrees


async def test_what_could_not_be_unpacked_stays_where_it_is(office: Office) -> None:
    """There is nothing to work on, so a redrive does not pretend otherwise."""
    await office.store(failure=None, hold="inactive")
    assert again(office) == 0


async def test_spam_is_released_by_a_person(office: Office) -> None:
    """A held submission becomes a lead once somebody says it is none (PF-05)."""
    suspect = raw("lead-1", answers(email="ada@example.com"), suspicions=("honeypot",))
    await office.ledger.accept(delivery(office.organisation_id, office.connection_id, [suspect]))
    wanted = ReceiptFilter(disposition="spam")
    office.database.write_now(redrive, office.organisation_id, wanted, process_name=PROCESS, actor="user:1", now=START)
    await office.intake.drain()
    assert office.dispositions() == ["lead_created"]
