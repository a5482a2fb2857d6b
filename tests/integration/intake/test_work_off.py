"""From receipt to assigned lead, on real databases."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connector.models import IdScope
from hub.core.connections.models import connections
from hub.core.field_mappings.models import source_forms
from hub.core.intake import settling
from hub.core.intake.balance import balance, path_shares, recount
from hub.core.intake.claiming import take_over
from hub.core.intake.models import receipts
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Path
from hub.core.intake.redriving import redrive
from hub.core.leads.models import journey_steps, lead_changes, lead_submissions, persons
from hub.core.outbox.models import outbox_events
from hub.core.routing.models import assignees, assignments
from tests.factories import START, PlainConnector, add_connection, answers, delivery, raw
from tests.integration.intake.conftest import PROCESS, Office


@pytest.mark.proves("D-005", "D-006", "Z-098", "C-031", "O-013", "N-062")
async def test_a_receipt_becomes_an_assigned_lead(office: Office) -> None:
    """One submission gives one lead with owner, first stage, source, journey, trace and event."""
    body = answers("Ada Example", "Ada@Example.com", extra={"phone": ["0151 12345678"], "favourite colour": ["red"]})
    await office.send(("lead-1", body))
    (lead,) = office.leads()
    assert office.dispositions() == ["lead_created"]
    assert (lead.name, lead.email, lead.phone) == ("Ada Example", "Ada@example.com", "+4915112345678")
    assert (lead.stage_kind, lead.revision, lead.is_test) == ("open", 1, False)
    assert lead.assignee_id in office.people
    assert [step.kind for step in office.rows(journey_steps)] == ["created", "assigned"]
    (assignment,) = office.rows(assignments)
    assert assignment.trace["people"]
    (receipt,) = office.rows(receipts)
    assert (receipt.lead_id, receipt.lease_owner) == (lead.id, None)
    assert [event.kind for event in office.rows(outbox_events)] == ["lead_created"]


@pytest.mark.proves("L-07", "L-08", "X-05")
async def test_unmapped_answers_are_kept_and_named(office: Office) -> None:
    """An answer that no rule took stands on the lead's submission, whole, and is listed as unmapped."""
    extra = {"Lieblingsfarbe?": ["rot", "blau"], "好きな色": ["赤"]}
    await office.send(("lead-1", answers(email="ada@example.com", extra=extra)))
    (submission,) = office.rows(lead_submissions)
    assert {answer["key"]: answer["values"] for answer in submission.answers}["Lieblingsfarbe?"] == ["rot", "blau"]
    assert set(submission.unmapped) == set(extra)


async def test_a_submission_without_a_form_becomes_a_lead(office: Office) -> None:
    """A source that knows no forms has one of its own; every submission without a form goes through it."""
    bodies = [answers(email=f"{name}@example.com") for name in ("ada", "ben")]
    await office.send(*((f"lead-{number}", body) for number, body in enumerate(bodies)), form_id=None)
    assert office.dispositions() == ["lead_created", "lead_created"]
    assert {lead.email for lead in office.leads()} == {"ada@example.com", "ben@example.com"}
    (form,) = office.rows(source_forms)
    assert form.name == "Without a form"


@pytest.mark.proves("X-10")
async def test_each_value_says_where_it_comes_from(office: Office) -> None:
    """A value's origin names connector, question, mapping version and receipt; times are four and apart."""
    accepted = await office.send(("lead-1", answers(email="ada@example.com", at="2025-12-29T08:00:00+02:00")))
    (lead,) = office.leads()
    assert lead.origins["email"]["questions"] == ["email"]
    assert lead.origins["email"]["receipt"] == str(accepted.receipt_ids[0])
    assert lead.submitted_at == START - timedelta(days=3) + timedelta(hours=6)
    assert lead.received_at == START
    assert lead.is_late


@pytest.mark.proves("DG-03", "P-02")
async def test_a_platform_id_becomes_one_lead_by_whatever_way(office: Office) -> None:
    """The same id by webhook, again, by pull and with another content: one lead, the rest accounted for."""
    await office.send(("lead-1", answers()), ("lead-1", answers()))
    await office.send(("lead-1", answers()), path=Path.PULL)
    await office.send(("lead-1", answers("Ada Changed")), path=Path.PULL)
    (lead,) = office.leads()
    assert lead.name == "Ada Example"
    assert office.dispositions() == ["lead_created", "duplicate", "duplicate", "duplicate"]
    assert [row.reason for row in office.rows(receipts)] == [None, None, None, "differing_copy"]
    assert {row.lead_id for row in office.rows(receipts)} == {lead.id}


