"""Backfill, polls and thin pointers against the simulator."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from hub.connector.errors import (
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    RetryableError,
)
from hub.connector.models import Cursor, Page, Pointer, SourceForm
from hub.testing.faults import PlatformAnswer
from plugins.meta_ads.graph import Graph
from plugins.meta_ads.simulator.world import NORTH, SOUTH
from plugins.meta_ads.tests.conftest import Meta


def ids(pages: list[Page]) -> list[str | None]:
    """The ids of all pages in the order read."""
    return [raw.source_id for page in pages for raw in page.submissions]


async def read_into(kept: list[Page], meta: Meta, form: SourceForm, between: Callable[[], None]) -> None:
    """Pull, keeping each page as the hub does, with something happening after each."""
    async for page in meta.connector.fetch(meta.access, form, None):
        kept.append(page)
        between()


def fill(meta: Meta, form: SourceForm, count: int) -> list[str]:
    """Leads a minute apart, the oldest first."""
    return meta.add(form, count)


async def test_backfill_reads_every_page_of_a_form(connected: Meta) -> None:
    """Without a mark all leads come, each once, over as many pages as it takes."""
    form = connected.publish()
    added = fill(connected, form, 23)
    connected.simulator.largest_page = 5
    pages = await connected.pages(form)
    assert sorted(ids(pages)) == sorted(added)
    assert len(pages) == 5
    assert all(page.cursor.token for page in pages[:-1])
    assert pages[-1].cursor == Cursor(mark=connected.simulator.submissions[added[-1]].submitted_at)


async def test_mark_includes_its_own_second(connected: Meta) -> None:
    """Leads of the very second of the mark come again, older ones do not."""
    form = connected.publish()
    added = fill(connected, form, 5)
    mark = connected.simulator.submissions[added[2]].submitted_at
    pages = await connected.pages(form, Cursor(mark=mark))
    assert sorted(ids(pages)) == sorted(added[2:])


async def test_listing_cut_off_goes_on_where_it_stood(connected: Meta) -> None:
    """With the cursor of the third page the rest comes, and the mark is that of the newest lead of all."""
    form = connected.publish()
    added = fill(connected, form, 12)
    connected.simulator.largest_page = 2
    first = await connected.pages(form)
    rest = await connected.pages(form, first[2].cursor)
    assert ids(rest) == ids(first[3:])
    assert rest[-1].cursor.mark == connected.simulator.submissions[added[-1]].submitted_at


async def test_cursor_that_meta_refuses_starts_the_listing_anew(connected: Meta) -> None:
    """An old cursor loses nothing: the same listing is read from its beginning."""
    form = connected.publish()
    added = fill(connected, form, 6)
    connected.simulator.largest_page = 2
    first = await connected.pages(form)
    connected.simulator.break_cursors()
    again = await connected.pages(form, first[1].cursor)
    assert sorted(ids(again)) == sorted(added)


async def test_unreadable_resume_token_starts_from_the_mark(connected: Meta) -> None:
    """A token that is not ours is as good as none."""
    form = connected.publish()
    added = fill(connected, form, 3)
    for token in ("", "{", "[]", '{"after": "x", "who": 1}'):
        assert sorted(ids(await connected.pages(form, Cursor(token=token)))) == sorted(added)


async def test_empty_page_with_a_next_one_is_not_the_end(connected: Meta) -> None:
    """A page may be empty and still have a next."""
    form = connected.publish()
    added = fill(connected, form, 3)
    connected.simulator.starts_with_empty_page = True
    pages = await connected.pages(form)
    assert pages[0].submissions == ()
    assert sorted(ids(pages)) == sorted(added)


async def test_form_without_leads_keeps_the_mark(connected: Meta) -> None:
    """Nothing read, nothing moved."""
    form = connected.publish()
    mark = connected.clock.now()
    assert [page.cursor for page in await connected.pages(form, Cursor(mark=mark))] == [Cursor(mark=mark)]


async def test_lead_that_arrives_while_paging_is_found_next_time(connected: Meta) -> None:
    """A lead that comes in after the first page was read is newer than the mark that was stored."""
    form = connected.publish()
    fill(connected, form, 4)
    connected.simulator.largest_page = 2
    connected.simulator.arrive_while_paging(form.id, {"full_name": ["Late Example"]})
    first = await connected.pages(form)
    second = await connected.pages(form, first[-1].cursor)
    late = next(reversed(connected.simulator.submissions))
    assert late not in ids(first)
    assert late in ids(second)


async def test_address_of_the_next_page_is_never_followed(connected: Meta) -> None:
    """`next` holds the token: only its cursor is used, and no request carries the token in its address."""
    form = connected.publish()
    fill(connected, form, 5)
    connected.simulator.largest_page = 2
    await connected.pages(form)
    assert connected.grant is not None
    tokens = [each.get_secret_value() for each in connected.grant.part_tokens.values()]
    listed = [each for each in connected.simulator.requests if each.path.endswith("/leads")]
    assert listed
    for seen in listed:
        assert "access_token" not in seen.query
        assert not any(token in value for value in seen.query.values() for token in tokens)
        assert len(seen.query["appsecret_proof"]) == 64


async def test_wanted_fields_are_asked_for(connected: Meta) -> None:
    """Names of ads and campaigns come only when asked for, and they do come."""
    form = connected.publish()
    facts = {"ad_id": "63", "ad_name": "Ad A", "campaign_id": "61", "campaign_name": "Camp A", "platform": "ig"}
    lead = connected.simulator.add_submission(form.id, {"full_name": ["Ada Example"]}, facts=facts)
    for raw in await connected.readings(lead):
        campaign = connected.connector.normalise(raw).campaign
        assert campaign is not None
        assert dict(campaign.ids) == {"campaign": "61", "ad": "63", "page": NORTH}
        assert dict(campaign.names) == {"campaign": "Camp A", "ad": "Ad A"}
        assert (campaign.platform, campaign.is_organic) == ("ig", False)


async def test_leads_arrive_without_the_permission_for_ad_names(meta: Meta) -> None:
    """Without ads_management the lead is read, only the names of its ad are missing."""
    await meta.sign_in(withhold=("ads_management",))
    form = meta.publish()
    lead = meta.simulator.add_submission(form.id, {"full_name": ["Ada Example"]}, facts={"ad_id": "63"})
    for raw in await meta.readings(lead):
        assert meta.connector.normalise(raw).answers[0].values == ("Ada Example",)


@pytest.mark.parametrize("code", [4, 17, 32, 80005])
async def test_throttled_pull_keeps_what_was_read(connected: Meta, code: int) -> None:
    """A throttle in mid-listing is a rate limit; the pages read before it are kept and the rest comes later."""
    form = connected.publish()
    added = fill(connected, form, 6)
    connected.simulator.largest_page = 2
    kept: list[Page] = []
    with pytest.raises(RateLimitedError) as caught:
        await read_into(kept, connected, form, lambda: connected.simulator.limit_with(code, 600))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= timedelta(minutes=5)
    connected.simulator.heal()
    rest = await connected.pages(form, kept[-1].cursor)
    assert sorted(ids(kept) + ids(rest)) == sorted(added)


async def test_full_bucket_stops_between_pages(connected: Meta) -> None:
    """At 100 percent the pull stops of its own accord for as long as Meta says; the first page is kept."""
    form = connected.publish()
    fill(connected, form, 4)
    connected.simulator.largest_page = 2
    connected.simulator.usage_percent = 100
    kept: list[Page] = []
    with pytest.raises(RateLimitedError) as caught:
        await read_into(kept, connected, form, lambda: None)
    assert len(kept) == 1
    assert caught.value.retry_after == timedelta(minutes=7)


async def test_filling_bucket_slows_the_pull(connected: Meta) -> None:
    """From 80 percent there is a pause between pages; below there is none."""
    form = connected.publish()
    fill(connected, form, 4)
    connected.simulator.largest_page = 2
    start = connected.clock.now()
    connected.simulator.usage_percent = 60
    await connected.pages(form)
    assert connected.clock.now() == start
    connected.simulator.usage_percent = 90
    await connected.pages(form)
    assert connected.clock.now() > start


@pytest.mark.parametrize("page_size", [100, 500])
async def test_page_size_is_a_setting(connected: Meta, page_size: int) -> None:
    """The limit asked for is that of the settings (P-26)."""
    settings = connected.simulator.settings().model_copy(update={"page_size": page_size})
    connected.simulator.settings = lambda: settings  # type: ignore[method-assign]
    await connected.pages(connected.publish())
    assert connected.simulator.requests[-1].query["limit"] == str(page_size)


async def test_consent_texts_come_with_the_lead_on_both_paths(connected: Meta) -> None:
    """The box's text and whether it was ticked beforehand stand beside the answer, pulled or delivered."""
    form = connected.publish()
    connected.simulator.preset_boxes.add((form.id, "optional_1"))
    lead = connected.simulator.add_submission(form.id, {"full_name": ["Ada Example"], "optional_1": ["1"]})
    readings = await connected.readings(lead)
    assert len(readings) == 2
    for raw in readings:
        consent = connected.connector.normalise(raw).consents[0]
        assert (consent.key, consent.text, consent.given, consent.was_preset) == (
            "optional_1",
            "Send me news",
            True,
            True,
        )


