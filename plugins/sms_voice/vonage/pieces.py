"""Stored pieces of conversations in the hub's words (protocol page sections 3, 4 and 6). Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from hub.connector.conversations import Channel, Media, Message, MessageKind
from hub.connector.errors import BadPayloadError
from hub.connector.models import Campaign, Identity, RawSubmission, Submission
from hub.connector.text import storable
from plugins.sms_voice.conversation import (
    MESSAGE,
    NAME,
    PHONE,
    SOURCES,
    answers_to,
    click_to_chat,
    is_phone,
    message_thread,
    own_number,
)
from plugins.sms_voice.vonage.addresses import UNKNOWN, address_of
from plugins.sms_voice.vonage.callbacks import CALL, CHANNELS, RECORDING, SMS, STARTED, TRANSCRIPTION
from plugins.sms_voice.vonage.callbacks import MESSAGE as KIND_MESSAGE
from plugins.sms_voice.vonage.payloads import (
    CallEvent,
    InboundMessage,
    RecordingEvent,
    Referral,
    SmsInbound,
    TranscriptionEvent,
    WhatsAppIds,
    in_present_shape,
)
from plugins.sms_voice.whatsapp.numbers import e164_of
from plugins.sms_voice.wire import read

MISSED = frozenset({"unanswered", "busy", "cancelled", "rejected", "timeout", "failed"})
WITHHELD = frozenset({"", "anonymous", "unknown", "private", "restricted", "unavailable"})
"""What stands in place of a number that the caller does not show."""
LONGEST = 200
LONGEST_CALL = timedelta(days=7)


def read_piece(raw: RawSubmission, content: JsonValue) -> Submission:
    """One piece. Raises ``BadPayloadError`` with the path of the first field that cannot be read."""
    kind = content.get("kind") if isinstance(content, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None or not isinstance(content, dict):
        raise BadPayloadError("This piece is of no kind that is known.", path="kind")
    return reader(raw, content.get("body"))


def _message(raw: RawSubmission, body: Any) -> Submission:
    told = read(InboundMessage, in_present_shape(body), at="body")
    channel = CHANNELS.get(told.channel, Channel.CHAT)
    ids = (told.whatsapp.sender if told.whatsapp else None) or WhatsAppIds()
    person = _person(channel, told.sender or ids.wa_id or ids.user_id, "body.from")
    own = address_of(told.to) or UNKNOWN
    text = _text(told)
    message = Message(
        channel=channel,
        thread=message_thread(channel, ids.user_id or person, own),
        sender=person,
        recipient=own,
        text=text,
        media=_media(told),
        detail=_message_facts(told),
    )
    name = told.profile.name if told.profile else ""
    return _submission(
        raw,
        told.timestamp,
        message,
        name=name,
        campaign=_campaign(own, told.whatsapp.referral if told.whatsapp else None),
        identities=_identities(channel, told, ids),
    )


def _person(channel: Channel, written: str, path: str) -> str:
    """Where a reply goes. WhatsApp keeps old spellings of some numbers, which nobody else knows."""
    address = address_of(written)
    if not address:
        raise BadPayloadError("Nobody is named who wrote this.", path=path)
    return (e164_of(address) or address) if channel is Channel.WHATSAPP else address


def _text(told: InboundMessage) -> str:
    caption = next((each.caption for each in (told.image, told.audio, told.video, told.file) if each), "")
    chosen = (told.reply.title if told.reply else "") or (told.button.text if told.button else "")
    return told.text or caption or chosen or _place(told)


def _place(told: InboundMessage) -> str:
    place = told.location
    if place is None:
        return ""
    spot = ", ".join(each for each in (place.lat, place.long) if each)
    return ", ".join(each for each in (place.name, place.address) if each) or spot


def _media(told: InboundMessage) -> tuple[Media, ...]:
    files = (told.image, told.audio, told.video, told.file, told.vcard, told.sticker)
    return tuple(Media(url=each.url, name=each.name) for each in files if each and each.url)


def _message_facts(told: InboundMessage) -> dict[str, str]:
    facts = {
        "type": "" if told.message_type == "text" else told.message_type,
        "username": told.profile.username if told.profile else "",
        "in_reply_to": told.context.message_uuid if told.context else "",
        "choice": (told.reply.id if told.reply else "") or (told.button.payload if told.button else ""),
        "parts": told.sms.num_messages if told.sms and told.sms.num_messages != "1" else "",
        "latitude": told.location.lat if told.location else "",
        "longitude": told.location.long if told.location else "",
    }
    return _said(facts)


def _said(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: storable(value) for name, value in facts.items() if value}


def _campaign(own: str, referral: Referral | None) -> Campaign:
    told = referral or Referral()
    return click_to_chat(
        own,
        kind=told.source_type,
        object_id=told.source_id,
        url=told.source_url,
        headline=told.headline,
        text=told.body,
        click_id=told.ctwa_clid,
    )


def _identities(channel: Channel, told: InboundMessage, ids: WhatsAppIds) -> tuple[Identity, ...]:
    """Ids of people who hide their number; Vonage says them in ``from`` as well."""
    hidden = "" if is_phone(address_of(told.sender)) else told.sender
    scoped = (
        (f"vonage:{channel.value}:{told.to}", ids.user_id or hidden),
        ("whatsapp:linked", ids.parent_user_id),
    )
    found = (Identity(scope=scope[:LONGEST], value=value[:LONGEST]) for scope, value in scoped if value)
    return tuple(found) if channel is not Channel.SMS else ()


def _sms(raw: RawSubmission, body: Any) -> Submission:
    """A text, or one part of a long one: ``detail`` says which, so that a page can put them together."""
    told = read(SmsInbound, body, at="body")
    person, own = _person(Channel.SMS, told.msisdn, "body.msisdn"), address_of(told.to) or UNKNOWN
    facts = {
        "part": told.concat_part,
        "parts": told.concat_total,
        "long_message": told.concat_ref,
        "data": told.binary,
        "udh": told.udh,
    }
    message = Message(
        channel=Channel.SMS,
        thread=message_thread(Channel.SMS, person, own),
        sender=person,
        recipient=own,
        text=told.text,
        detail=_said(facts),
    )
    return _submission(raw, told.message_timestamp, message)


def _call(raw: RawSubmission, body: Any) -> Submission:
    """A call that begins, or its end. The person may withhold the number; then the call stands for him."""
    told = read(CallEvent, body, at="body")
    call_id = (told.conversation_uuid or told.uuid or told.call_uuid)[:LONGEST]
    if not call_id:
        raise BadPayloadError("The call has no id.", path="body.conversation_uuid")
    status = told.status or STARTED
    duration = _seconds(told.duration)
    is_missed = status in MISSED or (status == "completed" and not duration)
    facts = {"call_status": status, "outcome": "missed" if is_missed else "", "call": told.uuid}
    message = _of_call(
        MessageKind.CALL,
        call_id,
        told.to,
        sender=address_of(told.sender),
        duration=duration,
        detail=_said(facts),
    )
    return _submission(raw, told.end_time or told.timestamp or _received_at(raw), message)


def _recording(raw: RawSubmission, body: Any) -> Submission:
    told = read(RecordingEvent, body, at="body")
    length = told.end_time - told.start_time if told.start_time and told.end_time else None
    message = _of_call(
        MessageKind.RECORDING,
        told.conversation_uuid,
        told.to,
        duration=length if length and timedelta() <= length <= LONGEST_CALL else None,
        media=(Media(url=told.recording_url, content_type="audio/mpeg"),) if told.recording_url else (),
    )
    return _submission(raw, told.timestamp or told.end_time or _received_at(raw), message)


def _transcription(raw: RawSubmission, body: Any) -> Submission:
    """The words, or the address at which they can be read."""
    told = read(TranscriptionEvent, body, at="body")
    url = told.transcription_url
    message = _of_call(
        MessageKind.TRANSCRIPT,
        told.conversation_uuid,
        told.to,
        text=told.transcript,
        media=(Media(url=url, content_type="application/json"),) if url else (),
    )
    return _submission(raw, told.timestamp or _received_at(raw), message)


def _of_call(kind: MessageKind, call_id: str, own: str, *, sender: str = "", **words: Any) -> Message:
    """A piece of the thread of a call. Where nobody says who called, the call stands in for the person."""
    return Message(
        channel=Channel.VOICE,
        kind=kind,
        thread=call_id,
        sender=call_id if sender.lower() in WITHHELD else sender,
        recipient=address_of(own) or UNKNOWN,
        **words,
    )


def _seconds(text: str) -> timedelta | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < 7
    return timedelta(seconds=int(text)) if is_number else None


def _received_at(raw: RawSubmission) -> datetime:
    if raw.received_at is None:
        raise BadPayloadError("Nothing says when this was.", path="body.timestamp")
    return raw.received_at


def _submission(
    raw: RawSubmission,
    moment: datetime,
    message: Message,
    *,
    name: str = "",
    campaign: Campaign | None = None,
    identities: tuple[Identity, ...] = (),
) -> Submission:
    phone = message.sender if is_phone(message.sender) else ""
    return Submission(
        source_id=raw.source_id,
        form_id=raw.form_id,
        submitted_at=moment,
        answers=answers_to(((PHONE, phone), (NAME, name), (MESSAGE, message.text))),
        campaign=campaign or (None if message.recipient == UNKNOWN else own_number(message.recipient)),
        message=message,
        identities=identities,
        source=SOURCES[message.channel],
    )


_READERS: Mapping[str, Callable[[RawSubmission, Any], Submission]] = MappingProxyType(
    {
        KIND_MESSAGE: _message,
        SMS: _sms,
        CALL: _call,
        RECORDING: _recording,
        TRANSCRIPTION: _transcription,
    }
)