@pytest.mark.proves("X-11", "P-30", "L-15", "C-014")
async def test_a_hundred_enquiries_of_one_person_are_one_person_and_no_refusal(office: Office) -> None:
    """Every repeated enquiry succeeds, hangs on the same person, and fills gaps without overwriting."""
    for number in range(100):
        extra = {"message": ["please call"] if number == 50 else []}
        await office.store((f"lead-{number}", answers(f"Name {number}", "ada@example.com", extra=extra)))
    await office.intake.drain()
    (lead,) = office.leads()
    assert len(office.rows(persons)) == 1
    assert len(office.rows(lead_submissions)) == 100
    assert Counter(office.dispositions()) == {"lead_created": 1, "attached": 99}
    assert lead.name == "Name 0"
    assert lead.values["message"] == "please call"


@pytest.mark.proves("P-45")
async def test_a_returning_person_keeps_the_earlier_owner(office: Office) -> None:
    """A person whose lead was closed gets a new lead with the former owner."""
    await office.send(("lead-1", answers(email="ada@example.com")))
    (first,) = office.leads()
    office.database.write_now(
        lambda c: c.execute(
            sa.text("UPDATE leads SET stage_kind = 'lost' WHERE organisation_id = :o").bindparams(
                sa.bindparam("o", office.organisation_id, sa.Uuid())
            )
        )
    )
    for number in range(3):
        await office.send((f"other-{number}", answers(email=f"other{number}@example.com")))
    await office.send(("lead-2", answers(email="ada@example.com")))
    second = office.leads()[-1]
    assert (second.person_id, second.assignee_id) == (first.person_id, first.assignee_id)