async def test_test_lead_of_the_testing_tool_is_marked(connected: Meta) -> None:
    """A test lead made through the API is marked on both paths; the second one is refused by Meta."""
    form = connected.publish()
    graph = Graph(connected.access)
    created = await graph.call("POST", f"{form.id}/test_leads", part_id=NORTH, form={})
    assert isinstance(created.body, dict)
    for raw in await connected.readings(str(created.body["id"])):
        assert connected.connector.normalise(raw).is_test
    with pytest.raises(PermanentError):
        await graph.call("POST", f"{form.id}/test_leads", part_id=NORTH, form={})


async def test_hidden_lead_names_the_leads_access_manager(connected: Meta) -> None:
    """Leads that the Leads Access Manager hides put the Page out of reach until it allows them; the cause is named."""
    form = connected.publish(SOUTH)
    lead = fill(connected, form, 1)[0]
    connected.simulator.hide_leads(SOUTH)
    for call in (connected.resolve(pointer_to(lead, form)), connected.pull(form)):
        with pytest.raises(PartAccessLostError) as caught:
            await call
        assert (caught.value.code, caught.value.part_id) == ("lead_access_removed", SOUTH)
        assert "Leads Access Manager" in caught.value.user_message
    connected.simulator.hide_leads(SOUTH, hidden=False)
    assert (await connected.resolve(pointer_to(lead, form))).source_id == lead


