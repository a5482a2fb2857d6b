"""Steps that people add to a journey, and the first contact that they tell of."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.core.leads import queries, service
from hub.core.leads.models import journey_steps
from hub.core.leads.queries import Visibility
from hub.core.leads.service import Author
from hub.core.organisations.errors import UnknownRecordError
from tests.integration.leads.conftest import Office

ME = Author("user:00000000-0000-0000-0000-000000000001")


def add(office: Office, lead: Any, kind: str, text: str = "Spoke about Tuesday.", author: Author = ME) -> None:
    """Add a step now."""
    given: dict[str, Any] = {"kind": kind, "text": text, "author": author, "now": office.clock.now()}
    office.database.write_now(service.add_own_step, office.organisation_id, lead.id, **given)


@pytest.mark.proves("X-10")
@pytest.mark.parametrize("kind", ["call", "meeting", "message"])
async def test_the_first_contact_sets_its_time_once_and_for_all(office: Office, lead: Any, kind: str) -> None:
    """A note is no contact; the first call, meeting or message is, and no later one changes the time."""
    office.clock.advance(timedelta(minutes=5))
    add(office, lead, "note")
    assert office.leads()[0].first_contacted_at is None
    office.clock.advance(timedelta(minutes=5))
    first = office.clock.now()
    add(office, lead, kind)
    for later in ("call", "note", "message", "meeting"):
        office.clock.advance(timedelta(hours=1))
        add(office, lead, later)
    (after,) = office.leads()
    assert after.first_contacted_at == first
    assert (after.submitted_at, after.received_at, after.processed_at) == (
        lead.submitted_at,
        lead.received_at,
        lead.processed_at,
    )
    assert after.revision == lead.revision


async def test_a_step_on_a_lead_out_of_reach_is_refused_and_contacts_nobody(office: Office, lead: Any) -> None:
    """Who may not see a lead cannot say that they spoke to it."""
    stranger = Author("user:x", Visibility(only_of=UUID(int=1)))
    with pytest.raises(UnknownRecordError):
        add(office, lead, "call", author=stranger)
    assert office.leads()[0].first_contacted_at is None
    assert [row.kind for row in office.rows(journey_steps)] == ["created", "assigned"]


@pytest.mark.proves("C-021", "C-024")
async def test_people_add_any_number_of_steps_of_their_own(office: Office, lead: Any) -> None:
    """Fifteen hundred of every kind beside those of the hub: all are read, whole and in order, with who and when."""
    kinds = ("note", "call", "meeting", "message")
    for number in range(1_500):
        office.clock.advance(timedelta(minutes=1))
        add(office, lead, kinds[number % 4], f"Step {number}")
    steps = office.database.read_now(queries.journey, office.organisation_id, lead.id)
    assert [step.kind for step in steps[:2]] == ["created", "assigned"]
    own = steps[2:]
    assert [(step.kind, step.detail["text"]) for step in own] == [
        (kinds[number % 4], f"Step {number}") for number in range(1_500)
    ]
    assert {step.actor for step in own} == {ME.actor}
    assert [step.happened_at for step in own] == sorted({step.happened_at for step in own})
