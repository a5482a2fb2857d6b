"""Reading leads: one by its id, or those of a form since a mark (protocol page section 4.1)."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from hub.connector.errors import BadPayloadError, PermanentError, RateLimitedError, RetryableError
from hub.connector.models import Cursor, Page, Pointer, RawSubmission, SourceForm
from plugins.meta_ads.account import why_not_visible
from plugins.meta_ads.errors import NOT_VISIBLE, REFUSED, SHORT_WAIT
from plugins.meta_ads.forms import legal_content_of
from plugins.meta_ads.graph import Graph, Listing, member
from plugins.meta_ads.payloads import LeadId, LeadTime, WireT, read, storable
from plugins.meta_ads.usage import FULL, SLOW_FROM, percent_used, regain_after

LEAD_FIELDS = "id,created_time,form_id,field_data,custom_disclaimer_responses,is_organic,platform,partner_name,post"
AD_FIELDS = "ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,retailer_item_id"
PAUSE_PER_PERCENT = 0.5
"""Seconds for each percent above ``SLOW_FROM`` between two pages."""


@dataclass(frozen=True)
class Place:
    """Where a listing stands. The filter is part of it, as a cursor is only good for the list it came from."""

    after: str | None = None
    created_after: int | None = None
    newest: int | None = None

    @classmethod
    def of(cls, since: Cursor | None) -> "Place":
        """The place a cursor speaks of. Meta offers no ``or equal``, hence one second before the mark."""
        if since is None:
            return cls()
        fresh = cls(created_after=int(since.mark.timestamp()) - 1 if since.mark else None)
        if since.token is None:
            return fresh
        try:
            return cls(**json.loads(since.token))
        except (ValueError, TypeError):
            return fresh

    def token(self) -> str:
        """The place as text for ``Cursor.token``."""
        return json.dumps(self.__dict__)

    def params(self) -> dict[str, str]:
        """The filter parameter, if any."""
        if self.created_after is None:
            return {}
        rule = {"field": "time_created", "operator": "GREATER_THAN", "value": self.created_after}
        return {"filtering": json.dumps([rule])}


async def leads_since(graph: Graph, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
    """The leads of a form, page by page. The mark moves only at the end: Meta lists the newest first."""
    place = Place.of(since)
    mark = since.mark if since else None
    legal: JsonValue = None
    while True:
        listing = await _page(graph, form, place)
        if legal is None and any(member(item, "custom_disclaimer_responses") for item in listing.items):
            legal = await legal_content_of(graph, form.id, form.part_id) or {}
        found = tuple(_submission(item, form.id, form.part_id, legal) for item in listing.items)
        place = replace(place, after=listing.after, newest=_newest(place.newest, listing.items))
        if listing.after is None:
            yield Page(submissions=found, cursor=Cursor(mark=_mark(mark, place.newest)))
            return
        yield Page(submissions=found, cursor=Cursor(mark=mark, token=place.token()))
        await _pace(graph, listing)


async def lead_of(graph: Graph, pointer: Pointer) -> RawSubmission:
    """The lead that a delivery pointed at, with the consent boxes of its form where it answers any."""
    try:
        answer = await graph.get(pointer.source_id, {"fields": _fields(graph)}, part_id=pointer.part_id)
    except RetryableError as error:
        if error.code != NOT_VISIBLE:
            raise
        raise await why_not_visible(graph, pointer.part_id, error) from None
    body = answer.body
    if str(member(body, "id")) != pointer.source_id:
        raise RetryableError("Meta answered with another lead.", detail="GET lead", code="garbage")
    form_id = str(member(body, "form_id") or pointer.form_id or "")
    legal: JsonValue = None
    if form_id and member(body, "custom_disclaimer_responses"):
        legal = await legal_content_of(graph, form_id, pointer.part_id)
    return _submission(body, form_id or None, pointer.part_id, legal)


async def _page(graph: Graph, form: SourceForm, place: Place) -> Listing:
    """One page; a cursor that Meta no longer takes starts the same listing from its beginning."""
    params = {"fields": _fields(graph), **place.params()}
    try:
        return await graph.page_of(f"{form.id}/leads", params, part_id=form.part_id, after=place.after)
    except PermanentError as error:
        if error.code != REFUSED or place.after is None:
            raise
        return await graph.page_of(f"{form.id}/leads", params, part_id=form.part_id)
    except RetryableError as error:
        if error.code != NOT_VISIBLE:
            raise
        raise await why_not_visible(graph, form.part_id, error) from None


def _fields(graph: Graph) -> str:
    """Only what is asked for comes. Ad names need a permission of their own: without it leads still arrive."""
    scopes = graph.access.scopes
    return LEAD_FIELDS if scopes and "ads_management" not in scopes else f"{LEAD_FIELDS},{AD_FIELDS}"


def _submission(item: Any, form_id: str | None, part_id: str | None, legal: JsonValue) -> RawSubmission:
    body = storable(item)
    if isinstance(body, dict) and legal and member(body, "custom_disclaimer_responses"):
        body["legal_content"] = storable(legal)
    found = _read_or_none(LeadId, item)
    return RawSubmission(source_id=found.id if found else None, form_id=form_id, body=body, part_id=part_id)


def _read_or_none(model: type[WireT], item: Any) -> WireT | None:
    """A lead that cannot be read is kept all the same, and found faulty when it is worked off."""
    try:
        return read(model, item)
    except BadPayloadError:
        return None


def _newest(newest: int | None, items: Sequence[JsonValue]) -> int | None:
    found = [int(lead.created_time.timestamp()) for item in items if (lead := _read_or_none(LeadTime, item))]
    return max([*found, *([newest] if newest is not None else [])], default=None)


def _mark(mark: datetime | None, newest: int | None) -> datetime | None:
    read_until = datetime.fromtimestamp(newest, UTC) if newest else None
    return max((each for each in (mark, read_until) if each is not None), default=None)


async def _pace(graph: Graph, listing: Listing) -> None:
    """Go slower when a bucket fills, and stop when it is full: what was read so far is already kept."""
    percent = percent_used(listing.headers)
    if percent >= FULL:
        wait = regain_after(listing.headers) or SHORT_WAIT
        raise RateLimitedError("Meta's limit for reading leads is used up. We wait.", retry_after=wait)
    if percent >= SLOW_FROM:
        await graph.access.clock.sleep((percent - SLOW_FROM + 1) * PAUSE_PER_PERCENT)
