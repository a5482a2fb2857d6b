"""Changes that people make to leads: history, journey, counts of open leads, and what is refused."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from hub.core.audit.models import audit_records
from hub.core.leads import queries, service
from hub.core.leads.models import journey_steps, lead_changes, lead_keys
from hub.core.leads.queries import EVERYTHING, LeadFilter, Visibility
from hub.core.leads.service import Author
from hub.core.leads.waiting import assign_waiting
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.outbox.models import outbox_events
from hub.core.pipelines.models import stages
from hub.core.routing.models import assignees, assignments
from tests.factories import START, answers
from tests.integration.leads.conftest import Office, fresh_lead

ME = Author("user:00000000-0000-0000-0000-000000000001")


def stage(office: Office, kind: str, place: int = 0) -> UUID:
    """The id of a stage of a kind."""
    found = [row for row in office.rows(stages) if row.kind == kind]
    return UUID(str(sorted(found, key=lambda row: row.position)[place].id))


def open_leads(office: Office) -> dict[UUID, int]:
    """How many open leads each person has, by the counters."""
    return {row.user_id: row.open_leads for row in office.rows(assignees)}


def move(office: Office, lead: Any, stage_id: UUID, **more: Any) -> None:
    """Move a lead as me."""
    office.database.write_now(
        service.move_stage, office.organisation_id, lead.id, stage_id, author=ME, now=START, **more
    )


@pytest.mark.proves("N-049", "C-009")
async def test_each_changed_value_is_in_the_history(office: Office, lead: Any) -> None:
    """Who, which field, from what, to what; the origin is the person, and lists show the new value."""
    values = {"company": "Example Ltd", "email": "new@example.com"}
    office.database.write_now(service.change_values, office.organisation_id, lead.id, values, author=ME, now=START)
    changes = {row.field: (row.before, row.after, row.actor) for row in office.rows(lead_changes)}
    assert changes == {
        "company": (None, "Example Ltd", ME.actor),
        "email": ("ada@example.com", "new@example.com", ME.actor),
    }
    (after,) = office.leads()
    assert (after.email, after.company, after.revision) == ("new@example.com", "Example Ltd", 2)
    assert after.origins["company"]["person"] == ME.actor


async def test_the_slower_of_two_people_is_told(office: Office, lead: Any) -> None:
    """A change that was made on an old revision is refused and names what to do."""

    def change(revision: int) -> int:
        values = {"company": f"From {revision}"}
        return office.database.write_now(
            service.change_values, office.organisation_id, lead.id, values, author=ME, now=START, revision=revision
        )

    assert change(1) == 2
    with pytest.raises(ConflictingChangeError, match="reload"):
        change(1)


@pytest.mark.proves("P-23", "X-04")
async def test_what_a_person_typed_is_never_overwritten(office: Office, lead: Any) -> None:
    """A later submission of the same person leaves a hand-edited value alone."""
    office.database.write_now(
        service.change_values, office.organisation_id, lead.id, {"full_name": "Dr. Ada"}, author=ME, now=START
    )
    await office.send(("lead-2", answers("Somebody Else", "ada@example.com", extra={"company": ["Late Ltd"]})))
    (after,) = office.leads()
    assert (after.values["full_name"], after.company) == ("Dr. Ada", "Late Ltd")


@pytest.mark.proves("C-020", "C-019", "C-030")
async def test_moving_a_stage_is_a_journey_step_and_an_event(office: Office, lead: Any) -> None:
    """The step names both stages; the event is written in the same transaction."""
    move(office, lead, stage(office, "open", 1))
    step = office.rows(journey_steps)[-1]
    assert (step.kind, step.detail["from"], step.actor) == ("stage_changed", str(lead.stage_id), ME.actor)
    assert office.rows(outbox_events)[-1].kind == "stage_changed"


@pytest.mark.proves("N-039")
async def test_a_lost_lead_needs_a_reason(office: Office, lead: Any) -> None:
    """Without one the move is refused; with one it is kept on lead and journey."""
    with pytest.raises(RefusedChangeError, match="say why"):
        move(office, lead, stage(office, "lost"), lost_reason="  ")
    move(office, lead, stage(office, "lost"), lost_reason="Too expensive")
    (after,) = office.leads()
    assert (after.stage_kind, after.lost_reason, after.closed_at) == ("lost", "Too expensive", START)


@pytest.mark.proves("Z-019")
async def test_reopening_is_a_right_of_its_own(office: Office, lead: Any) -> None:
    """Leaving a closing stage is refused without the right, and a converted lead is never reopened."""
    move(office, lead, stage(office, "won"))
    with pytest.raises(RefusedChangeError, match="Reopen"):
        move(office, lead, stage(office, "open"), may_reopen=False)
    move(office, lead, stage(office, "open"))
    assert office.leads()[0].closed_at is None


async def test_closing_and_reopening_keep_the_counters_right(office: Office, lead: Any) -> None:
    """The owner's open leads go down and up again."""
    owner = lead.assignee_id
    assert open_leads(office)[owner] == 1
    move(office, lead, stage(office, "won"))
    assert open_leads(office)[owner] == 0
    move(office, lead, stage(office, "open"))
    assert open_leads(office)[owner] == 1


