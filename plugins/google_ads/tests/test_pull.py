"""Reading leads against the simulator: pages, marks, time zones, answers that are too large, and lost accounts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.connector.errors import PartAccessLostError, PermanentError, RateLimitedError, ReauthorizationNeededError
from hub.connector.models import Cursor, Page, SourceForm
from hub.connector.outgoing import ANSWER_LIMIT, OutgoingClient, open_session
from hub.testing.faults import PlatformAnswer
from plugins.google_ads.leads import Place, Span
from plugins.google_ads.simulator.world import ADA, HARBOUR, NORTH, OFFICE, SOUTH
from plugins.google_ads.tests.conftest import ANSWERS, Google


def ids(pages: list[Page]) -> list[str | None]:
    """The ids of all pages in the order read."""
    return [raw.source_id for page in pages for raw in page.submissions]


def queries(google: Google) -> list[str]:
    """The queries about submissions that were sent so far."""
    return [each.body.decode() for each in google.simulator.requests if b"FROM lead_form_submission" in each.body]


async def test_backfill_reads_every_page_of_a_form(connected: Google) -> None:
    """Without a mark all leads come, each once and oldest first, over as many pages as it takes."""
    form = connected.publish()
    added = connected.add(form, 23)
    connected.simulator.largest_page = 5
    pages = await connected.pages(form)
    assert ids(pages) == added
    assert len(pages) == 5
    assert all(page.cursor.token for page in pages[:-1])
    assert pages[-1].cursor == Cursor(mark=connected.simulator.submissions[added[-1]].submitted_at)


async def test_listing_cut_off_goes_on_where_it_stood(connected: Google) -> None:
    """With the cursor of the third page the rest comes, and the mark is that of the newest lead of all."""
    form = connected.publish()
    added = connected.add(form, 12)
    connected.simulator.largest_page = 2
    first = await connected.pages(form)
    rest = await connected.pages(form, first[2].cursor)
    assert ids(rest) == ids(first[3:])
    assert rest[-1].cursor.mark == connected.simulator.submissions[added[-1]].submitted_at


async def test_place_that_google_forgot_starts_the_list_anew(connected: Google) -> None:
    """An expired page token loses nothing: the same list is read from its beginning."""
    form = connected.publish()
    added = connected.add(form, 6)
    connected.simulator.largest_page = 2
    first = await connected.pages(form)
    connected.simulator.forget_pages()
    assert ids(await connected.pages(form, first[1].cursor)) == added


@pytest.mark.parametrize("token", ["", "{", "[]", '{"spans": []}', '{"spans": [[1]], "page": null, "newest": null}'])
async def test_unreadable_resume_token_starts_from_the_mark(connected: Google, token: str) -> None:
    """A token that is not ours is as good as none."""
    form = connected.publish()
    added = connected.add(form, 3)
    assert ids(await connected.pages(form, Cursor(token=token))) == added


@pytest.mark.parametrize("account", [NORTH, SOUTH])
async def test_mark_is_exact_whatever_the_time_zone_of_the_account(connected: Google, account: str) -> None:
    """The query asks for a day more, as nobody says which zone it is read in; what is older than the mark is left
    out here, and the very second of the mark is kept."""
    form = connected.publish(account)
    added = connected.add(form, 5)
    mark = connected.simulator.submissions[added[2]].submitted_at
    assert ids(await connected.pages(form, Cursor(mark=mark))) == added[2:]
    asked = (mark - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
    assert f">= '{asked}'" in queries(connected)[-1]


async def test_lead_is_read_through_the_manager_above_its_account(connected: Google) -> None:
    """A form of an account below two managers is read with the manager that the person opens."""
    form = connected.publish(HARBOUR)
    added = connected.add(form, 1)
    assert ids(await connected.pages(form)) == added
    last = connected.simulator.requests[-1]
    assert last.path == f"/v26/customers/{HARBOUR}/googleAds:search"
    assert last.headers["login-customer-id"] == OFFICE


async def test_lead_of_an_account_that_opens_directly_needs_no_manager(connected: Google) -> None:
    """One call finds the way, one reads; no login-customer-id is sent."""
    form = connected.publish(NORTH)
    connected.simulator.requests.clear()
    await connected.pages(form)
    assert len(connected.simulator.requests) == 2
    assert "login-customer-id" not in connected.simulator.requests[-1].headers


async def test_manager_of_the_settings_saves_the_search_for_the_way(connected: Google) -> None:
    """With a manager account in the settings a pull is one call."""
    connected.simulator.login_customer_id = OFFICE
    form = connected.publish(SOUTH)
    connected.simulator.requests.clear()
    await connected.pages(form)
    assert [each.headers.get("login-customer-id") for each in connected.simulator.requests] == [OFFICE]


async def test_account_taken_away_is_named_and_spares_the_others(connected: Google) -> None:
    """Somebody takes the person's access to one account away: that account is lost, the grant is not."""
    lost, living = connected.publish(NORTH), connected.publish(SOUTH)
    connected.simulator.lose_access(NORTH, ADA)
    with pytest.raises(PartAccessLostError) as caught:
        await connected.pages(lost)
    assert (caught.value.part_id, caught.value.code) == (NORTH, "no_access")
    assert len(await connected.pages(living)) == 1


