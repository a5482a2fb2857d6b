"""Pieces of conversations in the hub's words, whether they were posted or listed (protocol page section 7). Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import JsonValue

from hub.connector.conversations import Channel, Media, Message, MessageKind, Preference
from hub.connector.errors import BadPayloadError
from hub.connector.models import Campaign, LeadSource, RawSubmission, Submission
from plugins.sms_voice.conversation import (
    CITY,
    COUNTRY,
    MESSAGE,
    NAME,
    PHONE,
    POSTCODE,
    SOURCES,
    STATE,
    answers_to,
    click_to_chat,
    message_thread,
    own_number,
)
from plugins.sms_voice.twilio.addresses import channel_and_address, identities_in, phone_in
from plugins.sms_voice.twilio.callbacks import Kind

MISSED = frozenset({"no-answer", "busy", "canceled", "failed"})
MOST_MEDIA = 20
LONGEST_ID = 200
_PREFERENCES = {"STOP": Preference.OPT_OUT, "START": Preference.OPT_IN}
_CALL_FACTS = {
    "CallStatus": "call_status",
    "DialCallStatus": "dial_status",
    "ForwardedFrom": "forwarded_from",
    "StirVerstat": "caller_verified",
    "AnsweredBy": "answered_by",
}
_MESSAGE_FACTS = {
    "ButtonPayload": "button",
    "Forwarded": "forwarded",
    "FrequentlyForwarded": "frequently_forwarded",
    "OriginalRepliedMessageSid": "answers_message",
    "OptOutType": "opt_out_type",
}


def piece_of(raw: RawSubmission, content: JsonValue) -> Submission:
    """The submission of a piece. Raises ``BadPayloadError`` with the path of what could not be read."""
    if not isinstance(content, dict) or not isinstance(content.get("fields"), dict):
        raise BadPayloadError("Nothing of what Twilio said is there.", path="content.fields")
    try:
        kind = Kind(str(content.get("kind")))
    except ValueError:
        raise BadPayloadError("This piece is of no kind that is known.", path="content.kind") from None
    piece = Piece(content["fields"], raw)
    if kind in (Kind.MESSAGE, Kind.LISTED_MESSAGE):
        return _message(piece)
    return _CALLED[kind](piece)


class Piece:
    """The fields of one piece; those of a listing are named as in a delivery (``listed_fields``)."""

    def __init__(self, fields: Any, raw: RawSubmission) -> None:
        self.raw = raw
        self._fields: Mapping[str, Any] = fields

    def text(self, name: str) -> str:
        """A field, empty where it is not there. Raises ``BadPayloadError`` where it is no text."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise BadPayloadError(f"{name} is no text.", path=f"content.fields.{name}")
        return value or ""

    def needed(self, name: str) -> str:
        """A field that must be there, short enough for an id."""
        found = self.text(name).strip()
        if not found or len(found) > LONGEST_ID:
            raise BadPayloadError(f"{name} is missing.", path=f"content.fields.{name}")
        return found

    def named(self, names: Mapping[str, str]) -> dict[str, str]:
        """Those of these fields that say something, under names of ours."""
        return {ours: found for theirs, ours in names.items() if (found := self.text(theirs))}

    def seconds(self, name: str) -> timedelta | None:
        """A duration, where it is a whole number of seconds."""
        found = self.text(name)
        return timedelta(seconds=int(found)) if found.isascii() and found.isdecimal() and len(found) < 9 else None

    def moment(self) -> datetime:
        """When it happened: as Twilio says, else when it came."""
        told = moment_in(self.text("Timestamp"))
        found = told or self.raw.received_at
        if found is None:
            raise BadPayloadError("Nothing says when this was.", path="content.fields.Timestamp")
        return found

    def submission(self, message: Message, **words: Any) -> Submission:
        """The submission around a message."""
        source: LeadSource = SOURCES[message.channel]
        identities = identities_in(message.channel, self.text("From") and message.sender, self.text("AccountSid"))
        return Submission(
            source_id=self.raw.source_id,
            form_id=self.raw.form_id,
            submitted_at=self.moment(),
            message=message,
            source=source,
            **{"identities": identities, "campaign": own_number(message.recipient), **words},
        )

    def place(self) -> list[tuple[Any, str]]:
        """What Twilio knows of the place of the caller's number, which is not where the person is."""
        questions = (CITY, STATE, POSTCODE, COUNTRY)
        names = ("FromCity", "FromState", "FromZip", "FromCountry")
        return [(question, self.text(name)) for question, name in zip(questions, names, strict=True)]


