"""Reading the leads of a form since a mark (protocol page section 4.3).

Google's pages hold up to 10,000 rows and cannot be made smaller, which is more than the hub reads at once. Where a
page is too large the time asked for is cut in halves. The halves are cut in the time that we write into the query,
so that they join without a gap whatever time zone Google reads it in.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from hub.connector.errors import PermanentError
from hub.connector.models import Cursor, Page, RawSubmission, SourceForm
from plugins.google_ads.accounts import manager_of
from plugins.google_ads.api import GoogleAdsApi, Listing
from plugins.google_ads.errors import PAGE_TOKEN
from plugins.google_ads.payloads import ListedId, ListedTime, read_or_none, storable

KEPT = timedelta(days=60)
"""How long Google keeps submissions for reading."""
ZONES = timedelta(days=1)
"""Subtracted from the mark: which time zone Google reads a query's time in is not documented."""
DIGITS = re.compile(r"[0-9]+")
SHORTEST_SPAN = timedelta(minutes=1)
TIME = "lead_form_submission_data.submission_date_time"
FIELDS = (
    "lead_form_submission_data.id, lead_form_submission_data.asset, lead_form_submission_data.campaign, "
    "lead_form_submission_data.ad_group, lead_form_submission_data.ad_group_ad, lead_form_submission_data.gclid, "
    f"{TIME}, lead_form_submission_data.lead_form_submission_fields, "
    "lead_form_submission_data.custom_lead_form_submission_fields, campaign.id, campaign.name, ad_group.id, "
    "ad_group.name"
)


@dataclass(frozen=True)
class Span:
    """Part of the time, as written into a query: from, inclusive, and until, exclusive; None is open."""

    start: str | None = None
    end: str | None = None

    def conditions(self) -> Iterator[str]:
        """For the query's WHERE."""
        if self.start is not None:
            yield f"{TIME} >= '{self.start}'"
        if self.end is not None:
            yield f"{TIME} < '{self.end}'"

    def halves(self, now: datetime) -> "tuple[Span, Span] | None":
        """Two spans that are this one together; None where it is too short."""
        start = _read_time(self.start) if self.start else now - KEPT - ZONES
        end = _read_time(self.end) if self.end else now + ZONES
        if end - start < 2 * SHORTEST_SPAN:
            return None
        middle = _written(start + (end - start) / 2)
        return replace(self, end=middle), replace(self, start=middle)


@dataclass(frozen=True)
class Place:
    """Where a listing stands: the spans not read to their end yet, the page inside the first, the newest so far."""

    spans: tuple[Span, ...]
    page: str | None = None
    newest: int | None = None

    @classmethod
    def of(cls, since: Cursor | None) -> "Place":
        """The place a cursor speaks of."""
        mark = since.mark if since is not None else None
        fresh = cls((Span(_written(mark - ZONES) if mark is not None else None),))
        if since is None or since.token is None:
            return fresh
        try:
            kept = json.loads(since.token)
            spans = tuple(Span(start, end) for start, end in kept["spans"])
            return cls(spans, kept["page"], kept["newest"]) if spans else fresh
        except (ValueError, TypeError, KeyError):
            return fresh

    def token(self) -> str:
        """The place as text for ``Cursor.token``."""
        spans = [[each.start, each.end] for each in self.spans]
        return json.dumps({"spans": spans, "page": self.page, "newest": self.newest})

    def after(self, listing: Listing) -> "Place":
        """The place behind a page; without spans at the very end."""
        newest = _newest(self.newest, listing.rows)
        if listing.following is not None:
            return replace(self, page=listing.following, newest=newest)
        return Place(self.spans[1:], None, newest)


async def leads_since(api: GoogleAdsApi, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
    """The leads of a form, page by page, oldest first. The mark moves at the end of the listing.

    A form that no account lists (a delivery named it) has nothing to read and gives one empty page.
    """
    mark = since.mark if since is not None else None
    if form.part_id is None or not (DIGITS.fullmatch(form.part_id) and DIGITS.fullmatch(form.id)):
        yield Page(submissions=(), cursor=Cursor(mark=mark))
        return
    manager_id = await manager_of(api, form.part_id)
    place = Place.of(since)
    while place.spans:
        listing = await _page(api, form, place, manager_id)
        if listing is None:
            place = _halved(place, api.access.clock.now())
            continue
        place = place.after(listing)
        found = tuple(_submission(row, form) for row in listing.rows if _is_since(mark, row))
        cursor = Cursor(mark=mark, token=place.token()) if place.spans else Cursor(mark=_later(mark, place.newest))
        yield Page(submissions=found, cursor=cursor)


async def _page(api: GoogleAdsApi, form: SourceForm, place: Place, manager_id: str | None) -> Listing | None:
    """One page; None where it is too large. A place inside a list that Google has forgotten starts the list anew."""
    span, customer_id = place.spans[0], form.part_id or ""
    try:
        return await api.page_of(
            customer_id, _query(customer_id, form.id, span), manager_id=manager_id, token=place.page
        )
    except PermanentError as error:
        if error.code == "answer_too_large" and span.halves(api.access.clock.now()) is not None:
            return None
        if error.code != PAGE_TOKEN or place.page is None:
            raise
    return await _page(api, form, replace(place, page=None), manager_id)


def _halved(place: Place, now: datetime) -> Place:
    """The first span in two halves, to be read from their beginning; what was read of it already has the same ids."""
    halves = place.spans[0].halves(now) or (place.spans[0],)
    return Place((*halves, *place.spans[1:]), None, place.newest)


def _query(customer_id: str, form_id: str, span: Span) -> str:
    conditions = [f"lead_form_submission_data.asset = 'customers/{customer_id}/assets/{form_id}'", *span.conditions()]
    # Ids are digits, and times are written here: nothing in a query comes from outside.
    return f"SELECT {FIELDS} FROM lead_form_submission_data WHERE {' AND '.join(conditions)} ORDER BY {TIME}"  # noqa: S608


def _submission(row: JsonValue, form: SourceForm) -> RawSubmission:
    lead = row.get("leadFormSubmissionData") if isinstance(row, dict) else None
    found = read_or_none(ListedId, lead)
    return RawSubmission(
        source_id=found.id if found else None, form_id=form.id, body=storable(row), part_id=form.part_id
    )


def _time_of(row: Any) -> datetime | None:
    found = read_or_none(ListedTime, row.get("leadFormSubmissionData") if isinstance(row, dict) else None)
    return found.submitted_at if found else None


def _is_since(mark: datetime | None, row: JsonValue) -> bool:
    """Whether a row is wanted: the query asked for a day more. One whose time cannot be read is wanted too."""
    moment = _time_of(row)
    return mark is None or moment is None or moment >= mark


def _newest(newest: int | None, rows: Sequence[JsonValue]) -> int | None:
    found = [int(moment.timestamp()) for row in rows if (moment := _time_of(row)) is not None]
    return max([*found, *([newest] if newest is not None else [])], default=None)


def _later(mark: datetime | None, newest: int | None) -> datetime | None:
    read_until = datetime.fromtimestamp(newest, UTC) if newest is not None else None
    return max((each for each in (mark, read_until) if each is not None), default=None)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _read_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
