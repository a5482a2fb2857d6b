"""What Twilio posts: answers to calls, whatever order and whatever fields, and never a plain text."""

from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connector.conversations import MessageKind
from hub.connector.errors import BadPayloadError
from hub.connector.models import Received
from hub.testing.clock import VirtualClock
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator.twilio import TwilioSimulator
from plugins.sms_voice.twilio.callbacks import own_address

OWN, ADA = "+15005550001", "+15005550006"
CALL = {"CallSid": "CA1", "AccountSid": "AC1", "From": ADA, "To": OWN, "Direction": "inbound", "CallStatus": "ringing"}


def simulator(**settings: Any) -> TwilioSimulator:
    """A Twilio whose hub has these settings."""
    found = TwilioSimulator(VirtualClock())
    changed = SmsVoiceSettings.model_validate({**dict(found.settings()), **settings})
    found.webhook_secret = SmsVoice().webhook_secrets(changed)[0]
    return found


def answered(source: TwilioSimulator, fields: dict[str, str], **where: str) -> ElementTree.Element:
    """The document that answers these fields."""
    reply = SmsVoice().receive(source.posted(fields, **where), source.webhook_secret).reply
    assert reply is not None
    assert reply.content_type == "text/xml"
    return ElementTree.fromstring(reply.body.decode())


def read(source: TwilioSimulator, fields: dict[str, str], **where: str) -> Received:
    """What these fields hold."""
    return SmsVoice().receive(source.posted(fields, **where), source.webhook_secret)


def test_call_is_greeted_and_recorded() -> None:
    """The greeting is said in its language, and everything that follows comes back to addresses below our own."""
    source = simulator(twilio_greeting='Müller & Söhne, "hallo" <hier>', twilio_greeting_language="de-DE")
    document = answered(source, CALL)
    say, record = document.find("Say"), document.find("Record")
    assert say is not None
    assert record is not None
    assert (say.text, say.get("language")) == ('Müller & Söhne, "hallo" <hier>', "de-DE")
    assert record.get("action") == f"{source.callback_url}/recorded"
    assert record.get("recordingStatusCallback") == (
        f"{source.callback_url}/recording?From=%2B15005550006&To=%2B15005550001"
    )
    assert record.get("transcribeCallback") == f"{source.callback_url}/transcription"


def test_transcription_can_be_switched_off() -> None:
    """Without transcription Twilio is not asked for one."""
    record = answered(simulator(twilio_transcribes=False), CALL).find("Record")
    assert record is not None
    assert record.get("transcribe") is None


def test_number_rings_before_the_greeting() -> None:
    """With a number to dial that rings first; when nobody answers, the caller is greeted, else hung up on."""
    source = simulator(twilio_call_answer="dial", twilio_dial_number="+15005550009")
    dial = answered(source, CALL).find("Dial")
    assert dial is not None
    assert (dial.text, dial.get("action")) == ("+15005550009", f"{source.callback_url}/dialled")
    ended = {**CALL, "CallStatus": "in-progress", "DialCallStatus": "no-answer"}
    assert answered(source, ended, topic="dialled").find("Record") is not None
    assert answered(source, {**ended, "DialCallStatus": "completed"}, topic="dialled").find("Record") is None


def test_number_to_dial_is_needed_for_dialling() -> None:
    """The setting is refused at its field when there is nothing to dial."""
    with pytest.raises(ValidationError) as refused:
        simulator(twilio_call_answer="dial")
    assert [each["loc"] for each in refused.value.errors()] == [("twilio_dial_number",)]


def test_callbacks_below_a_topic_stand_beside_it() -> None:
    """An answer to a request at a topic names addresses below the hub's own, not below the topic."""
    source = simulator()
    ended = {**CALL, "CallStatus": "in-progress", "DialCallStatus": "busy"}
    record = answered(source, ended, topic="dialled").find("Record")
    assert record is not None
    assert record.get("action") == f"{source.callback_url}/recorded"
    assert (
        own_address("https://h.example/hooks/sms_voice/KEY/recording?From=1") == "https://h.example/hooks/sms_voice/KEY"
    )


