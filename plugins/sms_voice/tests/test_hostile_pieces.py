"""Every recorded delivery of WhatsApp and Vonage, damaged at one place at a time: read, or named as unreadable."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.testing.cases import Case, read_cases
from hub.testing.json_variants import changed_everywhere, delete, parsed, put
from hub.testing.simulator import Simulator
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.vonage import VonageSimulator
from plugins.sms_voice.simulator.whatsapp import WhatsAppSimulator

FIXTURES = Path(__file__).parent.parent / "fixtures"
STRANGE: list[JsonValue] = [None, True, -1, 2**70, 1e308, "", "\x00", "\ud800", "x" * 5000, [], {}, [None], {"a": {}}]
CASES = [
    pytest.param(simulator, case, id=f"{name}-{case.name}")
    for name, simulator in (("whatsapp", WhatsAppSimulator), ("vonage", VonageSimulator))
    for case in read_cases(FIXTURES / name).valid
    if case.request is not None and case.request.method == "POST"
]


def damaged(body: JsonValue) -> Iterator[JsonValue]:
    """The body with one member gone, or one value of another kind."""
    yield from (each for each, _ in changed_everywhere(body, delete))
    for value in STRANGE:
        yield from (each for each, _ in changed_everywhere(body, put(value)))


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_damaged_delivery_is_read_or_named(kind: type[Simulator], case: Case) -> None:
    """Whatever is missing or of another kind, nothing but the errors of the contract is raised, and an id stays."""
    connector, simulator = SmsVoice(), kind()
    assert case.request is not None
    request = case.request.filled(simulator)
    for body in damaged(parsed(request.body)):
        changed = request.model_copy(update={"body": json.dumps(body).encode()})
        signed = simulator.signed(changed, simulator.webhook_secret)
        try:
            received = connector.receive(signed, simulator.webhook_secret)
        except (BadPayloadError, UnverifiedRequestError):
            continue
        for raw in received.submissions:
            try:
                found = connector.normalise(raw.model_copy(update={"received_at": request.received_at}))
            except BadPayloadError:
                continue
            assert found.source_id == raw.source_id
