"""A voice agent or chat bot as a provider: deliveries signed after Standard Webhooks, and nothing to call."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import JsonValue, ValidationError

from hub.connector import standard_webhooks
from hub.connector.access import Access
from hub.connector.errors import BadPayloadError
from hub.connector.models import Account, InboundRequest, RawSubmission, Received, Submission
from hub.connector.text import storable
from plugins.sms_voice.agent.conversations import submission_of
from plugins.sms_voice.agent.payloads import CONVERSATION_ENDED, TRANSCRIPT_ADDED, AgentDelivery
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.provider import CONNECTOR_KEY, Provider, WebhookKey
from plugins.sms_voice.settings import SmsVoiceSettings

KNOWN = (CONVERSATION_ENDED, TRANSCRIPT_ADDED)
DEEPEST = 16
LONGEST_ID = 180


class Agent(Provider):
    """Any agent that posts the documented format."""

    name: ClassVar[ProviderName] = ProviderName.AGENT

    def webhook_keys(self, settings: SmsVoiceSettings) -> Sequence[WebhookKey]:
        """The secret, and the one before it while it is being changed."""
        secrets = (settings.agent_webhook_secret, settings.agent_previous_webhook_secret)
        return [WebhookKey(provider=self.name, secret=each) for each in secrets if each is not None]

    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """One conversation. Raises ``BadPayloadError`` where a signed body is no JSON object."""
        standard_webhooks.verify(request.headers, request.body, [key.secret], request.received_at)
        body = _parsed(request.body)
        if body.get("type") not in KNOWN:
            return Received(ignored=1)
        raw = RawSubmission(source_id=_source_id(body), form_id=_form_id(body), body=self.raw_body(body))
        return Received(submissions=(raw,))

    def read(self, raw: RawSubmission, content: JsonValue) -> Submission:
        """The conversation as a submission."""
        try:
            delivery = AgentDelivery.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            path = ".".join(str(step) for step in ("content", *first["loc"]))
            raise BadPayloadError(f"{path} cannot be read: {first['msg']}.", path=path) from None
        return submission_of(raw, delivery)

    async def identify(self, access: Access) -> Account:
        """There is no account to ask: the app is the account, and the agent is what the admin called it."""
        return Account(id=CONNECTOR_KEY, name=access.settings(SmsVoiceSettings).agent_name)


def _parsed(body: bytes) -> dict[str, JsonValue]:
    try:
        found = _storable(json.loads(body, parse_constant=_refuse_constant), DEEPEST)
    except (ValueError, RecursionError):
        raise BadPayloadError("The body is no JSON that can be kept.", path="") from None
    if not isinstance(found, dict):
        raise BadPayloadError("The body is no JSON object.", path="")
    return found


def _storable(value: Any, levels: int) -> JsonValue:
    if levels == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {storable(name): _storable(each, levels - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_storable(each, levels - 1) for each in value]
    found: JsonValue = storable(value) if isinstance(value, str) else value
    return found


def _refuse_constant(name: str) -> None:
    """``NaN`` and the like are no JSON (RFC 8259 section 6)."""
    raise ValueError(name)


def _member(body: Mapping[str, Any], name: str) -> str | None:
    data = body.get("data")
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_ID else None


def _source_id(body: Mapping[str, Any]) -> str | None:
    """The id of the conversation; its transcript, told apart, has one of its own."""
    found = _member(body, "id")
    return f"{found}.transcript" if found and body["type"] == TRANSCRIPT_ADDED else found


def _form_id(body: Mapping[str, Any]) -> str:
    """Which agent it was; where several are not told apart, on which channel it spoke."""
    return _member(body, "form") or f"agent:{_member(body, 'channel') or 'voice'}"[:LONGEST_ID]
