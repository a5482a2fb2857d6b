"""What Vonage posts, sorted into pieces of conversations and reports (protocol page sections 2 to 4). Pure.

The shape of a request tells what it is, so that all webhooks may lead to one address. There is no list to make up for
a call whose last word never comes, so a call is kept from its first sign on: the question how to answer it.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.models import InboundRequest, RawSubmission, Received, Reply
from plugins.sms_voice.conversation import form_id_of
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.vonage.addresses import UNKNOWN, address_of
from plugins.sms_voice.vonage.ncco import answer_to_call
from plugins.sms_voice.vonage.payloads import (
    CallEvent,
    MessageHead,
    MessageStatus,
    RecordingEvent,
    SmsInbound,
    SmsReceipt,
    TranscriptionEvent,
    in_present_shape,
)
from plugins.sms_voice.vonage.signatures import BEARER, check_parameter, check_token, query_of
from plugins.sms_voice.wire import WireT, kept, parsed, read

Body = Mapping[str, Any]
FORM = "application/x-www-form-urlencoded"
MESSAGE, SMS, CALL, RECORDING, TRANSCRIPTION = "message", "sms", "call", "recording", "transcription"
STARTED = "started"
ENDED = frozenset({"completed", "unanswered", "busy", "cancelled", "rejected", "timeout", "failed", "disconnected"})
"""Of a call: it will not change any more."""
CHANNELS = {"sms": Channel.SMS, "mms": Channel.SMS, "rcs": Channel.SMS, "whatsapp": Channel.WHATSAPP}
"""Whatever else the Messages API carries is a chat."""
STATUSES = {
    "submitted": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "rejected": DeliveryStatus.FAILED,
    "undeliverable": DeliveryStatus.FAILED,
}
SMS_STATUSES = {
    "accepted": DeliveryStatus.ACCEPTED,
    "buffered": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "failed": DeliveryStatus.FAILED,
    "rejected": DeliveryStatus.FAILED,
    "expired": DeliveryStatus.FAILED,
}
IGNORED = Received(ignored=1)

_UNSIGNED = "The request carries no signature of Vonage."


def receive(request: InboundRequest, key: WebhookKey) -> Received:
    """A verified request. Bodies of raw submissions are ``{"kind": ..., "body": what came}``."""
    is_signed = request.headers.get("authorization", "")[: len(BEARER)].lower() == BEARER
    if is_signed:
        check_token(request, key)
        body = _fields(request)
    else:
        try:
            body = _fields(request)
        except BadPayloadError:
            body = None
        if _is_set_up_check(request, body):
            return Received(reply=Reply())
        if not isinstance(body, Mapping) or "sig" not in body:
            raise UnverifiedRequestError(_UNSIGNED, asks_again=True, code="unsigned")
        check_parameter(_texts(body), key, request.received_at)
    if not isinstance(body, Mapping):
        raise BadPayloadError("Vonage's message is no object.", path="")
    found = _sorted(body, request, key)
    if request.method == "POST":
        return found
    return found.model_copy(update={"kept_body": json.dumps(kept(body)).encode()})


def _fields(request: InboundRequest) -> Any:
    """The parameters or the JSON of a request."""
    if request.method != "POST":
        return query_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return parsed(request.body)


def _texts(body: Body) -> dict[str, str]:
    """Parameters as they were signed: JSON may write them as numbers."""
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}


def _is_set_up_check(request: InboundRequest, body: Any) -> bool:
    """Vonage asks the address whether it is there before it saves it. It wants 200, and tells nothing."""
    return request.method in ("GET", "HEAD") and "msisdn" not in body and "to" not in body


def _sorted(body: Body, request: InboundRequest, key: WebhookKey) -> Received:
    if "message_uuid" in body:
        return _report(body) if "status" in body else _message(body)
    if "msisdn" in body and "messageId" in body:
        return _sms_receipt(body, request) if "status" in body else _sms(body)
    if "recording_uuid" in body:
        is_text = "transcription_url" in body or "transcript" in body
        # Neither tells which number was called: it stands in the address that the answer to the call gave.
        told = {"to": query_of(request).get("to", ""), **body}
        return _transcription(told) if is_text else _recording(told)
    if "conversation_uuid" in body and "status" in body:
        return _call_event(body)
    if "conversation_uuid" in body and "uuid" in body and "from" in body and "to" in body:
        return _call_to_answer(body, request, key)
    return IGNORED


def _message(body: Body) -> Received:
    head = _told(MessageHead, in_present_shape(body))
    if head is None:
        return _piece(MESSAGE, body, None, None)
    if head.message_type == "reaction":
        return IGNORED
    channel = CHANNELS.get(head.channel, Channel.CHAT)
    return _piece(MESSAGE, body, head.message_uuid, _form(channel, head.to))


def _sms(body: Body) -> Received:
    """A text, or a part of a long one. Every part has an id and is a piece of its own: nobody would wait for it."""
    told = _told(SmsInbound, body)
    if told is None:
        return _piece(SMS, body, None, None)
    return _piece(SMS, body, told.message_id, _form(Channel.SMS, told.to))


def _call_event(body: Body) -> Received:
    """Only the last word of a call that came in is of interest; what happens on the way is not."""
    told = _told(CallEvent, body)
    if told is None:
        return _piece(CALL, body, None, None)
    if told.direction == "outbound" or told.status not in ENDED:
        return IGNORED
    return _call(body, told, told.status)


def _call_to_answer(body: Body, request: InboundRequest, key: WebhookKey) -> Received:
    reply = Reply(body=answer_to_call(request.url, body, key.facts), content_type="application/json")
    told = _told(CallEvent, body)
    found = _piece(CALL, body, None, None) if told is None else _call(body, told, STARTED)
    return found.model_copy(update={"reply": reply})


def _call(body: Body, told: CallEvent, status: str) -> Received:
    call_id = told.uuid or told.call_uuid or told.conversation_uuid
    source_id = f"{call_id}:{status}" if call_id and len(call_id) < 100 else None
    return _piece(CALL, body, source_id, _form(Channel.VOICE, told.to))


def _recording(body: Body) -> Received:
    told = _told(RecordingEvent, body)
    if told is None:
        return _piece(RECORDING, body, None, None)
    return _piece(RECORDING, body, told.recording_uuid, _form(Channel.VOICE, told.to))


def _transcription(body: Body) -> Received:
    told = _told(TranscriptionEvent, body)
    if told is None:
        return _piece(TRANSCRIPTION, body, None, None)
    return _piece(TRANSCRIPTION, body, f"{told.recording_uuid}:text"[:200], _form(Channel.VOICE, told.to))


def _form(channel: Channel, own: str) -> str:
    return form_id_of(channel, address_of(own) or UNKNOWN)


def _piece(kind: str, body: Body, source_id: str | None, form_id: str | None) -> Received:
    """One submission; without an id where the body cannot be read, so that it is looked at."""
    content = kept({"kind": kind, "body": {name: value for name, value in body.items() if name != "sig"}})
    return Received(submissions=(RawSubmission(source_id=source_id, form_id=form_id, body=content),))


def _report(body: Body) -> Received:
    told = _told(MessageStatus, body)
    status = STATUSES.get(told.status) if told else None
    if told is None or status is None:
        return IGNORED
    error = told.error
    report = DeliveryReport(
        provider_id=told.message_uuid,
        status=status,
        reported_at=told.timestamp,
        code=error.title or None if error else None,
        detail=error.detail if error else "",
    )
    return Received(reports=(report,))


def _sms_receipt(body: Body, request: InboundRequest) -> Received:
    told = _told(SmsReceipt, body)
    status = SMS_STATUSES.get(told.status) if told else None
    if told is None or status is None:
        return IGNORED
    report = DeliveryReport(
        provider_id=told.message_id,
        status=status,
        reported_at=told.message_timestamp or request.received_at,
        code=told.err_code or None,
    )
    return Received(reports=(report,))


def _told(model: type[WireT], body: Body) -> WireT | None:
    try:
        return read(model, body)
    except BadPayloadError:
        return None
