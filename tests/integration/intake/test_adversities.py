"""What must not stop, lose or double anything: receipts that break their work, late answers, clients that leave."""

import asyncio
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connector.errors import BadPayloadError
from hub.connector.models import Pointer, RawSubmission, Submission
from hub.core.connections.models import connections
from hub.core.intake import ledger as ledger_module
from hub.core.intake import settling
from hub.core.intake import work_off as work_off_module
from hub.core.intake.balance import recount
from hub.core.intake.claiming import take_over
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts, refusals
from hub.core.intake.pointers import note_unfetched, store_fetched
from hub.core.intake.receipts import Delivery, KeyReusedError, Path
from hub.core.intake.work_off import Intake
from hub.core.leads.models import lead_keys
from hub.core.leads.service import Author, change_values
from hub.db.engine import Database, DatabaseUnavailableError
from mapping.engine import CompiledMapping
from tests.factories import START, PlainConnector, add_connection, answers, delivery, raw

PROCESS = "test-0"
SOON = 30.0
"""Seconds in which a test expects what should take milliseconds."""


def agrees(office: Any) -> bool:
    return bool(office.database.read_now(recount, office.organisation_id).agrees)


class LongCode(PlainConnector):
    """A connector whose errors have longer names than the ledger has room for."""

    def normalise(self, raw: RawSubmission) -> Submission:
        """Refuse what says so."""
        if isinstance(raw.body, dict) and "refuse" in raw.body:
            raise BadPayloadError("No.", path="refuse", code="a_very_long_code" * 20)
        return super().normalise(raw)


async def work(intake: Intake) -> None:
    """What a process does until nothing is left, and no longer than a test may take."""
    intake.start()
    try:
        async with asyncio.timeout(SOON):
            while await intake.database.read(_pending):  # noqa: ASYNC110 - nothing tells of the last one
                await asyncio.sleep(0.01)
    finally:
        await intake.stop()


def _pending(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).where(receipts.c.disposition == "pending")
    return connection.execute(query.execution_options(all_organisations="a test counts all")).scalar_one()


@pytest.mark.proves("OP-09")
async def test_a_receipt_of_a_deleted_connection_stops_nobody(office: Any) -> None:
    """A connection goes while its receipts wait: they are set aside with the reason, and the others become leads."""
    gone = office.database.write_now(add_connection, office.organisation_id)
    await office.ledger.accept(delivery(office.organisation_id, gone, [raw("lost-1", answers())]))
    await office.store(("lead-1", answers()))
    where = (connections.c.organisation_id == office.organisation_id, connections.c.id == gone)
    office.database.write_now(lambda c: c.execute(sa.delete(connections).where(*where)))
    await work(office.intake)
    assert [(row.disposition, row.reason) for row in office.rows(receipts)] == [
        ("quarantined", "connection_deleted"),
        ("lead_created", None),
    ]
    assert agrees(office)


