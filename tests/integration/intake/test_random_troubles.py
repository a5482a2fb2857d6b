"""Random deliveries by every way, failing databases, dying processes, take-overs and redrives: what must be true then.

Each run is made from a seed. At every moment the counters say what a recount says; and when things are quiet again,
everything that was acknowledged has one end, and every platform id one lead.
"""

import asyncio
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.connector.models import Pointer, RawSubmission
from hub.core.intake.balance import recount
from hub.core.intake.claiming import read_unresolved, take_over
from hub.core.intake.models import receipts
from hub.core.intake.pointers import note_unfetched, store_fetched
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Delivery, KeyReusedError, Path
from hub.core.intake.redriving import redrive
from hub.core.leads.models import lead_keys, lead_submissions, leads
from hub.core.outbox.models import outbox_events
from hub.core.routing.models import assignees
from hub.db.engine import DatabaseUnavailableError
from tests.factories import answers, raw
from tests.integration.intake.conftest import Office
from tests.integration.intake.flaky import Process

STEPS = 30
IDS = 60
FINAL = {"lead_created", "attached", "duplicate", "test", "quarantined"}


def body_of(number: int) -> Any:
    """What the platform holds under an id: always the same. Some persons enquire twice; some content is broken."""
    if number % 17 == 3:
        return {"nothing": "to read"}
    if number % 17 == 7:
        return answers("Crash", crash=True)
    email = f"person{number % 40}@gmail.com" if number % 5 else None
    return answers(f"Person {number}", email=email, test=number % 13 == 5)