def test_call_is_one_receipt_at_its_end() -> None:
    """Ringing, answered and in progress are counted only; the final status is the call, once whatever comes twice."""
    source, found = simulator(), []
    for status, more in (
        ("ringing", {}),
        ("ringing", {"CallbackSource": "call-progress-events"}),
        ("in-progress", {"CallbackSource": "call-progress-events"}),
        ("completed", {"CallbackSource": "call-progress-events", "CallDuration": "9"}),
        ("completed", {"CallbackSource": "call-progress-events", "CallDuration": "9"}),
    ):
        found += read(source, {**CALL, "CallStatus": status, **more}).submissions
    assert [each.source_id for each in found] == ["CA1", "CA1"]


def test_get_is_read_like_a_post() -> None:
    """Where the address is called by GET, the query holds the fields."""
    source = simulator()
    query = "MessageSid=SM1&From=%2B15005550006&To=%2B15005550001&Body=Hi+there&NumMedia=0"
    request = source.inbound(b"", query=query, method="GET")
    received = SmsVoice().receive(source.signed(request, source.webhook_secret), source.webhook_secret)
    found = SmsVoice().normalise(received.submissions[0].model_copy(update={"received_at": source.clock.now()}))
    assert found.message is not None
    assert (found.source_id, found.message.text) == ("SM1", "Hi there")


def test_old_fields_name_the_message_too() -> None:
    """A message that has only the old field for its id has that id."""
    assert read(simulator(), {"SmsSid": "SM2", "From": ADA, "To": OWN}).submissions[0].source_id == "SM2"


def test_id_beyond_reason_goes_to_the_quarantine() -> None:
    """An id that is too long to be one is left out, the piece is kept."""
    (raw,) = read(simulator(), {"MessageSid": "S" * 300, "From": ADA, "To": OWN, "Body": "Hi"}).submissions
    assert raw.source_id is None


def test_recording_of_our_own_flow_knows_who_called() -> None:
    """The addresses that the callback's own URL carries stand on the recording, so that it can begin a lead."""
    source = simulator()
    fields = {"RecordingSid": "RE1", "RecordingStatus": "completed", "CallSid": "CA1", "AccountSid": "AC1"}
    query = "From=%2B15005550006&To=%2B15005550001"
    (raw,) = read(source, fields, topic="recording", query=query).submissions
    found = SmsVoice().normalise(raw.model_copy(update={"received_at": source.clock.now()}))
    assert found.form_id == f"voice:{OWN}"
    assert {each.key: each.values for each in found.answers} == {"phone": (ADA,)}
    assert found.message is not None
    assert (found.message.kind, found.message.thread) == (MessageKind.RECORDING, "CA1")


_NAMES = (
    *("MessageSid", "SmsSid", "CallSid", "RecordingSid", "RecordingStatus", "TranscriptionSid", "TranscriptionStatus"),
    *("CallStatus", "DialCallStatus", "MessageStatus", "SmsStatus", "From", "To", "Body", "NumMedia", "MediaUrl0"),
    *("OptOutType", "Direction", "CallDuration", "RecordingDuration", "Timestamp", "Latitude", "AccountSid", "Extra"),
)
_WORDS = ("", "completed", "ringing", "received", "delivered", "STOP", "inbound", "whatsapp:", "+1", "9" * 400)
_VALUES = st.one_of(st.sampled_from(_WORDS), st.text(max_size=20))


@given(fields=st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=12))
def test_any_fields_are_read_or_named(fields: dict[str, str]) -> None:
    """Whatever fields a signed delivery has, it is read, counted or named, and never answered in plain text."""
    source = _SOURCE
    received = read(source, {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()})
    assert received.reply is None or received.reply.content_type == "text/xml"
    assert len(received.submissions) + len(received.reports) + received.ignored == 1
    for raw in received.submissions:
        with suppress(BadPayloadError):
            found = SmsVoice().normalise(raw.model_copy(update={"received_at": source.clock.now()}))
            assert found.source_id == raw.source_id


_SOURCE = simulator()