@pytest.mark.proves("OP-09")
async def test_a_submission_that_breaks_the_mapping_stops_nobody(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug met while answers are mapped costs that receipt its turn and no other."""
    apply = CompiledMapping.apply

    def break_on_one(self: CompiledMapping, submission: Submission) -> Any:
        if submission.source_id == "poison":
            raise IndexError("a bug of the mapping")
        return apply(self, submission)

    monkeypatch.setattr(CompiledMapping, "apply", break_on_one)
    await office.store(("lead-1", answers()), ("poison", answers()), ("lead-2", answers()))
    await work(office.intake)
    assert office.dispositions() == ["lead_created", "quarantined", "lead_created"]
    assert office.rows(receipts)[1].reason == "processing_fault"
    assert agrees(office)


@pytest.mark.proves("OP-09")
async def test_a_connector_with_long_names_for_its_errors_stops_nobody(office: Any) -> None:
    """A reason that does not fit its column is cut, not retried for ever."""
    office.intake.connectors = {"reference": LongCode()}
    await office.store(("bad", {"refuse": True}), ("lead-1", answers()))
    await work(office.intake)
    assert office.dispositions() == ["quarantined", "lead_created"]
    failure = BadPayloadError("No.", path="x", code="a_very_long_code" * 20)
    await office.ledger.accept(delivery(office.organisation_id, office.connection_id, [], failure=failure))
    assert office.rows(receipts)[-1].reason == ("a_very_long_code" * 20)[:60]


async def test_a_receipt_whose_end_cannot_be_written_stops_nobody(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even setting it aside works: it stays pending and is reported, and everybody behind it has their turn."""
    settle = settling.settle

    def refuse_one(connection: sa.Connection, batch: Any, *args: Any) -> Any:
        if any(each.row["source_id"] == "cursed" for each in batch):
            raise ValueError("cannot be written")
        return settle(connection, batch, *args)

    monkeypatch.setattr(work_off_module, "settle", refuse_one)
    await office.store(*((name, answers()) for name in ("lead-1", "cursed", "lead-2", "lead-3")))
    await asyncio.wait_for(office.intake.drain(), SOON)
    assert office.dispositions() == ["lead_created", "pending", "lead_created", "lead_created"]
    assert agrees(office)


async def test_a_thin_receipt_given_up_by_two_processes_is_counted_once(office: Any) -> None:
    """Every process sweeps: two find the same unreachable receipt at the same moment, and the balance still holds."""
    database: Database = office.database
    thin = Delivery(
        organisation_id=office.organisation_id,
        connection_id=office.connection_id,
        connector="reference",
        path=Path.WEBHOOK,
        received_at=START,
        pointers=(Pointer(source_id="thin-1"),),
    )
    (receipt_id,) = (await office.ledger.accept(thin)).receipt_ids

    def give_up(connection: sa.Connection) -> None:
        facts: dict[str, Any] = {"reason": "disconnected", "detail": "gone", "is_final": True, "now": START}
        note_unfetched(connection, office.organisation_id, receipt_id, **facts)

    second = threading.Thread(target=database.write_now, args=(give_up,))
    with database._writing_engine.begin() as connection:
        give_up(connection)
        second.start()
        second.join(0.3)
    second.join()
    assert office.dispositions() == ["quarantined"]
    assert agrees(office)


async def test_what_was_fetched_meanwhile_is_not_given_up(office: Any) -> None:
    """One process fetched the content, another had given up: the content wins."""
    thin = Delivery(
        organisation_id=office.organisation_id,
        connection_id=office.connection_id,
        connector="reference",
        path=Path.WEBHOOK,
        received_at=START,
        pointers=(Pointer(source_id="thin-1"),),
    )
    (receipt_id,) = (await office.ledger.accept(thin)).receipt_ids
    fetched = {receipt_id: raw("thin-1", answers())}
    office.database.write_now(store_fetched, office.organisation_id, fetched, PROCESS)
    facts: dict[str, Any] = {"reason": "gone", "detail": "gone", "is_final": True, "now": START}
    office.database.write_now(lambda c: note_unfetched(c, office.organisation_id, receipt_id, **facts))
    await office.intake.drain()
    assert office.dispositions() == ["lead_created"]
    assert agrees(office)


async def test_a_listener_that_fails_leaves_no_delivery_waiting(office: Any) -> None:
    """What is told of stored receipts may have a bug: everybody is answered all the same."""

    def fail(rows: Any) -> None:
        raise ValueError("a bug of the listener")

    unsure: list[None] = []
    ledger = Ledger(office.database, office.clock, PROCESS, fail, lambda: unsure.append(None))
    home = (office.organisation_id, office.connection_id)
    first = [asyncio.create_task(ledger.accept(delivery(*home, [raw(f"a-{n}")]))) for n in range(3)]
    for _ in range(ledger_module.TURNS + 2):
        await asyncio.sleep(0)
    second = [asyncio.create_task(ledger.accept(delivery(*home, [raw(f"b-{n}")]))) for n in range(3)]
    async with asyncio.timeout(SOON):
        await asyncio.gather(*first, *second)
    assert len(office.rows(receipts)) == 6
    assert unsure


async def test_a_ledger_closes_while_the_database_is_away(office: Any) -> None:
    """Counts of refused requests that cannot be stored do not keep a process from ending."""

    def fail(_: Any) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("gone"))

    sa.event.listen(office.database.engine, "commit", fail)
    await office.ledger.count_refusal("hooks/x", "bad_signature", "192.0.2.1")
    async with asyncio.timeout(SOON):
        await office.ledger.close()


