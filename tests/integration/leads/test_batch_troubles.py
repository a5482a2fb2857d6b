"""Batches that try to break each other: the same person and id everywhere at once, and content of every oddity."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.intake.balance import recount
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.intake.work_off import Intake
from hub.core.leads import service
from hub.core.leads.models import lead_submissions, leads, persons
from hub.core.leads.service import Author
from hub.core.pipelines.models import stages
from hub.db.engine import Database
from hub.management.setup import create_organisation
from hub.testing.clock import VirtualClock
from tests.factories import START, PlainConnector, add_connection, answers, delivery, raw
from tests.integration.intake.conftest import add_people
from tests.integration.leads.conftest import Office

ME = Author("user:00000000-0000-0000-0000-000000000001")
PROCESSES, ORGANISATIONS, IDS = 3, 3, 40


@pytest.fixture
def databases(database_url: str) -> Iterator[list[Database]]:
    """One database, opened by several processes."""
    opened = [Database(database_url) for _ in range(PROCESSES)]
    yield opened
    for each in opened:
        each.close()


def _furnish(connection: sa.Connection, number: int) -> tuple[UUID, UUID]:
    organisation_id = create_organisation(
        connection, name=f"Spa {number}", country="DE", language="en", time_zone="Europe/Berlin", now=START
    )
    add_people(connection, organisation_id, 2)
    return organisation_id, add_connection(connection, organisation_id)


@pytest.mark.proves("DG-03")
async def test_the_same_ids_and_persons_in_every_process_at_once(
    databases: list[Database], clock: VirtualClock
) -> None:
    """Each process has every id of every organisation, in an order of its own, and all settle at the same time: one
    lead per person, nobody waits for each other in a circle, and the balance holds."""
    homes = [databases[0].write_now(_furnish, number) for number in range(ORGANISATIONS)]
    running = []
    for number, database in enumerate(databases):
        intake = Intake(database, clock, f"p-{number}", {"reference": PlainConnector()}, FormWorks(database, clock))
        ledger = Ledger(database, clock, f"p-{number}", intake.offer)
        numbers = list(range(IDS))[:: -1 if number % 2 else 1]
        for place in numbers:
            for home in homes[number:] + homes[:number]:
                body = answers(email=f"person{place // 2}@gmail.com")
                await ledger.accept(delivery(*home, [raw(f"id-{place}", body)]))
        running.append(intake)
    await asyncio.gather(*(intake.drain() for intake in running))
    for organisation_id, _ in homes:
        mine = receipts.c.organisation_id == organisation_id
        found = databases[0].read_now(
            lambda c, mine=mine: c.scalars(sa.select(receipts.c.disposition).where(mine)).all()
        )
        assert Counter(found) == {
            "lead_created": IDS // 2,
            "attached": IDS // 2,
            "duplicate": IDS * (PROCESSES - 1),
        }
        assert databases[0].read_now(recount, organisation_id).agrees


ODDITIES: dict[str, Any] = {
    "nul": answers("A\0da", email="nul@gmail.com", extra={"city": ["Por\0to"]}),
    "surrogate": answers("Ada \ud800", extra={"k\ud800": ["v\udfff"]}),
    "emoji": answers("\U0001f469\u200d\U0001f4bb \u202eabc", email="emoji@gmail.com"),
    "long name": answers("A" * 200_000),
    "long mail": answers(email="a" * 300_000 + "@gmail.com"),
    "many answers": answers("Many", extra={f"question_{number}": [f"answer {number}"] for number in range(10_000)}),
    "many values": answers("Lists", extra={"city": [str(number) for number in range(10_000)]}),
    "nothing": {"answers": {}},
    "empty values": answers("", email=""),
    "number like": answers("1e999", extra={"city": ["NaN"], "score": ["-0"]}),
}


async def test_content_of_every_oddity_becomes_leads(office: Office) -> None:
    """Nothing odd is refused or loses its answers, alone or in one batch with all others."""
    await office.send(*ODDITIES.items())
    assert set(office.dispositions()) <= {"lead_created", "attached"}
    for name, body in ODDITIES.items():
        await office.send((f"{name} again", body))
    assert set(office.dispositions()) <= {"lead_created", "attached"}
    submitted = office.rows(lead_submissions)
    assert len(submitted) == 2 * len(ODDITIES)
    assert max(len(row.answers) for row in submitted) == 10_001
    assert office.database.read_now(recount, office.organisation_id).agrees


async def test_one_batch_with_everything_twice(office: Office) -> None:
    """The same id twice, one person under two ids, a known mailbox with somebody else's number, a test among them."""
    phones = {"anna": "+4930901820", "ben": "+4930901821"}
    await office.send(
        ("anna", answers("Anna", email="anna@gmail.com", extra={"phone": [phones["anna"]]})),
        ("anna", answers("Anna", email="anna@gmail.com")),
        ("ben", answers("Ben", email="ben@gmail.com", extra={"phone": [phones["ben"]]})),
        ("both", answers("Anna", email="anna@gmail.com", extra={"phone": [phones["ben"]]})),
        ("try", answers("Anna", email="anna@gmail.com", test=True)),
        ("ben-2", answers("Ben", extra={"phone": [phones["ben"]]})),
    )
    rows = office.rows(receipts)
    assert [row.disposition for row in rows] == [
        "lead_created",
        "duplicate",
        "lead_created",
        "attached",
        "test",
        "attached",
    ]
    assert rows[1].reason == "differing_copy"
    assert rows[3].lead_id == rows[0].lead_id
    assert rows[5].lead_id == rows[2].lead_id
    assert len(office.rows(leads)) == len(office.rows(persons)) == 3


async def test_an_open_lead_is_joined_whatever_was_closed_since(office: Office, lead: Any) -> None:
    """A younger lead of the same person was lost; the older one is open: a further enquiry joins it."""
    lost, opened = (next(row.id for row in office.rows(stages) if row.kind == kind) for kind in ("lost", "open"))

    def move(lead_id: UUID, stage_id: UUID) -> None:
        facts: dict[str, Any] = {"author": ME, "now": START, "lost_reason": "Price"}
        office.database.write_now(service.move_stage, office.organisation_id, lead_id, stage_id, **facts)

    move(lead.id, lost)
    office.clock.advance(timedelta(days=1))
    await office.send(("lead-2", answers(email="ada@example.com")))
    (younger,) = (row for row in office.leads() if row.id != lead.id)
    move(younger.id, lost)
    move(lead.id, opened)
    office.clock.advance(timedelta(days=1))
    await office.send(("lead-3", answers(email="ada@example.com")))
    assert len(office.leads()) == 2
    assert office.rows(receipts)[-1].lead_id == lead.id
