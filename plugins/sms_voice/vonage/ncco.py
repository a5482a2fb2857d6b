"""Answers to calls: what the caller hears, as a list of actions (protocol page section 4)."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from hub.connector.text import storable

GREETING, LANGUAGE, TRANSCRIBES, DIAL_NUMBER = "greeting", "language", "transcribes", "dial_number"
"""Facts of the key on which the answer depends."""
TOPICS = frozenset({"answer", "event", "inbound", "status", "recording", "transcription", "fallback"})
"""What an admin may put behind the address, to tell the webhooks apart in the dashboard."""
SILENCE_ENDS_AFTER = 3
LONGEST_RECORDING = 120
RING_FOR = 20
LONGEST_ADDRESS = 200


def answer_to_call(url: str, body: Mapping[str, Any], facts: Mapping[str, str]) -> bytes:
    """Let the number ring, where there is one, else greet and record. ``url`` is where the question came to."""
    number = facts.get(DIAL_NUMBER)
    own = storable(str(body.get("to", "")))[:LONGEST_ADDRESS]
    actions = [_connect(number, own)] if number else [_greet(facts), _record(url, own, facts)]
    return json.dumps(actions).encode()


def _connect(number: str, own: str) -> dict[str, Any]:
    endpoint = {"type": "phone", "number": number.removeprefix("+")}
    return {"action": "connect", "from": own, "timeout": RING_FOR, "endpoint": [endpoint]}


def _greet(facts: Mapping[str, str]) -> dict[str, Any]:
    return {"action": "talk", "text": facts.get(GREETING, ""), "language": facts.get(LANGUAGE, "en-US")}


def _record(url: str, own: str, facts: Mapping[str, str]) -> dict[str, Any]:
    """The own number travels along: what is told of a recording does not name it."""
    action: dict[str, Any] = {
        "action": "record",
        "eventUrl": [_callback(url, "recording", own)],
        "endOnSilence": SILENCE_ENDS_AFTER,
        "timeOut": LONGEST_RECORDING,
        "beepStart": True,
    }
    if facts.get(TRANSCRIBES) == "yes":
        address = _callback(url, "transcription", own)
        action["transcription"] = {"language": facts.get(LANGUAGE, "en-US"), "eventUrl": [address]}
    return action


def _callback(url: str, topic: str, own: str) -> str:
    parts = urlsplit(url)
    base, _, last = parts.path.rstrip("/").rpartition("/")
    path = base if last in TOPICS else f"{base}/{last}"
    return f"{parts.scheme}://{parts.netloc}{path}/{topic}?{urlencode({'to': own})}"