@pytest.mark.proves("DG-04", "OP-09")
async def test_poisoned_receipts_do_not_hold_up_the_others(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 elements 3 are unreadable, one crashes its connector and one fails in the transaction: 295 leads."""
    bodies = [(f"lead-{n}", answers(email=f"p{n}@example.com")) for n in range(300)]
    for place in (3, 100, 299):
        bodies[place] = (f"lead-{place}", {"answers": "not a table"})
    bodies[50] = ("lead-50", {**answers(), "crash": True})
    write = settling.LeadBatch.write

    def fail_for_one(self: settling.LeadBatch, items: list[settling.Incoming]) -> list[settling.Outcome]:
        if any(item.key.source_id == "lead-77" for item in items):
            raise OverflowError("fails in the transaction")
        return write(self, items)

    monkeypatch.setattr(settling.LeadBatch, "write", fail_for_one)
    await office.send(*bodies)
    assert Counter(office.dispositions()) == {"lead_created": 295, "quarantined": 5}
    reasons = Counter(row.reason for row in office.rows(receipts, receipts.c.disposition == "quarantined"))
    assert reasons == {"bad_payload": 3, "connector_fault": 1, "processing_fault": 1}
    monkeypatch.undo()
    filtered = ReceiptFilter(reason="processing_fault")

    def again() -> int:
        return office.database.write_now(
            redrive, office.organisation_id, filtered, process_name=PROCESS, actor="user:1", now=START
        ).receipts

    assert (again(), again()) == (1, 0)
    await office.intake.drain()
    assert Counter(office.dispositions()) == {"lead_created": 296, "quarantined": 4}


@pytest.mark.proves("X-01", "DG-10")
async def test_the_balance_holds_after_everything(office: Office) -> None:
    """Received is the sum of the dispositions, line by line, and the counters are what the receipts say."""
    await office.send(("lead-1", answers(email="a@example.com")), ("lead-1", answers()), ("bad", {}))
    await office.send(("lead-2", answers(email="a@example.com")), path=Path.PULL)
    await office.send(("test-1", answers(test=True)))
    await office.store(("held", answers()), hold="inactive")
    await office.store(("open", answers()))
    lines = office.database.read_now(balance, office.organisation_id)
    assert all(line.holds for line in lines)
    total = Counter[str]()
    for line in lines:
        total.update({name: number for name, number in line.counts.items() if number})
    assert total == {
        "lead_created": 1,
        "duplicate": 1,
        "quarantined": 2,
        "attached": 1,
        "test": 1,
        "pending": 1,
    }
    assert office.database.read_now(recount, office.organisation_id).agrees


@pytest.mark.proves("P-24")
async def test_test_leads_are_marked_and_bind_nobody(office: Office) -> None:
    """A test lead is kept and flagged; it has no owner, no assignment, no person match and no event."""
    await office.send(("test-1", answers(email="test@example.com", test=True)))
    (lead,) = office.leads()
    assert (lead.is_test, lead.assignee_id) == (True, None)
    assert not office.rows(assignments)
    assert not office.rows(outbox_events)
    assert {row.open_leads for row in office.rows(assignees)} == {0}


@pytest.mark.proves("DG-06")
async def test_a_stale_worker_changes_nothing(office: Office) -> None:
    """Receipts taken over by another process are not settled by the first, which still has them in memory."""
    await office.store(("lead-1", answers()), ("lead-2", answers()))
    office.database.write_now(take_over, "other-0", [PROCESS])
    await office.intake.drain()
    assert not office.leads()
    assert office.dispositions() == ["pending", "pending"]


async def test_pending_receipts_are_found_after_a_restart(office: Office) -> None:
    """A new incarnation under the same name works off what the former one left, with a new generation."""
    await office.store(("lead-1", answers()))
    office.intake._queue.clear()
    assert office.database.write_now(take_over, PROCESS, [PROCESS]) == 1
    await office.intake.drain()
    assert office.dispositions() == ["lead_created"]


async def test_more_than_memory_holds_is_read_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit in memory stays in the database and is worked off in its turn."""
    monkeypatch.setattr("hub.core.intake.work_off.HELD_IN_MEMORY", 7)
    for start in range(0, 100, 10):
        await office.store(*((f"lead-{start + n}", answers(email=f"p{start + n}@example.com")) for n in range(10)))
    assert len(office.intake._queue) <= 20
    await office.intake.drain()
    assert Counter(office.dispositions()) == {"lead_created": 100}


@pytest.mark.proves("N-061", "X-09")
async def test_leads_are_shared_out_evenly(office: Office) -> None:
    """With equal people, least-loaded assignment differs by at most one lead, within batches too."""
    await office.send(*((f"lead-{n}", answers(email=f"p{n}@example.com")) for n in range(41)))
    assert sorted(row.open_leads for row in office.rows(assignees)) == [20, 21]


@pytest.mark.proves("X-02")
async def test_the_ledger_says_which_path_found_a_submission(office: Office) -> None:
    """Two of three came by webhook first; the third was found by the pull, which saw all three."""
    await office.send(("lead-1", answers()), ("lead-2", answers()))
    await office.send(*((f"lead-{n}", answers()) for n in (1, 2, 3)), path=Path.PULL)
    (share,) = office.database.read_now(path_shares, office.organisation_id, START - timedelta(days=1))
    assert (share.submissions, share.found_by, share.seen_by) == (
        3,
        {"webhook": 2, "pull": 1},
        {"webhook": 2, "pull": 3},
    )


@pytest.mark.proves("N-049")
async def test_a_joining_submission_leaves_its_changes(office: Office) -> None:
    """What a further submission put on the lead stands in the change history."""
    await office.send(("lead-1", answers(email="ada@example.com", extra={"company": []})))
    await office.send(("lead-2", answers(email="ada@example.com", extra={"company": ["Example Ltd"]})))
    (change,) = office.rows(lead_changes)
    assert (change.field, change.before, change.after) == ("company", None, "Example Ltd")
    assert office.leads()[0].company == "Example Ltd"


@pytest.mark.proves("C-023")
@pytest.mark.parametrize("statement", ["UPDATE journey_steps SET kind = 'x'", "DELETE FROM journey_steps"])
async def test_the_database_refuses_to_change_the_journey(office: Office, statement: str) -> None:
    """No code path can change or delete a step of a living lead: the database itself says no."""
    await office.send(("lead-1", answers()))
    with pytest.raises(sa.exc.DBAPIError, match="never"):
        office.database.write_now(lambda c: c.exec_driver_sql(statement))


async def test_sources_without_accounts_count_alike_and_lose_nothing(office: Office) -> None:
    """The ids that senders make up are unique within their own connection, where the account has no id of its own."""

    class Counting(PlainConnector):
        manifest = PlainConnector.manifest.model_copy(update={"id_scope": IdScope.ACCOUNT})

    office.intake.connectors = {"reference": Counting()}

    def add_another(connection: sa.Connection) -> UUID:
        other = add_connection(connection, office.organisation_id)
        mine = connections.c.organisation_id == office.organisation_id
        connection.execute(sa.update(connections).where(mine).values(account_id=Counting.manifest.key))
        return other

    other = office.database.write_now(add_another)
    for connection_id, name in ((office.connection_id, "ada"), (other, "grace")):
        for _ in range(2):
            made = [raw("call-1", {"answers": {"email": [f"{name}@example.com"]}})]
            await office.ledger.accept(delivery(office.organisation_id, connection_id, made))
    await office.intake.drain()
    assert Counter(office.dispositions()) == {"lead_created": 2, "duplicate": 2}