async def test_form_that_no_account_lists_is_nothing_to_read(connected: Google) -> None:
    """A form known only from a delivery, such as the test button's, gives one empty page and asks nobody."""
    connected.simulator.requests.clear()
    mark = datetime(2026, 1, 1, tzinfo=UTC)
    for form in (SourceForm(id="1", name="?"), SourceForm(id="1' OR '", name="?", part_id=NORTH)):
        assert await connected.pages(form, Cursor(mark=mark)) == [Page(submissions=(), cursor=Cursor(mark=mark))]
    assert not connected.simulator.requests


async def test_leads_older_than_sixty_days_are_gone(connected: Google) -> None:
    """Google keeps submissions for 60 days; test leads never show."""
    form = connected.publish()
    connected.add(form, 1, newest_ago=timedelta(days=61))
    kept = connected.add(form, 1, newest_ago=timedelta(days=59))
    connected.simulator.add_submission(form.id, ANSWERS, is_test=True)
    assert ids(await connected.pages(form)) == kept


async def test_unreadable_row_is_handed_over_without_id(connected: Google) -> None:
    """A row that nobody can read stands among the others, for the quarantine, and moves no mark."""
    form = connected.publish()
    rows = [{"leadFormSubmissionData": {"id": ["what"]}}, None, {"leadFormSubmissionData": {"id": "ok"}}]
    body = b'{"results":' + str(rows).replace("'", '"').replace("None", "null").encode() + b"}"
    for _ in range(2):
        connected.simulator.answer_next(PlatformAnswer(200, b'{"resourceNames":["customers/1000000001"]}'))
        connected.simulator.answer_next(PlatformAnswer(200, body))
        (page,) = await connected.pages(form)
        assert [raw.source_id for raw in page.submissions] == [None, None, "ok"]
        assert page.cursor == Cursor()


async def test_quota_names_its_wait(connected: Google) -> None:
    """The delay of a quota error is the wait; the daily one waits hours where Google names none."""
    form = connected.publish()
    connected.simulator.answer_next(connected.simulator.error_answers()["daily_quota"])
    with pytest.raises(RateLimitedError) as caught:
        await connected.pages(form)
    assert caught.value.retry_after == timedelta(hours=3)


async def test_token_that_ends_between_two_pages_is_raised(connected: Google) -> None:
    """The first page is kept, the error is raised, and the cursor goes on after renewal."""
    form = connected.publish()
    added = connected.add(form, 4)
    connected.simulator.largest_page = 2
    connected.simulator.expire_token_after(1)
    kept: list[Page] = []
    with pytest.raises(ReauthorizationNeededError):
        await _read_into(kept, connected, form)
    await connected.renew()
    assert ids(kept) + ids(await connected.pages(form, kept[-1].cursor)) == added


async def _read_into(kept: list[Page], google: Google, form: SourceForm) -> None:
    async for page in google.connector.fetch(google.access, form, None):
        kept.append(page)


# --- answers that are larger than the hub reads ---------------------------------------------------------------


@pytest.fixture
async def limited(connected: Google) -> AsyncIterator[Google]:
    """The hub's own client in the place of the plain one: it reads no answer above its limit."""
    session = open_session()
    client: Any = OutgoingClient(session, allow_loopback=True, origin_overrides=connected.simulator.origin_overrides())
    connected.transport = client
    yield connected
    await session.close()


async def test_too_large_a_page_is_read_in_halves(limited: Google) -> None:
    """Pages of up to 10,000 rows cannot be made smaller: the time asked for is cut until each part fits, and every
    lead comes, whichever side of a cut it stands on."""
    limited.simulator.largest_page = 10_000
    form = limited.publish()
    count, size = 60, 3 * ANSWER_LIMIT // 60
    added = [
        limited.simulator.add_submission(
            form.id,
            {"EMAIL": (f"ada{number}@example.com",), "Tell us more": ("x" * size,)},
            submitted_at=limited.clock.now() - timedelta(hours=number * 20),
        )
        for number in range(count)
    ]
    pages = await limited.pages(form)
    assert sorted(each or "" for each in ids(pages)) == sorted(added)
    assert len(pages) > 2
    assert pages[-1].cursor.token is None
    again = await limited.pages(form, pages[0].cursor)
    assert set(ids(pages[1:])) <= set(ids(again))


async def test_page_that_cannot_be_cut_further_is_raised(limited: Google) -> None:
    """Leads of one moment that are too large together end in an error, never in a gap."""
    form = limited.publish()
    for _ in range(3):
        limited.simulator.add_submission(form.id, {"Tell us more": ("x" * (ANSWER_LIMIT // 2),)})
    with pytest.raises(PermanentError) as caught:
        await limited.pages(form)
    assert caught.value.code == "answer_too_large"


def test_halves_are_the_whole() -> None:
    """Two halves join without gap or overlap, down to the shortest span; open ends stay open."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first, second = Span().halves(now) or (Span("?"), Span("?"))
    assert (first.start, second.end) == (None, None)
    assert first.end == second.start
    span, cuts = first, 0
    while (halves := span.halves(now)) is not None:
        assert (halves[0].start, halves[1].end) == (span.start, span.end)
        assert halves[0].end == halves[1].start
        span, cuts = halves[1], cuts + 1
    assert cuts > 10


def test_place_survives_its_token() -> None:
    """Spans, page and newest time come back from the text that is stored."""
    place = Place((Span(None, "2026-01-01 00:00:00"), Span("2026-01-01 00:00:00", None)), "page", 17)
    assert Place.of(Cursor(token=place.token())) == place
