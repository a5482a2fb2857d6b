"""Twilio's REST API, as strict as its documentation (protocol page section 6)."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode

from aiohttp import web

from hub.connector.conversations import Channel
from hub.testing.journal import StoredSubmission, TakenMessage
from plugins.sms_voice.simulator.twilio_answers import TwilioError

VERSION = "2010-04-01"
KEPT = timedelta(days=400)
MESSAGE_FILTERS = frozenset({"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"})
CALL_FILTERS = frozenset(
    {"To", "From", "Status", "ParentCallSid", "StartTime", "StartTime<", "StartTime>", "EndTime", "EndTime<"}
    | {"EndTime>", "PageSize", "Page", "PageToken"}
)
NUMBER_FILTERS = frozenset({"PhoneNumber", "FriendlyName", "Beta", "Origin", "PageSize", "Page", "PageToken"})
PAGE_PARAMETERS = frozenset({"PageSize", "Page", "PageToken"})
RECORDING_FILTERS = PAGE_PARAMETERS | {"DateCreated", "DateCreated<", "DateCreated>", "CallSid", "ConferenceSid"}
SEND_FIELDS = frozenset({"To", "From", "Body", "StatusCallback", "MediaUrl", "MessagingServiceSid"})
LONGEST_BODY = 1600
_REFUSED = (400, 21211, "Invalid 'To' Phone Number")
_OPTED_OUT = (400, 21610, "Attempt to send to unsubscribed recipient")


class Number(Protocol):
    """An own number, as the API shows it."""

    sid: str
    number: str
    name: str
    channels: tuple[Channel, ...]


class World(Protocol):
    """What the API shows and changes."""

    account_sid: str
    account_name: str
    account_status: str
    numbers: dict[str, Any]
    refused: dict[str, bool]
    callbacks: dict[str, str]
    recordings: list[Any]
    largest_page: int

    def is_key(self, user: str, secret: str) -> bool:
        """Whether these are credentials of the account."""
        ...

    def now(self) -> datetime:
        """The present moment."""
        ...

    def listed(self, *, calls: bool) -> list[tuple[str, StoredSubmission]]:
        """Own address and piece, newest first."""
        ...

    def take(self, channel: Channel, sender: str, recipient: str, text: str, key: str | None = None) -> TakenMessage:
        """Take a message for delivery."""
        ...


Handler = Callable[[web.Request], Awaitable[web.Response]]


class TwilioRest:
    """One handler per call; a refusal is an exception until it becomes an answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler."""
        root = f"/{VERSION}/Accounts/{{account}}"
        return [
            ("GET", f"{root}.json", self._checked(self._account)),
            ("GET", f"{root}/IncomingPhoneNumbers.json", self._checked(self._numbers)),
            ("GET", f"{root}/Messages.json", self._checked(self._messages)),
            ("POST", f"{root}/Messages.json", self._checked(self._send)),
            ("GET", f"{root}/Calls.json", self._checked(self._calls)),
            ("GET", f"{root}/Recordings.json", self._checked(self._recordings)),
            ("GET", f"{root}/Recordings/{{sid}}/Transcriptions.json", self._checked(self._transcriptions)),
        ]

    def _checked(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                self._authenticate(request)
                return await handler(request)
            except TwilioError as refused:
                return refused.response()

        return answer

    def _authenticate(self, request: web.Request) -> None:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            user = secret = ""
        if kind.lower() != "basic" or not self._world.is_key(user, secret):
            raise TwilioError(401, 20003, "Authenticate")
        if request.match_info["account"] != self._world.account_sid:
            raise TwilioError(404, 20404, "The requested resource was not found")

    async def _account(self, _: web.Request) -> web.Response:
        world = self._world
        return web.json_response(
            {"sid": world.account_sid, "friendly_name": world.account_name, "status": world.account_status}
        )

    async def _numbers(self, request: web.Request) -> web.Response:
        query = _known(request.query, NUMBER_FILTERS)
        shown = [
            {
                "sid": each.sid,
                "account_sid": self._world.account_sid,
                "phone_number": each.number,
                "friendly_name": each.name,
                "capabilities": {
                    "sms": Channel.SMS in each.channels,
                    "mms": Channel.SMS in each.channels,
                    "voice": Channel.VOICE in each.channels,
                    "fax": False,
                },
                "sms_url": each.sms_url,
                "voice_url": each.voice_url,
                "status_callback": each.status_callback,
            }
            for each in self._world.numbers.values()
        ]
        return self._page(request, query, "incoming_phone_numbers", shown)

    async def _messages(self, request: web.Request) -> web.Response:
        query = _known(request.query, MESSAGE_FILTERS)
        found = self._filtered(query, "DateSent", calls=False)
        return self._page(request, query, "messages", [self._message(own, each) for own, each in found])

    async def _calls(self, request: web.Request) -> web.Response:
        query = _known(request.query, CALL_FILTERS)
        found = self._filtered(query, "StartTime", calls=True)
        return self._page(request, query, "calls", [self._call(own, each) for own, each in found])

    async def _recordings(self, request: web.Request) -> web.Response:
        query = _known(request.query, RECORDING_FILTERS)
        first, last = _day(query.get("DateCreated>")), _day(query.get("DateCreated<"))
        shown = [
            {
                "sid": each.sid,
                "account_sid": self._world.account_sid,
                "call_sid": each.call_sid,
                "status": "completed",
                "duration": "17",
                "channels": 1,
                "source": "RecordVerb",
                "date_created": format_datetime(each.at.astimezone(UTC)),
                "uri": f"/{VERSION}/Accounts/{self._world.account_sid}/Recordings/{each.sid}.json",
            }
            for each in self._world.recordings
            if (first is None or each.at >= first) and (last is None or each.at < last + timedelta(days=1))
        ]
        return self._page(request, query, "recordings", shown)

    async def _transcriptions(self, request: web.Request) -> web.Response:
        query = _known(request.query, PAGE_PARAMETERS)
        shown = [
            {
                "sid": f"TR{each.sid[2:]}",
                "account_sid": self._world.account_sid,
                "recording_sid": each.sid,
                "status": "completed",
                "transcription_text": each.transcript,
                "duration": "17",
                "date_created": format_datetime(each.at.astimezone(UTC)),
            }
            for each in self._world.recordings
            if each.sid == request.match_info["sid"] and each.transcript is not None
        ]
        return self._page(request, query, "transcriptions", shown)

    def _filtered(self, query: Mapping[str, str], time: str, *, calls: bool) -> list[tuple[str, StoredSubmission]]:
        oldest, first = self._world.now() - KEPT, _day(query.get(f"{time}>"))
        last = _day(query.get(f"{time}<"))
        return [
            (own, each)
            for own, each in self._world.listed(calls=calls)
            if each.submitted_at >= oldest
            and query.get("To", own) == own
            and (first is None or each.submitted_at >= first)
            and (last is None or each.submitted_at < last + timedelta(days=1))
        ]

    def _message(self, own: str, message: StoredSubmission) -> dict[str, Any]:
        at = format_datetime(message.submitted_at.astimezone(UTC))
        return {
            "sid": message.source_id,
            "account_sid": self._world.account_sid,
            "messaging_service_sid": None,
            "direction": message.facts.get("direction", "inbound"),
            "from": message.answers.get("phone", ("",))[0],
            "to": own,
            "body": message.answers.get("message", ("",))[0],
            "status": "received",
            "num_media": message.facts.get("NumMedia", "0"),
            "num_segments": "1",
            "date_created": at,
            "date_sent": at,
            "date_updated": at,
            "error_code": None,
            "error_message": None,
            "price": None,
            "price_unit": "USD",
            "api_version": VERSION,
            "uri": f"/{VERSION}/Accounts/{self._world.account_sid}/Messages/{message.source_id}.json",
        }

    def _call(self, own: str, call: StoredSubmission) -> dict[str, Any]:
        at = format_datetime(call.submitted_at.astimezone(UTC))
        status = call.facts.get("CallStatus", "completed")
        return {
            "sid": call.source_id,
            "account_sid": self._world.account_sid,
            "parent_call_sid": None,
            "direction": call.facts.get("direction", "inbound"),
            "from": call.answers.get("phone", ("",))[0],
            "to": own,
            "status": status,
            "start_time": at,
            "end_time": None if status in ("queued", "ringing", "in-progress") else at,
            "duration": call.facts.get("CallDuration", "42"),
            "forwarded_from": call.facts.get("ForwardedFrom"),
            "caller_name": call.facts.get("CallerName"),
            "answered_by": None,
            "date_created": at,
            "date_updated": at,
        }

    def _page(self, request: web.Request, query: Mapping[str, str], key: str, items: list[Any]) -> web.Response:
        """One page; the next begins behind its last line, whatever came in meanwhile."""
        asked = query.get("PageSize", "50")
        if not asked.isdecimal() or not 1 <= int(asked) <= 1000:
            raise TwilioError(400, 20001, "Invalid page size")
        size, start = min(int(asked), self._world.largest_page), 0
        token = query.get("PageToken")
        if token is not None:
            places = [place for place, each in enumerate(items) if f"PA{each['sid']}" == token]
            if not places:
                raise TwilioError(400, 20001, "Invalid page token")
            start = places[0] + 1
        shown = items[start : start + size]
        rest = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}
        again = {**rest, "PageSize": asked, "Page": str(int(query.get("Page", "0")) + 1)}
        more = shown and start + size < len(items)
        next_uri = f"{request.path}?{urlencode({**again, 'PageToken': 'PA' + shown[-1]['sid']})}" if more else None
        body = {key: shown, "next_page_uri": next_uri, "page_size": int(asked), "start": start, "uri": request.path}
        return web.json_response(body | {"page": int(query.get("Page", "0")), "previous_page_uri": None})

    async def _send(self, request: web.Request) -> web.Response:
        if request.content_type != "application/x-www-form-urlencoded":
            raise TwilioError(400, 21602, "Message body is required.")
        fields = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        _known(fields, SEND_FIELDS)
        to, sender, text = fields.get("To", ""), fields.get("From", ""), fields.get("Body", "")
        if not to:
            raise TwilioError(400, 21604, "A 'To' phone number is required.")
        if not text or len(text) > LONGEST_BODY:
            raise TwilioError(400, 21602 if not text else 21617, "Message body is required, up to 1600 characters.")
        channel, plain = (Channel.WHATSAPP, to[9:]) if to.startswith("whatsapp:") else (Channel.SMS, to)
        if sender.startswith("whatsapp:") != (channel is Channel.WHATSAPP) or not sender:
            raise TwilioError(400, 21606, "The From phone number is not valid for this channel.")
        if plain in self._world.refused:
            raise TwilioError(*(_OPTED_OUT if self._world.refused[plain] else _REFUSED))
        taken = self._world.take(channel, sender.removeprefix("whatsapp:"), plain, text)
        if callback := fields.get("StatusCallback"):
            self._world.callbacks[taken.provider_id] = callback
        return web.json_response({"sid": taken.provider_id, "status": "queued", "error_code": None}, status=201)


def _known(query: Mapping[str, str], names: frozenset[str]) -> Mapping[str, str]:
    """The parameters. The real API leaves unknown ones aside; here a misspelt filter is found."""
    if unknown := sorted(set(query) - names):
        raise TwilioError(400, 20001, f"Unknown parameter {unknown[0]}")
    return query


def _day(text: str | None) -> datetime | None:
    """A day, or a moment, of which only the day counts."""
    if text is None:
        return None
    try:
        return datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise TwilioError(400, 20001, "Invalid date") from None
