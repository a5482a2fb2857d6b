"""Rules on pulling: every lead of a form is found, whatever happens in between."""

from collections.abc import AsyncIterator
from datetime import timedelta

from hub.connector.errors import ReauthorizationNeededError, RetryableError
from hub.connector.models import Cursor, Page, RawSubmission
from hub.testing.connected import ConnectedSource, connect, ids_of, raised_by
from hub.testing.rules import AUTHORIZES, LISTS_TIME, POLLS, Rules, require, rule

SMALL_PAGE = 2
LEADS = 7


class FetchRules(Rules):
    """Pages, cursors and marks. Listings are compared as sets of ids: the hub drops repetitions."""

    @rule(POLLS)
    async def test_all_pages_are_read(self) -> None:
        """A form with more leads than fit on a page is read to its end, each lead once."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            ids = source.add(form, LEADS)
            found = ids_of(await source.pull(form))
            require(found == sorted(ids), f"{len(ids)} leads at the source, {len(found)} read")

    @rule(POLLS)
    async def test_form_without_leads_is_fine(self) -> None:
        """A form that nobody filled in gives no submissions, no error, and keeps the mark as it was."""
        async with connect(self) as source:
            form = source.form()
            for mark in (None, source.clock.now() - timedelta(days=1)):
                pages = await source.pages(form, Cursor(mark=mark) if mark else None)
                require(not any(page.submissions for page in pages), "submissions came from an empty form")
                require(bool(pages), "not one page was given; its cursor says that the form was read")
                require(pages[-1].cursor.mark == mark, f"the mark became {pages[-1].cursor.mark}, it was {mark}")

    @rule(POLLS)
    async def test_last_page_ends_the_listing(self) -> None:
        """The cursor of the last page has no token: the next pull starts a new listing."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            source.add(form, LEADS)
            last = (await source.pages(form))[-1]
            require(last.cursor.token is None, "the last page's cursor still has a token")

    @rule(POLLS)
    async def test_resume_after_a_crash_loses_nothing(self) -> None:
        """Cut off after any page and resumed from that page's cursor, a pull finds what it would have found."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            source.add(form, LEADS)
            whole = await source.pages(form)
            expected = set(_ids(whole))
            for count in range(1, len(whole)):
                before = await _first_pages(source, form.id, count)
                after = await source.pages(form, before[-1].cursor)
                lost = expected - set(_ids(before)) - set(_ids(after))
                require(not lost, f"after a crash behind page {count}, {len(lost)} of {len(expected)} were lost")

    @rule(POLLS)
    async def test_failure_in_mid_listing_is_raised(self) -> None:
        """When the source fails behind the first page, the pull raises; it does not end as if it were complete."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            source.add(form, LEADS)
            if len(await source.pages(form)) == 1:
                return
            pull = source.polling.fetch(source.access, form, None)
            await anext(pull)
            source.simulator.fail(500, times=100)
            error = await raised_by(lambda: _rest(pull))
            require(isinstance(error, RetryableError), f"the source failed on page 2; raised: {error!r}")

    @rule(POLLS, AUTHORIZES)
    async def test_expiry_in_mid_listing_is_raised(self) -> None:
        """When the token expires behind the first page, the pull raises, and works again after signing in."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            source.add(form, LEADS)
            expected = await source.pages(form)
            if len(expected) == 1:
                return
            pull = source.polling.fetch(source.access, form, None)
            await anext(pull)
            source.simulator.expire_token()
            error = await raised_by(lambda: _rest(pull))
            kinds = (ReauthorizationNeededError, RetryableError)
            require(isinstance(error, kinds), f"the token expired on page 2; raised: {error!r}")
            await source.sign_in()
            require(set(_ids(await source.pages(form))) == set(_ids(expected)), "not all were read afterwards")

    @rule(POLLS)
    async def test_overlap_repeats_the_same_ids(self) -> None:
        """A lead that is read again, within the overlap, has the id that it had before."""
        async with connect(self) as source:
            form = source.form()
            source.add(form, 3)
            pages = await source.pages(form)
            again = set(_ids(await source.pages(form, self._next(pages))))
            strange = again - set(_ids(pages))
            require(not strange, f"read again under other ids: {sorted(strange)}")

    @rule(POLLS, LISTS_TIME)
    async def test_late_arrivals_are_found(self) -> None:
        """A lead that the source shows only later, with a time before the mark, is found within the overlap."""
        async with connect(self) as source:
            form, quarter = source.form(), self.connector.manifest.overlap / 4
            source.add(form, 3, newest_ago=quarter)
            pages = await source.pages(form)
            late = source.simulator.add_submission(
                form.id, source.simulator.sample_answers(50), submitted_at=source.clock.now() - 2 * quarter
            )
            found = _ids(await source.pages(form, self._next(pages)))
            require(late in found, "a lead with a time a quarter of the overlap before the mark was not found")

    @rule(POLLS, LISTS_TIME)
    async def test_mark_is_inclusive(self) -> None:
        """A lead with exactly the time of the mark is read again: several leads may share a second."""
        async with connect(self) as source:
            form = source.form()
            source.add(form, 3)
            mark = source.clock.now() - timedelta(hours=3)
            twin = source.simulator.add_submission(form.id, source.simulator.sample_answers(51), submitted_at=mark)
            found = _ids(await source.pages(form, Cursor(mark=mark)))
            require(twin in found, "a lead of the very second of the mark was not read")

    @rule(POLLS, LISTS_TIME)
    async def test_leads_during_paging_are_not_skipped(self) -> None:
        """Leads that arrive while pages are being read, by a platform clock ahead of ours, are found by this
        pull or the next, even without any overlap."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            ids = source.add(form, LEADS)
            pages: list[Page] = []
            async for page in source.polling.fetch(source.access, form, None):
                pages.append(page)
                number = 60 + len(pages)
                if len(pages) <= SMALL_PAGE:
                    ids.append(
                        source.simulator.add_submission(
                            form.id,
                            source.simulator.sample_answers(number),
                            submitted_at=source.clock.now() + timedelta(minutes=10 + len(pages)),
                        )
                    )
            read = set(_ids(pages)) | set(_ids(await source.pages(form, pages[-1].cursor)))
            new = set(ids[LEADS:])
            require(new <= read, f"{len(new - read)} of {len(new)} leads that came during paging were never read")

    @rule(POLLS, LISTS_TIME)
    async def test_mark_is_the_sources_time(self) -> None:
        """The mark is never later than the newest submission read: neither our clock nor a guess."""
        async with connect(self, largest_page=SMALL_PAGE) as source:
            form = source.form()
            source.add(form, LEADS)
            read: list[str] = []
            for page in await source.pages(form):
                read += _ids([page])
                newest = max((source.simulator.submissions[each].submitted_at for each in read), default=None)
                mark = page.cursor.mark
                require(
                    mark is None or (newest is not None and mark <= newest),
                    f"the mark is {mark}, the newest submission read so far {newest}",
                )

    @rule(POLLS, LISTS_TIME)
    async def test_mark_moves_forward(self) -> None:
        """After a whole pull the mark stands at the newest submission, so that the next pull is short."""
        async with connect(self) as source:
            form = source.form()
            source.add(form, 3)
            pages = await source.pages(form)
            newest = max(source.simulator.submissions[each].submitted_at for each in _ids(pages))
            mark = pages[-1].cursor.mark
            require(mark is not None and mark >= newest, f"newest submission {newest}, mark {mark}")

    @rule(POLLS, LISTS_TIME)
    async def test_old_leads_are_not_read_again(self) -> None:
        """A pull since a mark leaves out what is far older than the mark."""
        async with connect(self) as source:
            form = source.form()
            old = source.add(form, 3, newest_ago=timedelta(days=20))
            source.add(form, 1)
            found = _ids(await source.pages(form, Cursor(mark=source.clock.now() - timedelta(days=1))))
            require(not set(old) & set(found), "leads of twenty days ago were read again for a mark of yesterday")

    @rule(POLLS)
    async def test_only_the_asked_form_is_read(self) -> None:
        """A pull of one form gives its leads and no others, and names that form."""
        async with connect(self) as source:
            form, other = source.form(), source.form("Other form")
            ids, _ = source.add(form, 2), source.add(other, 2)
            found: list[RawSubmission] = await source.pull(form)
            require(set(ids_of(found)) <= set(ids), "leads of another form were read")
            require({raw.form_id for raw in found} <= {form.id}, f"form ids { ({raw.form_id for raw in found}) }")

    def _next(self, pages: list[Page]) -> Cursor:
        """What the hub hands to the next pull: the mark with the overlap taken off."""
        mark = pages[-1].cursor.mark
        return Cursor(mark=mark - self.connector.manifest.overlap if mark else None)


def _ids(pages: list[Page]) -> list[str]:
    return [raw.source_id or "" for page in pages for raw in page.submissions]


async def _first_pages(source: ConnectedSource, form_id: str, count: int) -> list[Page]:
    found: list[Page] = []
    async for page in source.polling.fetch(source.access, source.simulator.forms[form_id], None):
        found.append(page)
        if len(found) == count:
            break
    return found


async def _rest(pull: AsyncIterator[Page]) -> None:
    async for _ in pull:
        pass