def moment_in(text: str) -> datetime | None:
    """A date of RFC 2822, in UTC; None where it is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _message(piece: Piece) -> Submission:
    channel, person = channel_and_address(piece.needed("From"))
    own = channel_and_address(piece.needed("To"))[1]
    preference = _PREFERENCES.get(piece.text("OptOutType").upper())
    text = piece.text("Body") or piece.text("ButtonText") or _location(piece)
    message = Message(
        channel=channel,
        kind=MessageKind.PREFERENCE if preference else MessageKind.MESSAGE,
        thread=message_thread(channel, person, own),
        sender=person or "unknown",
        recipient=own or "unknown",
        text=text,
        preference=preference,
        media=_media(piece),
        detail=piece.named(_MESSAGE_FACTS),
    )
    given = [(PHONE, phone_in(person)), (NAME, piece.text("ProfileName")), (MESSAGE, text), *piece.place()]
    return piece.submission(message, answers=answers_to(given), campaign=_campaign(piece, own))


def _campaign(piece: Piece, own: str) -> Campaign:
    """The ad that the person came from, where the message tells of one; always the number that was written to."""
    return click_to_chat(
        own,
        kind=piece.text("ReferralSourceType"),
        object_id=piece.text("ReferralSourceId"),
        url=piece.text("ReferralSourceUrl"),
        headline=piece.text("ReferralHeadline"),
        text=piece.text("ReferralBody"),
        click_id=piece.text("ReferralCtwaClid"),
    )


def _location(piece: Piece) -> str:
    if not piece.text("Latitude"):
        return ""
    where = f"{piece.text('Latitude')}, {piece.text('Longitude')}"
    return ", ".join(each for each in (piece.text("Label"), piece.text("Address"), where) if each)


def _media(piece: Piece) -> tuple[Media, ...]:
    count = piece.text("NumMedia")
    number = min(int(count), MOST_MEDIA) if count.isascii() and count.isdecimal() and len(count) < 4 else 0
    found = [(piece.text(f"MediaUrl{place}"), piece.text(f"MediaContentType{place}")) for place in range(number)]
    return tuple(Media(url=url, content_type=kind) for url, kind in found if url)


def _part_of_call(piece: Piece, kind: MessageKind, **words: Any) -> Submission:
    """A piece of the thread of its call. Where nobody says who called, the call stands in for the person."""
    call_id = piece.needed("CallSid")
    person = channel_and_address(piece.text("From"))[1] or call_id
    own = channel_and_address(piece.text("To"))[1] or piece.text("AccountSid")[:LONGEST_ID] or "unknown"
    text = words.get("text", "")
    message = Message(channel=Channel.VOICE, kind=kind, thread=call_id, sender=person, recipient=own, **words)
    given = [(PHONE, phone_in(person)), (NAME, piece.text("CallerName")), (MESSAGE, text), *piece.place()]
    return piece.submission(message, answers=answers_to(given))


def _call(piece: Piece) -> Submission:
    status = piece.text("CallStatus").lower()
    detail = piece.named(_CALL_FACTS) | ({"outcome": "missed"} if status in MISSED else {})
    return _part_of_call(piece, MessageKind.CALL, duration=piece.seconds("CallDuration"), detail=detail)


def _dial(piece: Piece) -> Submission:
    was_answered = piece.text("DialCallStatus").lower() in ("completed", "answered")
    detail = piece.named(_CALL_FACTS) | {"outcome": "answered" if was_answered else "missed"}
    return _part_of_call(piece, MessageKind.CALL, duration=piece.seconds("DialCallDuration"), detail=detail)


def _recording(piece: Piece) -> Submission:
    url = piece.text("RecordingUrl")
    media = (Media(url=url, content_type="audio/x-wav"),) if url else ()
    return _part_of_call(piece, MessageKind.RECORDING, duration=piece.seconds("RecordingDuration"), media=media)


def _transcription(piece: Piece) -> Submission:
    return _part_of_call(piece, MessageKind.TRANSCRIPT, text=piece.text("TranscriptionText"))


_CALLED = {
    Kind.CALL: _call,
    Kind.LISTED_CALL: _call,
    Kind.DIAL: _dial,
    Kind.RECORDING: _recording,
    Kind.TRANSCRIPTION: _transcription,
}
