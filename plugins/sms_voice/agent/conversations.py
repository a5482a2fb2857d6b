"""A conversation that an agent held, in the hub's words. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hub.connector.conversations import Channel, Media, Message, MessageKind, Preference
from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer, Identity, LeadSource, Question, RawSubmission, Submission
from plugins.sms_voice.agent.payloads import (
    TRANSCRIPT_ADDED,
    AgentChannel,
    AgentDelivery,
    AgentKind,
    Conversation,
    Speaker,
    Value,
)
from plugins.sms_voice.conversation import (
    AI_RECEPTIONIST,
    CHAT_BOT_SMS,
    CHAT_BOT_VOICE,
    CHAT_BOT_WEB,
    EMAIL,
    MESSAGE,
    NAME,
    PHONE,
    WHATSAPP,
    answers_to,
    own_number,
)

_CHANNELS = {
    AgentChannel.VOICE: Channel.VOICE,
    AgentChannel.SMS: Channel.SMS,
    AgentChannel.WHATSAPP: Channel.WHATSAPP,
    AgentChannel.WEB: Channel.CHAT,
}
_BOTS = {
    AgentChannel.VOICE: CHAT_BOT_VOICE,
    AgentChannel.SMS: CHAT_BOT_SMS,
    AgentChannel.WHATSAPP: WHATSAPP,
    AgentChannel.WEB: CHAT_BOT_WEB,
}
_SPEAKERS = {Speaker.CALLER: "Caller", Speaker.AGENT: "Agent"}
LONGEST_KEY = 200
LONGEST_STEP = timedelta(days=1)


def submission_of(raw: RawSubmission, delivery: AgentDelivery) -> Submission:
    """The submission of one delivery. Raises ``BadPayloadError`` where nothing says when it was."""
    told = delivery.data
    submitted_at = told.ended_at or told.started_at or delivery.timestamp or raw.received_at
    if submitted_at is None:
        raise BadPayloadError("Nothing says when this was.", path="content.data.ended_at")
    is_transcript = delivery.type == TRANSCRIPT_ADDED
    return Submission(
        source_id=raw.source_id,
        form_id=raw.form_id,
        submitted_at=submitted_at,
        answers=_answers(told),
        campaign=own_number(told.to) if told.to else None,
        is_test=told.is_test,
        message=_transcript(told) if is_transcript else _message(told),
        identities=_identities(told, raw.form_id),
        source=_source(told),
    )


def _message(told: Conversation) -> Message:
    kind = MessageKind.CALL if told.channel is AgentChannel.VOICE else MessageKind.MESSAGE
    text = "\n\n".join(each for each in (told.summary, _text_of(told)) if each)
    media = (Media(url=told.recording_url, content_type="audio"),) if told.recording_url else ()
    return Message(
        channel=_CHANNELS[told.channel],
        kind=kind,
        thread=told.id,
        sender=_person(told),
        recipient=told.to or "agent",
        text=text,
        own_words=_own_words(told),
        preference=Preference.OPT_OUT if told.opted_out else None,
        media=media,
        duration=_duration(told.started_at, told.ended_at),
        detail={"outcome": told.outcome} if told.outcome else {},
    )


def _transcript(told: Conversation) -> Message:
    return Message(
        channel=_CHANNELS[told.channel],
        kind=MessageKind.TRANSCRIPT,
        thread=told.id,
        sender=_person(told),
        recipient=told.to or "agent",
        text=_text_of(told),
        own_words=_own_words(told),
    )


def _person(told: Conversation) -> str:
    """An address to answer to; where there is none, the conversation stands in for the person."""
    return (told.caller.phone or told.caller.id or told.caller.email or told.id)[:LONGEST_KEY]


def _text_of(told: Conversation) -> str:
    if told.transcript is None or isinstance(told.transcript, str):
        return told.transcript or ""
    return "\n".join(f"{_SPEAKERS[turn.speaker]}: {turn.text}" for turn in told.transcript)


def _own_words(told: Conversation) -> tuple[str, ...]:
    """What the caller said; nothing where the transcript does not tell who spoke."""
    turns = told.transcript if isinstance(told.transcript, tuple) else ()
    return tuple(turn.text for turn in turns if turn.speaker is Speaker.CALLER)


def _duration(start: datetime | None, end: datetime | None) -> timedelta | None:
    if start is None or end is None or not timedelta(0) <= end - start <= LONGEST_STEP:
        return None
    return end - start


def _answers(told: Conversation) -> tuple[Answer, ...]:
    """What was asked for by name, and the caller's own points where no field of that name says them."""
    asked = [
        Answer(key=name[:LONGEST_KEY], label=name, values=values)
        for name, value in told.fields.items()
        if name and (values := tuple(_texts(value)))
    ]
    own: list[tuple[Question, str]] = [
        (PHONE, told.caller.phone or ""),
        (NAME, told.caller.name or ""),
        (EMAIL, told.caller.email or ""),
        (MESSAGE, told.summary or ""),
    ]
    known = {each.key for each in asked}
    return (*answers_to([pair for pair in own if pair[0].key not in known]), *asked)


def _texts(value: Value | list[Value] | None) -> Iterable[str]:
    for each in value if isinstance(value, list) else [] if value is None else [value]:
        text = ("yes" if each else "no") if isinstance(each, bool) else str(each)
        if text.strip():
            yield text


def _identities(told: Conversation, form_id: str | None) -> tuple[Identity, ...]:
    return (Identity(scope=f"agent:{form_id}"[:LONGEST_KEY], value=told.caller.id),) if told.caller.id else ()


def _source(told: Conversation) -> LeadSource:
    return AI_RECEPTIONIST if told.agent is AgentKind.RECEPTIONIST else _BOTS[told.channel]