async def test_a_refusal_that_cannot_be_stored_stops_no_delivery(office: Any) -> None:
    """A sender's name that no database takes is lost; deliveries at the same moment are stored."""
    await office.ledger.count_refusal("hooks/x", "bad\0signature", "192.0.2.\ud8001")
    async with asyncio.timeout(SOON):
        await office.store(("lead-1", answers()))
        await office.store(("lead-2", answers()))
        await office.ledger.count_refusal("hooks/x", "bad_signature", "192.0.2.1")
        await office.ledger.close()
    counted = office.database.read_now(lambda c: c.execute(sa.select(refusals.c.reason)).scalars().all())
    assert "bad_signature" in counted
    assert len(office.rows(receipts)) == 2


@pytest.mark.proves("DG-01")
async def test_a_client_that_leaves_takes_nobody_with_it(office: Any) -> None:
    """Requests are cancelled while their deliveries wait for the commit: all are stored, the others answered."""
    home = (office.organisation_id, office.connection_id)
    tasks = [asyncio.create_task(office.ledger.accept(delivery(*home, [raw(f"lead-{n}")]))) for n in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in outcomes] == [n % 3 == 0 for n in range(30)]
    await office.ledger.close()
    assert {row.source_id for row in office.rows(receipts)} == {f"lead-{n}" for n in range(30)}
    await office.intake.drain()
    assert agrees(office)


async def test_deliveries_that_come_while_the_ledger_closes_are_stored(office: Any) -> None:
    """Closing ends when nobody waits any more, not when the first group is stored."""
    home = (office.organisation_id, office.connection_id)
    closing: asyncio.Task[None] | None = None
    tasks = []
    for number in range(5):
        tasks.append(asyncio.create_task(office.ledger.accept(delivery(*home, [raw(f"lead-{number}")]))))
        closing = closing or asyncio.create_task(office.ledger.close())
        await asyncio.sleep(0.002)
    assert closing is not None
    await closing
    await asyncio.gather(*tasks)
    assert len(office.rows(receipts)) == 5


