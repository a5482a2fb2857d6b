"""What Vonage posts, as models (protocol page sections 3 and 4)."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from plugins.sms_voice.wire import Id, Text, Wire


def _as_moment(value: Any) -> Any:
    """``2026-01-01T00:00:00Z``, ``2026-01-01T00:00:00.000Z``, ``2020-01-01 14:00:00 UTC``, ``2026-01-01 00:00:00``:
    always UTC where no zone is told."""
    if not isinstance(value, str):
        raise ValueError("not a time")
    try:
        moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not a time") from error


def _as_optional_moment(value: Any) -> Any:
    return None if value in (None, "") else _as_moment(value)


VonageMoment = Annotated[datetime, BeforeValidator(_as_moment)]
OptionalMoment = Annotated[datetime | None, BeforeValidator(_as_optional_moment)]


class Profile(Wire):
    """What a person calls himself."""

    name: Text = ""
    username: Text = ""


class File(Wire):
    """A file of a message."""

    url: Text = ""
    caption: Text = ""
    name: Text = ""


class Location(Wire):
    """A place on the map."""

    lat: Text = ""
    long: Text = ""
    name: Text = ""
    address: Text = ""


class Choice(Wire):
    """What a person chose from a list or buttons."""

    id: Text = ""
    title: Text = ""
    description: Text = ""


class Button(Wire):
    """What a person chose from the buttons of a template."""

    payload: Text = ""
    text: Text = ""


class Referral(Wire):
    """The ad or post that opened a chat."""

    source_url: Text = ""
    source_id: Text = ""
    source_type: Text = ""
    headline: Text = ""
    body: Text = ""
    ctwa_clid: Text = ""


class WhatsAppIds(Wire):
    """Ids of a person on WhatsApp, who may hide the number."""

    user_id: Text = ""
    parent_user_id: Text = ""
    wa_id: Text = ""


class WhatsAppFacts(Wire):
    """What only WhatsApp knows. ``sender`` is not confirmed; statuses have the same under ``recipient``."""

    referral: Referral | None = None
    sender: WhatsAppIds | None = None


class SmsFacts(Wire):
    """What only SMS knows."""

    num_messages: Text = ""
    keyword: Text = ""


class MessageContext(Wire):
    """The message that this one answers."""

    message_uuid: Text = ""


class OldAddress(Wire):
    """An address of the Messages API v0.1."""

    type: Text = ""
    number: Text = ""
    id: Text = ""


class InboundMessage(Wire):
    """A message of the Messages API v1."""

    channel: Text
    message_uuid: Id
    sender: Text = Field(default="", alias="from")
    to: Text = ""
    timestamp: VonageMoment
    message_type: Text = ""
    text: Text = ""
    image: File | None = None
    audio: File | None = None
    video: File | None = None
    file: File | None = None
    vcard: File | None = None
    sticker: File | None = None
    location: Location | None = None
    reply: Choice | None = None
    button: Button | None = None
    profile: Profile | None = None
    context: MessageContext | None = None
    sms: SmsFacts | None = None
    whatsapp: WhatsAppFacts | None = None


class MessageHead(Wire):
    """What a message is stored under, however odd the rest may be."""

    message_uuid: Id
    channel: Text = ""
    to: Text = ""
    message_type: Text = ""


class MessageError(Wire):
    """Why a message of ours did not arrive."""

    title: Text = ""
    detail: Text = ""


class MessageStatus(Wire):
    """How far a message of ours got, by the Messages API."""

    message_uuid: Id
    status: Text
    timestamp: VonageMoment
    error: MessageError | None = None


class SmsInbound(Wire):
    """A text message of the SMS API, or one part of a long one."""

    msisdn: Text
    to: Text = ""
    message_id: Id = Field(alias="messageId")
    text: Text = ""
    type: Text = ""
    keyword: Text = ""
    message_timestamp: VonageMoment = Field(alias="message-timestamp")
    concat_ref: Text = Field(default="", alias="concat-ref")
    concat_total: Text = Field(default="", alias="concat-total")
    concat_part: Text = Field(default="", alias="concat-part")
    binary: Text = Field(default="", alias="data")
    udh: Text = ""


class SmsReceipt(Wire):
    """How far a text message of ours got, by the SMS API."""

    message_id: Id = Field(alias="messageId")
    status: Text
    message_timestamp: OptionalMoment = Field(default=None, alias="message-timestamp")
    err_code: Text = Field(default="", alias="err-code")


class CallEvent(Wire):
    """A call that begins (the question how to answer it) or what became of it."""

    conversation_uuid: Text = ""
    uuid: Text = ""
    call_uuid: Text = ""
    sender: Text = Field(default="", alias="from")
    to: Text = ""
    status: Text = ""
    direction: Text = ""
    timestamp: OptionalMoment = None
    end_time: OptionalMoment = None
    duration: Text = ""


class RecordingEvent(Wire):
    """A recording is there."""

    recording_uuid: Id
    conversation_uuid: Id
    recording_url: Text = ""
    start_time: OptionalMoment = None
    end_time: OptionalMoment = None
    timestamp: OptionalMoment = None
    to: Text = ""


class TranscriptionEvent(Wire):
    """A transcription is there, or where it can be fetched."""

    recording_uuid: Id
    conversation_uuid: Id
    transcription_url: Text = ""
    type: Text = ""
    transcript: Text = ""
    timestamp: OptionalMoment = None
    to: Text = ""


def in_present_shape(body: Any) -> Any:
    """A message of the old v0.1 in the shape of v1; any other is returned as it is."""
    inner = body.get("message") if isinstance(body, dict) else None
    content = inner.get("content") if isinstance(inner, dict) else None
    if not isinstance(content, dict):
        return body
    sender, to = body.get("from"), body.get("to")
    return {
        **body,
        **content,
        "message_type": content.get("type"),
        "channel": _member(sender, "type"),
        "from": _member(sender, "number") or _member(sender, "id"),
        "to": _member(to, "number") or _member(to, "id"),
    }


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else value
