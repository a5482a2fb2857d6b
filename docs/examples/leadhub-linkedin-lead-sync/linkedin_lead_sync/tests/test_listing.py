"""What the kit cannot know of LinkedIn: lists without an order, leads that are deleted while they are read, names of
questions, and what is written out in addresses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hub.connector.access import Access
from hub.connector.models import Cursor, SourceForm
from hub.testing.clock import VirtualClock
from hub.testing.connected import ConnectedSource
from hub.testing.transport import LoopbackTransport

from linkedin_lead_sync import api
from linkedin_lead_sync.connector import LinkedInLeadSync
from linkedin_lead_sync.forms import question_keys
from linkedin_lead_sync.payloads import FormQuestion
from linkedin_lead_sync.simulator import LinkedInSimulator


@asynccontextmanager
async def signed_in(largest_page: int) -> AsyncIterator[tuple[ConnectedSource, Access]]:
    """The simulator, and an access as the hub would hand it over."""
    clock = VirtualClock()
    simulator = LinkedInSimulator(clock)
    simulator.largest_page = largest_page
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        source = ConnectedSource(simulator, LinkedInLeadSync(), clock, transport)
        await source.sign_in()
        yield source, source.access


def test_leads_deleted_while_they_are_listed_open_no_gap() -> None:
    """Two leads of the first page vanish behind it: the rest moves up, and is read all the same."""

    async def scenario() -> None:
        async with signed_in(largest_page=8) as (source, _):
            form = source.form()
            leads = source.add(form, 20)
            read: list[str | None] = []
            async for page in source.polling.fetch(source.access, form, None):
                if not read:
                    for newest in leads[-2:]:
                        del source.simulator.submissions[newest]
                read += [raw.source_id for raw in page.submissions]
            assert set(leads) == set(read)

    asyncio.run(scenario())


def test_a_mark_asks_for_what_came_since_and_only_that_form_counts() -> None:
    """The mark is the newest lead of the form itself, not of the account."""

    async def scenario() -> None:
        async with signed_in(largest_page=100) as (source, _):
            form, other = source.form("One"), source.form("Other")
            (lead,) = source.add(form, 1)
            source.add(other, 1, newest_ago=timedelta(minutes=1))
            pages = await source.pages(form)
            assert pages[-1].cursor == Cursor(mark=source.simulator.submissions[lead].submitted_at)

    asyncio.run(scenario())


def test_values_are_encoded_and_the_protocol_is_not() -> None:
    """A URN inside a finder: its colons are percent-encoded, the parentheses of Rest.li stand bare."""
    assert api.owner_of("501") == "(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A501)"


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("Budget", "Roof"), ("Budget", "Roof")),
        (("Budget", "Budget"), ("1", "2")),
        (("", "x" * 201), ("1", "2")),
    ],
    ids=["names", "one name twice", "no name and an overlong one"],
)
def test_a_question_is_known_by_its_name_where_that_is_its_own(names: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Else by LinkedIn's id, so that no two questions of a form share a key."""
    questions = [FormQuestion(questionId=str(place), name=name) for place, name in enumerate(names, start=1)]
    assert tuple(question_keys(questions).values()) == keys


def test_a_form_of_another_account_is_not_mixed_in() -> None:
    """Each form is listed under the ad account that owns it."""

    async def scenario() -> None:
        async with signed_in(largest_page=100) as (source, access):
            east, west = source.simulator.part_ids()
            forms: dict[str, SourceForm] = {part: source.form(part_id=part) for part in (east, west)}
            listed = await source.connector.list_forms(access)
            assert {each.id: each.part_id for each in listed} == {form.id: part for part, form in forms.items()}

    asyncio.run(scenario())