@pytest.mark.proves("N-064", "P-46", "N-063")
async def test_assigning_by_hand_and_taking_away(office: Office, lead: Any) -> None:
    """A person may be chosen; taken away, the lead is assigned anew and never stays with nobody."""
    first, second = lead.assignee_id, next(each for each in office.people if each != lead.assignee_id)

    def assign(to: UUID | None) -> Any:
        office.database.write_now(service.assign_lead, office.organisation_id, lead.id, to, author=ME, now=START)
        return office.leads()[0]

    assert assign(second).assignee_id == second
    assert open_leads(office) == {first: 0, second: 1}
    after = assign(None)
    assert after.assignee_id == first
    assert open_leads(office) == {first: 1, second: 0}
    assert [row.decided_by for row in office.rows(assignments)][1] == "person"
    with pytest.raises(UnknownRecordError):
        assign(uuid4())


@pytest.mark.proves("C-010", "Z-014")
async def test_a_deleted_lead_is_gone_and_does_not_come_back(office: Office, lead: Any) -> None:
    """Its journey goes as a whole, an audit record stays, and the platform sending it again changes nothing."""
    office.database.write_now(service.delete_lead, office.organisation_id, lead.id, author=ME, now=START)
    assert not office.leads()
    assert not office.rows(journey_steps)
    assert office.rows(audit_records)[-1].action == "lead_deleted"
    assert open_leads(office)[lead.assignee_id] == 0
    await office.send(("lead-1", answers(email="ada@example.com")))
    assert not office.leads()
    assert office.dispositions()[-1] == "duplicate"
    assert len(office.rows(lead_keys)) == 1


@pytest.mark.proves("Z-037", "Z-015")
async def test_who_sees_only_their_own_sees_nothing_else(office: Office, lead: Any) -> None:
    """In lists, single views and changes alike."""
    await fresh_lead(office, "lead-2", "bob@example.com")
    mine = Visibility(only_of=lead.assignee_id)

    def listed(visible: Visibility) -> list[UUID]:
        rows = office.database.read_now(queries.list_leads, office.organisation_id, visible, LeadFilter())
        return [row.id for row in rows]

    assert len(listed(EVERYTHING)) == 2
    assert listed(mine) == [lead.id]
    other = next(each.id for each in office.leads() if each.id != lead.id)
    with pytest.raises(UnknownRecordError):
        office.database.write_now(
            service.change_values,
            office.organisation_id,
            other,
            {"company": "x"},
            author=Author("user:x", mine),
            now=START,
        )


@pytest.mark.proves("C-011", "Z-196")
@pytest.mark.parametrize("text", ["ada ex", "ADA@EXAMPLE", "4915112345678", "ltd"])
async def test_leads_are_found_by_name_email_phone_and_company(office: Office, text: str) -> None:
    """Part of any of them finds the lead, whatever the case."""
    extra = {"phone": ["0151 12345678"], "company": ["Example Ltd"]}
    await office.send(("lead-1", answers("Ada Example", "ada@example.com", extra=extra)))
    await office.send(("lead-2", answers("Bob Other", "bob@other.example")))
    rows = office.database.read_now(queries.list_leads, office.organisation_id, EVERYTHING, LeadFilter(search=text))
    assert [row.name for row in rows] == ["Ada Example"]


async def test_the_list_pages_without_gap_or_repetition(office: Office) -> None:
    """Pages by keyset give every lead once, newest first, although several have the same moment."""
    for number in range(25):
        at = (START - timedelta(minutes=number // 3)).isoformat()
        await office.send((f"lead-{number}", answers(email=f"p{number}@example.com", at=at)))
    seen: list[Any] = []
    after = None
    while True:
        page = office.database.read_now(
            queries.list_leads, office.organisation_id, EVERYTHING, LeadFilter(), after=after, limit=7
        )
        if not page:
            break
        seen += page
        after = (page[-1].submitted_at, page[-1].id)
    assert len({row.id for row in seen}) == len(seen) == 25
    assert [row.submitted_at for row in seen] == sorted((row.submitted_at for row in seen), reverse=True)


@pytest.mark.proves("P-37")
async def test_waiting_leads_are_assigned_when_somebody_comes_back(office: Office) -> None:
    """With everybody away a lead waits in a queue; as soon as somebody can take it, it is theirs."""

    def everybody(takes: bool) -> None:
        office.database.write_now(
            lambda c: c.execute(
                sa.update(assignees)
                .where(assignees.c.organisation_id == office.organisation_id)
                .values(takes_leads=takes)
            )
        )

    everybody(False)
    await office.send(("lead-1", answers(email="ada@example.com")))
    (waiting,) = office.leads()
    assert (waiting.assignee_id, waiting.queue_id is None) == (None, False)
    everybody(True)
    done = office.database.write_now(assign_waiting, office.organisation_id, actor="hub", now=START)
    assert (done.assigned, done.moved) == (1, 0)
    (lead,) = office.leads()
    assert lead.assignee_id in office.people
    assert lead.queue_id is None
