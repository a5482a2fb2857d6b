"""AgentSimulator: a voice agent that posts each conversation, signed after Standard Webhooks."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from hub.connector import standard_webhooks
from hub.connector.clock import Clock
from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.simulator.base import SmsVoiceSimulator, wire_secret


class AgentSimulator(SmsVoiceSimulator):
    """An agent that is asked nothing and posts whole conversations. Answers are its ``fields``."""

    origins = ()
    signature_headers = (standard_webhooks.ID, standard_webhooks.TIMESTAMP, standard_webhooks.SIGNATURE)
    signs_time = True
    has_test_leads = True
    lists_forms = False
    callback_path = "/in/sms_voice/kit"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.secret = SecretStr("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        self.previous_secret = SecretStr("whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")
        self.seal()

    def settings(self) -> SmsVoiceSettings:
        """The secrets as an admin would enter them."""
        return SmsVoiceSettings(
            provider=ProviderName.AGENT,
            agent_webhook_secret=self.secret,
            agent_previous_webhook_secret=self.previous_secret,
        )

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One request for each conversation."""
        return [self.posted("conversation.ended", self.told(self.submissions[each])) for each in source_ids]

    def told(self, conversation: StoredSubmission) -> dict[str, Any]:
        """A conversation in the documented format; ``facts`` become members of it."""
        fields = {key: values[0] if len(values) == 1 else list(values) for key, values in conversation.answers.items()}
        return {
            "id": conversation.source_id,
            "form": conversation.form_id,
            "agent": "receptionist",
            "channel": "voice",
            "caller": {"phone": conversation.facts.get("phone", "+14155550123")},
            "started_at": conversation.submitted_at.isoformat(),
            "ended_at": conversation.submitted_at.isoformat(),
            "summary": "Wants to be called back.",
            "transcript": [{"speaker": "caller", "text": "Please call me back."}],
            "fields": fields,
            "is_test": conversation.is_test,
        }

    def posted(self, kind: str, conversation: dict[str, Any]) -> InboundRequest:
        """A signed event."""
        body = {"type": kind, "timestamp": self.clock.now().isoformat(), "data": conversation}
        return self.signed(self.inbound(json.dumps(body).encode()), self.webhook_secret)

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With the three headers; a text that is no key signs with its own bytes."""
        message_id = request.headers.get(standard_webhooks.ID, f"msg_{self.next_id()}")
        key = wire_secret(secret)
        if not key.startswith(standard_webhooks.SECRET_PREFIX):
            key = standard_webhooks.SECRET_PREFIX + base64.b64encode(key.encode()).decode()
        headers = standard_webhooks.sign(message_id, request.body, [SecretStr(key)], request.received_at)
        return request.model_copy(update={"headers": {**request.headers, **headers}})

    def unknown_event(self) -> InboundRequest:
        """An event that is no conversation."""
        return self.posted("agent.updated", {"id": "agent_1"})