async def test_lead_of_a_form_that_is_gone_is_read_without_the_words_of_its_boxes(connected: Meta) -> None:
    """The answer to a consent box needs the form for its text; where Meta shows the form no more, the lead comes with
    the box's key, on both paths."""
    form = connected.publish()
    answers = {"full_name": ("Ada",), "optional_1": ("1",)}
    lead = connected.simulator.add_submission(form.id, answers)
    connected.simulator.hidden_forms.add(form.id)
    found = await connected.readings(lead)
    assert [each.source_id for each in found] == [lead, lead]
    for raw in found:
        consent = connected.connector.normalise(raw).consents[0]
        assert (consent.key, consent.text, consent.given) == ("optional_1", "optional_1", True)


async def test_deleted_lead_stays_not_visible(connected: Meta) -> None:
    """Where access is in order, the lead is simply gone: retried, then parked by the hub."""
    form = connected.publish()
    lead = fill(connected, form, 1)[0]
    del connected.simulator.submissions[lead]
    with pytest.raises(RetryableError) as caught:
        await connected.resolve(pointer_to(lead, form))
    assert caught.value.code == "not_visible"


async def test_pointer_without_a_page_is_resolved_with_the_persons_token(connected: Meta) -> None:
    """A delivery that names no Page is fetched all the same."""
    form = connected.publish()
    lead = fill(connected, form, 1)[0]
    found = await connected.resolve(Pointer(source_id=lead))
    assert (found.source_id, found.form_id) == (lead, form.id)