class Story:
    """What happens to an office with a few processes, step by step."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self.chance = random.Random(seed)
        self.names = 0
        self.dead: list[str] = []
        self.acknowledged: set[UUID] = set()
        self.refused_keys = 0
        self.processes = [self._new_process() for _ in range(3)]

    def _new_process(self) -> Process:
        self.names += 1
        return Process(f"process-{self.names}", self.office.database, self.office.clock, self.chance)

    async def step(self) -> None:
        """Several things at the same time."""
        self.office.clock.advance(timedelta(minutes=self.chance.randint(0, 90)))
        for process in self.processes:
            process.database.rate = self.chance.choice([0.0, 0.0, 0.1, 0.4])
        doings = [self._deliver, self._deliver, self._work, self._work, self._fetch, self._redrive]
        if self.chance.random() < 0.25:
            doings.append(self._let_one_die)
        self.chance.shuffle(doings)
        await asyncio.gather(*(doing() for doing in doings))

    async def settle_down(self) -> None:
        """The database answers again, the dead are found, and everybody works to the end."""
        for process in self.processes:
            process.database.rate = 0.0
        self.office.database.write_now(take_over, self.processes[0].name, self.dead)
        for process in self.processes:
            await process.ledger.close()
        for _ in range(3):
            for process in self.processes:
                self._fetch_all(process)
                await process.work_to_the_end()

    async def _deliver(self) -> None:
        process = self.chance.choice(self.processes)
        sent = [self._delivery() for _ in range(self.chance.randint(1, 4))]
        outcomes = await asyncio.gather(*(process.ledger.accept(each) for each in sent), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, KeyReusedError):
                self.refused_keys += 1
            elif isinstance(outcome, BaseException):
                assert isinstance(outcome, DatabaseUnavailableError)
            else:
                self.acknowledged.update(outcome.receipt_ids)

    def _delivery(self) -> Delivery:
        numbers = self.chance.sample(range(IDS), self.chance.choice([1, 1, 2, 7]))
        path = self.chance.choice([Path.WEBHOOK, Path.WEBHOOK, Path.PULL, Path.FORM])
        common: dict[str, Any] = {
            "organisation_id": self.office.organisation_id,
            "connection_id": self.office.connection_id,
            "connector": "reference",
            "path": path,
            "received_at": self.office.clock.now(),
            "raw": b"{}",
        }
        if path is Path.FORM:
            body = body_of(numbers[0]) if self.chance.random() < 0.9 else answers("Somebody Else")
            return Delivery(**common, submissions=(raw(f"id-{numbers[0]}", body),), strict_repeat=True)
        if path is Path.WEBHOOK and self.chance.random() < 0.4:
            return Delivery(
                **common, pointers=tuple(Pointer(source_id=f"id-{number}", form_id="form-1") for number in numbers)
            )
        return Delivery(**common, submissions=tuple(raw(f"id-{number}", body_of(number)) for number in numbers))

    async def _work(self) -> None:
        await self.chance.choice(self.processes).work_a_little()

    async def _fetch(self) -> None:
        process = self.chance.choice(self.processes)
        for receipt_id in process.pointers[:5]:
            try:
                await process.database.write(self._fetch_one, receipt_id, process.name)
            except (DatabaseUnavailableError, ValueError):
                continue
            process.pointers.remove(receipt_id)
            process.intake.look_again()

    def _fetch_one(self, connection: Any, receipt_id: UUID, process_name: str, *, surely: bool = False) -> None:
        organisation_id = self.office.organisation_id
        row = connection.execute(
            receipts.select().where(receipts.c.organisation_id == organisation_id, receipts.c.id == receipt_id)
        ).one()
        if not surely and self.chance.random() < 0.3:
            facts: dict[str, Any] = {"reason": "gone", "detail": "gone", "is_final": self.chance.random() < 0.5}
            note_unfetched(connection, organisation_id, receipt_id, now=self.office.clock.now(), **facts)
            return
        fetched: RawSubmission = raw(row.source_id, body_of(int(row.source_id.removeprefix("id-"))))
        store_fetched(connection, organisation_id, {receipt_id: fetched}, process_name)

    def _fetch_all(self, process: Process) -> None:
        database = self.office.database
        for row in database.read_now(read_unresolved, process.name, 10_000):
            database.write_now(self._fetch_one, row["id"], process.name, surely=True)

    async def _redrive(self) -> None:
        if self.chance.random() < 0.5:
            return
        process = self.chance.choice(self.processes)
        wanted = ReceiptFilter(disposition="quarantined")
        try:
            await process.database.write(
                redrive,
                self.office.organisation_id,
                wanted,
                process_name=self.chance.choice([process.name, None]),
                actor="user:1",
                now=self.office.clock.now(),
            )
        except (DatabaseUnavailableError, ValueError):
            return
        process.intake.look_again()

    async def _let_one_die(self) -> None:
        """In the midst of what the others of this step make it do; another takes over, perhaps a while later."""
        for _ in range(self.chance.randint(0, 6)):
            await asyncio.sleep(0)
        place = self.chance.randrange(len(self.processes))
        victim, self.processes[place] = self.processes[place], self._new_process()
        victim.die()
        self.dead.append(victim.name)
        if self.chance.random() < 0.6:
            heir = self.chance.choice(self.processes)
            self.office.database.write_now(take_over, heir.name, self.dead)
            heir.intake.look_again()


def check_the_balance(office: Office) -> None:
    """Counters and receipts agree."""
    counted = office.database.read_now(recount, office.organisation_id)
    assert counted.agrees, counted


def check_the_end(office: Office, story: Story) -> None:
    """Nothing lost, nothing doubled, nothing misassigned."""
    rows = office.rows(receipts)
    assert story.acknowledged <= {row.id for row in rows}
    assert {row.disposition for row in rows} <= FINAL
    made: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        made[row.source_id].append(row.disposition)
        assert (row.lead_id is None) == (row.disposition == "quarantined")
        assert row.lease_owner is None
    keys = {key.source_id: key for key in office.rows(lead_keys)}
    for source_id, dispositions in made.items():
        firsts = [each for each in dispositions if each in ("lead_created", "attached", "test")]
        assert len(firsts) == (source_id in keys), (source_id, dispositions)
        if body_of(int(source_id.removeprefix("id-"))).get("answers") and "duplicate" in dispositions:
            assert firsts
    found = office.rows(leads)
    assert {key.lead_id for key in keys.values()} == {lead.id for lead in found}
    assert len(office.rows(lead_submissions)) == len(keys)
    created = Counter(event.subject_id for event in office.rows(outbox_events) if event.kind == "lead_created")
    assert created == Counter(lead.id for lead in found if not lead.is_test)
    owned = Counter(lead.assignee_id for lead in found if not lead.is_test)
    assert {row.user_id: row.open_leads for row in office.rows(assignees)} == {
        each: owned[each] for each in office.people
    }
    assert max(owned.values()) - min(owned.values()) <= 1


@pytest.mark.proves("DG-03", "DG-04", "DG-06", "DG-07", "DG-10")
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_each_receipt_has_one_end_and_each_id_one_lead(office: Office, seed: int) -> None:
    """Thirty steps of trouble by three processes, then quiet."""
    story = Story(office, seed)
    for _ in range(STEPS):
        await story.step()
        check_the_balance(office)
    await story.settle_down()
    check_the_balance(office)
    check_the_end(office, story)
    assert len(story.acknowledged) > STEPS