@pytest.mark.proves("PF-03")
async def test_a_key_used_twice_in_one_commit_that_has_to_be_split(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same key, same content: one is new and one repeats; another content is refused; a row that was pulled with that
    id is nobody's repeat. All that also when the group falls apart because of a neighbour."""
    store = ledger_module._store

    def picky(connection: sa.Connection, group: Any) -> Any:
        outcomes = store(connection, group)
        if any(each.rows and each.rows[0]["source_id"] == "poison" for each in group):
            raise ValueError("cannot be stored")
        return outcomes

    monkeypatch.setattr(ledger_module, "_store", picky)

    def send(name: str, body: Any, **more: Any) -> Any:
        return office.store((name, body), **more)

    strict = {"path": Path.FORM, "strict_repeat": True}
    outcomes: Any = await asyncio.gather(
        send("key-1", answers("Ada"), **strict),
        send("key-1", answers("Ada"), path=Path.PULL),
        send("key-1", answers("Ada"), **strict),
        send("poison", answers()),
        send("key-1", answers("Ben"), **strict),
        send("key-1", answers("Ada"), path=Path.PULL),
        return_exceptions=True,
    )
    first, pulled, again, _, other, pulled_again = outcomes
    assert (first.repeated, again.repeated, pulled.repeated) == (False, True, False)
    assert isinstance(other, KeyReusedError)
    assert pulled_again.receipt_ids == ()
    await office.intake.drain()
    assert Counter(office.dispositions()) == {"lead_created": 1, "duplicate": 2}
    assert agrees(office)


@pytest.mark.proves("OP-04")
async def test_an_answer_lost_after_commit_is_worked_off_and_its_repeat_is_no_second_lead(office: Any) -> None:
    """The commit stands, its answer does not come: the sender is told no, and what is stored becomes one lead."""
    await office.send(("earlier", answers("Ben", email="ben@example.com")))
    lost = True
    begin = office.database._engine_at_once.begin, office.database._writing_engine.begin

    class Losing:
        def __init__(self, opened: Any) -> None:
            self._opened = opened

        def __enter__(self) -> Any:
            return self._opened.__enter__()

        def __exit__(self, *failure: Any) -> Any:
            done = self._opened.__exit__(*failure)
            if lost and failure == (None, None, None):
                raise sa.exc.OperationalError("COMMIT", {}, Exception("the answer is lost"))
            return done

    office.database._engine_at_once.begin = lambda: Losing(begin[0]())
    office.database._writing_engine.begin = lambda: Losing(begin[1]())
    ledger = Ledger(office.database, office.clock, PROCESS, office.intake.offer, office.intake.look_again)
    sent = delivery(office.organisation_id, office.connection_id, [raw("lead-1", answers())])
    with pytest.raises(DatabaseUnavailableError):
        await ledger.accept(sent)
    with pytest.raises(DatabaseUnavailableError):
        await office.intake.drain()
    assert office.dispositions() == ["lead_created", "lead_created"]
    lost = False
    await ledger.accept(sent)
    await office.intake.drain()
    assert office.dispositions() == ["lead_created", "lead_created", "duplicate"]
    assert len(office.leads()) == 2
    assert agrees(office)


async def test_a_receipt_of_ours_that_nobody_told_of_is_found(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wake that got lost costs time and nothing else: an idle intake looks at the database now and then."""
    monkeypatch.setattr(work_off_module, "LOOK_EVERY", 0.05)
    office.intake.start()
    try:
        await asyncio.sleep(0.02)
        quiet = Ledger(office.database, office.clock, PROCESS)
        await quiet.accept(delivery(office.organisation_id, office.connection_id, [raw("lead-1", answers())]))
        async with asyncio.timeout(SOON):
            while office.dispositions() != ["lead_created"]:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)
    finally:
        await office.intake.stop()


async def test_a_take_over_in_the_midst_of_the_old_owners_transaction(office: Any) -> None:
    """The old owner has begun to settle when its receipts are taken: it ends them or the new one does, never both."""
    database: Database = office.database
    await office.store(*((f"lead-{n}", answers(email=f"p{n}@example.com")) for n in range(20)))
    other = Intake(
        database, office.clock, "other-0", {"reference": PlainConnector()}, FormWorks(database, office.clock)
    )
    taker = threading.Thread(target=database.write_now, args=(take_over, "other-0", [PROCESS]))
    under_way = asyncio.create_task(office.intake.drain())
    await asyncio.sleep(0.002)
    taker.start()
    await under_way
    await asyncio.to_thread(taker.join)
    await other.drain()
    await office.intake.drain()
    assert Counter(office.dispositions()) == {"lead_created": 20}
    keys = office.rows(lead_keys)
    assert len({key.source_id for key in keys}) == len(keys) == 20
    assert agrees(office)


@pytest.mark.proves("N-049")
async def test_what_a_person_types_while_a_submission_joins_is_kept(office: Any) -> None:
    """Somebody saves a change of the lead between the intake's look at it and its writing: both stand."""
    database: Database = office.database
    await office.send(("lead-1", answers(email="ada@example.com", extra={"company": []})))
    (lead,) = office.leads()
    author = Author("user:1")
    typed = threading.Event()
    release = threading.Event()

    def type_slowly(connection: sa.Connection) -> None:
        change_values(
            connection, office.organisation_id, lead.id, {"city": "Porto"}, author=author, now=START + timedelta(1)
        )
        typed.set()
        release.wait(SOON)

    person = threading.Thread(target=database.write_now, args=(type_slowly,))
    person.start()
    await asyncio.to_thread(typed.wait, SOON)
    await office.store(("lead-2", answers(email="ada@example.com", extra={"company": ["Example Ltd"]})))
    joining = asyncio.create_task(office.intake.drain())
    await asyncio.sleep(0.3)
    release.set()
    await joining
    await asyncio.to_thread(person.join)
    (lead,) = office.leads()
    assert (lead.values.get("city"), lead.values.get("company")) == ("Porto", "Example Ltd")


async def test_a_row_that_changed_at_its_source_is_kept_once_per_content(office: Any) -> None:
    """Listings overlap: a row that was corrected is recorded when it is first seen so, not at every listing after."""
    for name in ("Ada", "Adda", "Adda", "Ada", "Adda"):
        await office.send(("row-1", answers(name)), path=Path.PULL)
    assert [(row.disposition, row.reason) for row in office.rows(receipts)] == [
        ("lead_created", None),
        ("duplicate", "differing_copy"),
    ]