async def test_dead_page_token_names_the_lost_role(connected: Meta) -> None:
    """A Page whose role was lost says so; the other Page is read as before."""
    south, north = connected.publish(SOUTH), connected.publish(NORTH)
    connected.simulator.lose_page_role(SOUTH)
    with pytest.raises(PartAccessLostError) as caught:
        await connected.pull(south)
    assert (caught.value.code, caught.value.part_id) == ("page_role_lost", SOUTH)
    assert await connected.pull(north) == []


async def test_leads_of_an_odd_shape_are_handed_over_as_they_are(connected: Meta) -> None:
    """What cannot be read keeps its id where it has one, and neither the others nor the mark suffer."""
    form = connected.publish()
    rows = [
        {"id": "1", "created_time": "2026-01-01T00:00:00+0000", "field_data": []},
        {"id": 2, "created_time": {"when": "now"}, "field_data": "none"},
        {"created_time": "2026-01-02T00:00:00+0000"},
        "text",
        None,
    ]
    connected.simulator.answer_next(PlatformAnswer(200, json.dumps({"data": rows}).encode()))
    pages = await connected.pages(form)
    assert ids(pages) == ["1", "2", None, None, None]
    assert pages[0].cursor.mark == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {"id": "1"}},
        [],
        {"data": [], "paging": {"next": "https://graph.facebook.com/v26.0/1/leads"}},
    ],
)
async def test_unreadable_list_is_retried_and_never_taken_for_empty(connected: Meta, body: object) -> None:
    """A list that is none raises a retryable error: an empty pull would hide leads."""
    form = connected.publish()
    connected.simulator.answer_next(PlatformAnswer(200, json.dumps(body).encode()))
    with pytest.raises(RetryableError) as caught:
        await connected.pages(form)
    assert caught.value.code == "garbage"


async def test_list_in_a_circle_is_stopped(connected: Meta) -> None:
    """A cursor that leads to itself would page for ever."""
    form = connected.publish()
    body = {"data": [], "paging": {"cursors": {"after": "same"}, "next": "https://graph.facebook.com/x?after=same"}}
    connected.simulator.answer_next(PlatformAnswer(200, json.dumps(body).encode()), times=5)
    with pytest.raises(RetryableError):
        await connected.pages(form)


async def test_answer_too_large_for_the_hub_is_read_in_small_pages(connected: Meta) -> None:
    """Where a page is more than the client reads, the same place is read with a smaller limit."""
    form = connected.publish()
    added = fill(connected, form, 30)
    send = connected.transport.send

    async def picky(method: str, url: str, **kwargs: object) -> object:
        params = kwargs.get("params")
        if isinstance(params, dict) and int(params.get("limit", 0)) > 20:
            raise PermanentError("The platform's answer is larger than 1 MiB.", code="answer_too_large")
        return await send(method, url, **kwargs)  # type: ignore[arg-type]

    connected.transport.send = picky  # type: ignore[method-assign,assignment]
    assert sorted(ids(await connected.pages(form))) == sorted(added)


def pointer_to(lead: str, form: SourceForm) -> Pointer:
    """What a delivery would say of a lead."""
    return Pointer(source_id=lead, form_id=form.id, part_id=form.part_id)
