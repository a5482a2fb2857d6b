"""What Twilio posts, sorted into pieces of conversations (protocol page sections 3 to 5). Pure.

Everything comes to one address; the fields tell what it is. A call becomes one receipt when it is over: while it rings
nobody knows whether it was missed. A call whose last word never comes is found by the pull.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import JsonValue

from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.models import InboundRequest, RawSubmission, Received
from hub.connector.text import storable
from plugins.sms_voice.conversation import form_id_of
from plugins.sms_voice.provider import Provider, WebhookKey
from plugins.sms_voice.twilio.addresses import channel_and_address
from plugins.sms_voice.twilio.signatures import verified_fields
from plugins.sms_voice.twilio.twiml import HANG_UP, SILENCE, answer_to_call, answer_to_unanswered_dial, xml_reply

Fields = Mapping[str, str]
LONGEST_ID = 200
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Of a call: it will not change any more."""
NO_STATUS_YET = frozenset({"", "received", "receiving"})
"""Of a message that came in."""
_STATUSES = {
    "accepted": DeliveryStatus.ACCEPTED,
    "scheduled": DeliveryStatus.ACCEPTED,
    "queued": DeliveryStatus.ACCEPTED,
    "sending": DeliveryStatus.ACCEPTED,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}


class Kind(StrEnum):
    """What a piece is, and so how it is read."""

    MESSAGE = "message"
    CALL = "call"
    DIAL = "dial"
    RECORDING = "recording"
    TRANSCRIPTION = "transcription"
    LISTED_MESSAGE = "listed_message"
    LISTED_CALL = "listed_call"


class Callbacks:
    """Reads one request; ``provider`` makes the bodies of raw submissions."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """What a request holds, with the answer that Twilio needs. Raises ``UnverifiedRequestError``."""
        fields = verified_fields(request, key)
        if fields is None:
            return Received(ignored=1)
        if "TranscriptionSid" in fields or "TranscriptionStatus" in fields:
            return self._transcription(fields)
        if "RecordingStatus" in fields:
            return self._recording(fields, request)
        if "MessageSid" in fields or "SmsSid" in fields:
            return self._message(fields, request.received_at)
        if "CallSid" in fields:
            return self._call(fields, request, key)
        return Received(ignored=1)

    def _message(self, fields: Fields, now: datetime) -> Received:
        status = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        if status.lower() in NO_STATUS_YET:
            return self._piece(Kind.MESSAGE, fields, _message_id(fields), SILENCE)
        report = report_of(fields, status.lower(), now)
        found = (report,) if report is not None else ()
        return Received(reports=found, ignored=1 - len(found), reply=xml_reply(SILENCE))

    def _call(self, fields: Fields, request: InboundRequest, key: WebhookKey) -> Received:
        here = own_address(request.url)
        if "DialCallStatus" in fields:
            was_answered = fields["DialCallStatus"].lower() in ("completed", "answered")
            then = HANG_UP if was_answered else answer_to_unanswered_dial(key.facts, callbacks_of(here, fields))
            return self._piece(Kind.DIAL, fields, f"{fields['CallSid']}.dial", then)
        if _topic(request.url) == "recorded":
            return Received(ignored=1, reply=xml_reply(HANG_UP))
        if fields.get("Direction", "inbound") != "inbound":
            return Received(ignored=1, reply=xml_reply(SILENCE))
        if fields.get("CallStatus", "").lower() in ENDED:
            return self._piece(Kind.CALL, fields, fields["CallSid"], SILENCE)
        if "CallbackSource" in fields:
            return Received(ignored=1, reply=xml_reply(SILENCE))
        return Received(ignored=1, reply=xml_reply(answer_to_call(key.facts, callbacks_of(here, fields))))

    def _recording(self, fields: Fields, request: InboundRequest) -> Received:
        """The fields name no address; those that we put into the callback's own URL do."""
        if fields["RecordingStatus"].lower() != "completed":
            return Received(ignored=1, reply=xml_reply(SILENCE))
        return self._piece(Kind.RECORDING, {**request.query, **fields}, fields.get("RecordingSid"), SILENCE)

    def _transcription(self, fields: Fields) -> Received:
        if fields.get("TranscriptionStatus", "completed").lower() != "completed":
            return Received(ignored=1, reply=xml_reply(SILENCE))
        return self._piece(Kind.TRANSCRIPTION, fields, fields.get("TranscriptionSid"), SILENCE)

    def _piece(self, kind: Kind, fields: Fields, source_id: str | None, answer: str) -> Received:
        content: JsonValue = {"kind": kind.value, "fields": {storable(k): storable(v) for k, v in fields.items()}}
        channel = channel_and_address(fields.get("To", ""))[0] if kind is Kind.MESSAGE else Channel.VOICE
        raw = RawSubmission(
            source_id=usable_id(source_id),
            form_id=form_of(channel, fields.get("To", ""), fields.get("AccountSid", "")),
            body=self._provider.raw_body(content),
        )
        return Received(submissions=(raw,), reply=xml_reply(answer))


def report_of(fields: Fields, status: str, now: datetime) -> DeliveryReport | None:
    """How far a message of ours got; None for a status that we do not know."""
    known, message_id = _STATUSES.get(status), usable_id(_message_id(fields))
    if known is None or message_id is None:
        return None
    detail = fields.get("ChannelStatusMessage") or fields.get("ErrorMessage", "")
    code = fields.get("ErrorCode") or None
    return DeliveryReport(provider_id=message_id, status=known, reported_at=now, code=code, detail=storable(detail))


def usable_id(text: str | None) -> str | None:
    """An id that can be kept; None for none, and for what is longer than any id is."""
    return text if text and len(text) <= LONGEST_ID else None


def form_of(channel: Channel, to: str, account_id: str) -> str:
    """The form of the own address; where none is told, that of the account."""
    return form_id_of(channel, channel_and_address(to)[1] or account_id or "unknown")


def own_address(url: str) -> str:
    """The hub's address that Twilio called, without a topic of ours and without a query."""
    parts = urlsplit(url)
    path = parts.path
    if _topic(url) in TOPICS:
        path = path.rpartition("/")[0]
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


TOPICS = frozenset({"dialled", "recorded", "recording", "transcription"})
"""Last steps of addresses that we give to Twilio within an answer to a call."""


def callbacks_of(here: str, fields: Fields) -> dict[str, str]:
    """The addresses for what follows in a call. That of recordings carries who called whom, in alphabetical order, as
    their fields do not say it."""
    who = urlencode({name: fields[name] for name in ("From", "To") if fields.get(name)})
    return {topic: f"{here}/{topic}" + (f"?{who}" if topic == "recording" and who else "") for topic in TOPICS}


def _topic(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _message_id(fields: Fields) -> str | None:
    return fields.get("MessageSid") or fields.get("SmsSid") or fields.get("SmsMessageSid")
