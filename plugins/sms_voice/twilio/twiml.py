"""Answers to Twilio: documents of TwiML, always whole (protocol page sections 3.1 and 5.3).

A plain text would be sent to the person as a message, and an empty answer to a call is an error.
"""

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from hub.connector.models import Reply

GREETING, LANGUAGE, TRANSCRIBES, DIAL_NUMBER = "greeting", "language", "transcribes", "dial_number"
"""Facts of a ``WebhookKey`` on which the answer to a call depends."""
LONGEST_RECORDING = 120
"""Seconds; the longest that is transcribed."""
RING_FOR = 20
"""Seconds that the dialled number rings before the caller is asked to leave a message."""

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
SILENCE = f"{_HEAD}<Response/>"
HANG_UP = f"{_HEAD}<Response><Hangup/></Response>"


def xml_reply(document: str) -> Reply:
    """A document as the answer to a request."""
    return Reply(body=document.encode(), content_type="text/xml")


def answer_to_call(facts: Mapping[str, str], callbacks: Mapping[str, str]) -> str:
    """Let the dialled number ring, where there is one, else greet and record."""
    number = facts.get(DIAL_NUMBER)
    if number is None:
        return answer_to_unanswered_dial(facts, callbacks)
    dial = f'<Dial action={quoteattr(callbacks["dialled"])} method="POST" timeout="{RING_FOR}">{escape(number)}</Dial>'
    return f"{_HEAD}<Response>{dial}</Response>"


def answer_to_unanswered_dial(facts: Mapping[str, str], callbacks: Mapping[str, str]) -> str:
    """Greet and record. ``action`` is needed: without it Twilio asks for the same document again, without end."""
    say = f"<Say language={quoteattr(facts.get(LANGUAGE, 'en-US'))}>{escape(facts.get(GREETING, ''))}</Say>"
    words = {
        "action": callbacks["recorded"],
        "method": "POST",
        "maxLength": str(LONGEST_RECORDING),
        "playBeep": "true",
        "recordingStatusCallback": callbacks["recording"],
        "recordingStatusCallbackMethod": "POST",
    }
    if facts.get(TRANSCRIBES) == "yes":
        words |= {"transcribe": "true", "transcribeCallback": callbacks["transcription"]}
    record = f"<Record {' '.join(f'{name}={quoteattr(value)}' for name, value in words.items())}/>"
    return f"{_HEAD}<Response>{say}{record}<Hangup/></Response>"
