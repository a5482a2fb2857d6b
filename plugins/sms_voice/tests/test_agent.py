"""The format for voice agents: its schema, its example, and the signatures of the reference library."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook

from hub.connector.conversations import Channel, MessageKind
from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest
from hub.testing.clock import VirtualClock
from plugins.sms_voice.agent.payloads import AgentDelivery
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator.agent import AgentSimulator

FOLDER = Path(__file__).parent.parent
SCHEMA = FOLDER / "agent" / "delivery.schema.json"


def delivery(body: bytes, signer: Webhook, simulator: AgentSimulator) -> InboundRequest:
    """A delivery signed by the reference library."""
    now = simulator.clock.now()
    return simulator.inbound(body).model_copy(
        update={
            "headers": {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signer.sign("msg_1", now, body.decode()),
            }
        }
    )


def ended(**words: Any) -> dict[str, Any]:
    """A conversation in the format."""
    return {"type": "conversation.ended", "data": {"id": "call_1", "ended_at": "2026-01-01T00:00:00Z", **words}}


def test_schema_file_is_that_of_the_models() -> None:
    """The schema that senders are given is what the connector reads."""
    assert json.loads(SCHEMA.read_text()) == AgentDelivery.model_json_schema()


def test_example_of_the_readme_is_read() -> None:
    """The example in the README is a delivery, with every answer and the transcript."""
    found = re.search(r"```json\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    assert found is not None
    simulator = AgentSimulator(VirtualClock())
    request = delivery(found[1].encode(), Webhook(simulator.secret.get_secret_value()), simulator)
    raw = SmsVoice().receive(request, simulator.webhook_secret).submissions[0]
    submission = SmsVoice().normalise(raw)
    assert submission.source_id == "call_8c1f"
    assert {each.key for each in submission.answers} == {"phone", "name", "email", "message", "service", "days"}
    assert submission.message is not None
    assert "Caller: I need a new roof." in submission.message.text


def test_reference_library_signs_what_is_taken() -> None:
    """What the reference library signs with either secret is taken, and what another secret signed is not."""
    simulator = AgentSimulator(VirtualClock())
    body = json.dumps(ended()).encode()
    keys = SmsVoice().webhook_secrets(simulator.settings())
    for secret, key in zip((simulator.secret, simulator.previous_secret), keys, strict=True):
        request = delivery(body, Webhook(secret.get_secret_value()), simulator)
        assert len(SmsVoice().receive(request, key).submissions) == 1
    stranger = delivery(body, Webhook("whsec_" + "A" * 32), simulator)
    with pytest.raises(UnverifiedRequestError):
        SmsVoice().receive(stranger, keys[0])


@pytest.mark.parametrize(
    ("words", "source", "channel", "kind"),
    [
        ({}, "ai_receptionist", Channel.VOICE, MessageKind.CALL),
        ({"agent": "receptionist", "channel": "web"}, "ai_receptionist", Channel.CHAT, MessageKind.MESSAGE),
        ({"agent": "chat_bot", "channel": "sms"}, "chat_bot_sms", Channel.SMS, MessageKind.MESSAGE),
        ({"agent": "chat_bot", "channel": "voice"}, "chat_bot_voice", Channel.VOICE, MessageKind.CALL),
        ({"agent": "chat_bot", "channel": "web"}, "chat_bot_web", Channel.CHAT, MessageKind.MESSAGE),
        ({"agent": "chat_bot", "channel": "whatsapp"}, "whatsapp", Channel.WHATSAPP, MessageKind.MESSAGE),
    ],
    ids=["receptionist", "receptionist-on-the-web", "bot-sms", "bot-voice", "bot-web", "bot-whatsapp"],
)
def test_agent_and_channel_choose_the_lead_source(
    words: dict[str, str], source: str, channel: Channel, kind: MessageKind
) -> None:
    """Every way of contact of an agent has its lead source, channel and kind of piece."""
    simulator = AgentSimulator(VirtualClock())
    request = simulator.posted("conversation.ended", ended(**words)["data"])
    found = SmsVoice().normalise(SmsVoice().receive(request, simulator.webhook_secret).submissions[0])
    assert found.source is not None
    assert found.message is not None
    assert (found.source.code, found.message.channel, found.message.kind) == (source, channel, kind)


def test_transcript_joins_the_thread_of_its_conversation() -> None:
    """The conversation and its later transcript have one thread and two ids."""
    simulator, read = AgentSimulator(VirtualClock()), []
    for kind in ("conversation.ended", "conversation.transcript_added"):
        request = simulator.posted(kind, {"id": "call_1", "transcript": "Caller: hello"})
        raw = SmsVoice().receive(request, simulator.webhook_secret).submissions[0]
        read.append(SmsVoice().normalise(raw.model_copy(update={"received_at": simulator.clock.now()})))
    assert len({each.source_id for each in read}) == 2
    assert {each.message.thread for each in read if each.message} == {"call_1"}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_????", "short"], ids=["none", "no-key", "no-base64", "short"])
def test_secret_that_signs_nothing_is_refused(secret: str) -> None:
    """A secret that is no key is refused when it is entered, at its field."""
    with pytest.raises(ValidationError) as refused:
        SmsVoiceSettings(provider="agent", agent_webhook_secret=SecretStr(secret))  # type: ignore[arg-type]
    assert [each["loc"] for each in refused.value.errors()] == [("agent_webhook_secret",)]
