"""Reading what came to one number: messages or calls, page by page (protocol page section 6).

Twilio lists the newest first, so the mark moves only at the end. Its filter knows whole days; what is older than the
mark is left out here. A call that is not over yet is not read, and the mark does not pass it.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from hub.connector.conversations import Channel
from hub.connector.models import Cursor, Page, RawSubmission, SourceForm
from hub.connector.text import storable
from plugins.sms_voice.conversation import address_of
from plugins.sms_voice.provider import Provider
from plugins.sms_voice.twilio.addresses import address_at_twilio
from plugins.sms_voice.twilio.api import ListPage, TwilioApi
from plugins.sms_voice.twilio.call_pieces import CallPieces
from plugins.sms_voice.twilio.callbacks import ENDED, Kind, usable_id
from plugins.sms_voice.twilio.pieces import moment_in


@dataclass(frozen=True)
class ListKind:
    """How one list is asked for, and its fields under the names that deliveries use."""

    kind: Kind
    resource: str
    key: str
    since: str
    times: tuple[str, ...]
    fields: Mapping[str, str]


MESSAGES = ListKind(
    kind=Kind.LISTED_MESSAGE,
    resource="Messages",
    key="messages",
    since="DateSent>",
    times=("date_sent", "date_created"),
    fields={
        "sid": "MessageSid",
        "account_sid": "AccountSid",
        "messaging_service_sid": "MessagingServiceSid",
        "from": "From",
        "to": "To",
        "body": "Body",
        "num_media": "NumMedia",
        "num_segments": "NumSegments",
    },
)
CALLS = ListKind(
    kind=Kind.LISTED_CALL,
    resource="Calls",
    key="calls",
    since="StartTime>",
    times=("start_time", "date_created"),
    fields={
        "sid": "CallSid",
        "account_sid": "AccountSid",
        "from": "From",
        "to": "To",
        "status": "CallStatus",
        "duration": "CallDuration",
        "direction": "Direction",
        "forwarded_from": "ForwardedFrom",
        "caller_name": "CallerName",
        "answered_by": "AnsweredBy",
        "parent_call_sid": "ParentCallSid",
    },
)


@dataclass(frozen=True)
class Place:
    """Where a listing stands: the next page, the newest time read, and the time of the oldest call under way."""

    next_uri: str | None = None
    newest: datetime | None = None
    under_way: datetime | None = None

    @classmethod
    def of(cls, since: Cursor | None) -> "Place":
        """The place that a cursor's token speaks of; the beginning for any other token."""
        try:
            told = json.loads(since.token) if since is not None and since.token is not None else {}
            return cls(str(told["next"]) if "next" in told else None, _time(told, "newest"), _time(told, "under_way"))
        except (ValueError, TypeError, KeyError):
            return cls()

    def token(self) -> str:
        """The place as text."""
        times = {"newest": self.newest, "under_way": self.under_way}
        return json.dumps({"next": self.next_uri} | {k: v.isoformat() for k, v in times.items() if v is not None})

    def after(self, page: ListPage, items: Sequence["Item"]) -> "Place":
        """The place behind a page."""
        ended = [each.at for each in items if each.at is not None and each.has_ended]
        open_ = [each.at for each in items if each.at is not None and not each.has_ended]
        return replace(
            self,
            next_uri=page.next_uri,
            newest=max([*ended, *([self.newest] if self.newest else [])], default=None),
            under_way=min([*open_, *([self.under_way] if self.under_way else [])], default=None),
        )

    def mark(self, before: datetime | None) -> datetime | None:
        """Up to where everything was read, once the list is at its end."""
        newest = max((each for each in (before, self.newest) if each is not None), default=None)
        if newest is None or self.under_way is None:
            return newest
        return min(newest, self.under_way)


@dataclass(frozen=True)
class Item:
    """One line of a list: inbound or not, over or not, and when."""

    body: Any
    at: datetime | None
    has_ended: bool
    is_inbound: bool


async def pieces_since(
    provider: Provider, api: TwilioApi, form: SourceForm, since: Cursor | None
) -> AsyncIterator[Page]:
    """What came to the number of a form, page by page. For an address of another channel Twilio keeps no list."""
    known = address_of(form.id)
    mark, place = since.mark if since else None, Place.of(since)
    if known is None or known[0] is Channel.CHAT:
        yield Page(submissions=(), cursor=Cursor(mark=mark))
        return
    kind = CALLS if known[0] is Channel.VOICE else MESSAGES
    while True:
        page = await _page(api, kind, address_at_twilio(*known), mark, place)
        items = [_item(kind, body) for body in page.items]
        place = place.after(page, [each for each in items if each.is_inbound])
        wanted = [each for each in items if _is_wanted(each, mark)]
        found = tuple(_raw(provider, kind, form.id, each) for each in wanted)
        if kind is CALLS:
            followed = CallPieces(provider, api, form.id, with_transcripts=mark is not None)
            found += tuple(await followed.of([(each.body, each.at) for each in wanted]))
        if page.next_uri is None:
            yield Page(submissions=found, cursor=Cursor(mark=place.mark(mark)))
            return
        yield Page(submissions=found, cursor=Cursor(mark=mark, token=place.token()))


async def _page(api: TwilioApi, kind: ListKind, own: str, mark: datetime | None, place: Place) -> ListPage:
    if place.next_uri is not None:
        return await api.page_at(place.next_uri, kind.key)
    params = {"To": own}
    if mark is not None:
        params[f"{kind.since}"] = mark.astimezone(UTC).strftime("%Y-%m-%d")
    return await api.page(kind.resource, params, kind.key)


def _item(kind: ListKind, body: Any) -> Item:
    """A line that cannot be read counts as inbound and over, so that it is kept and found faulty later."""
    told: Mapping[str, Any] = body if isinstance(body, dict) else {}
    at = next((found for name in kind.times if (found := moment_in(str(told.get(name) or "")))), None)
    status, direction = str(told.get("status", "")), str(told.get("direction", "inbound"))
    has_ended = kind is MESSAGES or status in ENDED or not isinstance(body, dict)
    return Item(body, at, has_ended, is_inbound=direction == "inbound")


def _is_wanted(item: Item, mark: datetime | None) -> bool:
    is_old = mark is not None and item.at is not None and item.at < mark
    return item.is_inbound and item.has_ended and not is_old


def _raw(provider: Provider, kind: ListKind, form_id: str, item: Item) -> RawSubmission:
    told = item.body if isinstance(item.body, dict) else {}
    fields: dict[str, JsonValue] = {theirs: _text(told.get(name)) for name, theirs in kind.fields.items()}
    fields["Timestamp"] = next((str(told[name]) for name in kind.times if told.get(name)), "")
    content: JsonValue = {"kind": kind.kind.value, "fields": fields}
    sid = told.get("sid")
    return RawSubmission(
        source_id=usable_id(sid) if isinstance(sid, str) else None, form_id=form_id, body=provider.raw_body(content)
    )


def _text(value: Any) -> str:
    return storable(str(value)) if isinstance(value, str | int) else ""


def _time(told: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(told[name]) if name in told else None
