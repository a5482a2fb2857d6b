"""The Cloud API as a provider: each ability lives in the module that knows it."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.errors import ErrorRule
from hub.connector.models import Account, InboundRequest, RawSubmission, Received, SourceForm, Submission
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.provider import Provider, WebhookKey
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.whatsapp import webhooks
from plugins.sms_voice.whatsapp.account import forms_of_numbers, identify_account
from plugins.sms_voice.whatsapp.contents import GRAPH
from plugins.sms_voice.whatsapp.errors import ERROR_RULES
from plugins.sms_voice.whatsapp.graph import Graph
from plugins.sms_voice.whatsapp.pieces import read_piece
from plugins.sms_voice.whatsapp.sending import send_text


class WhatsApp(Provider):
    """WhatsApp by Meta's Cloud API. There is no list: what the webhook misses is lost after seven days."""

    name: ClassVar[ProviderName] = ProviderName.WHATSAPP
    hosts: ClassVar[tuple[str, ...]] = (GRAPH,)
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ERROR_RULES
    channels: ClassVar[tuple[Channel, ...]] = (Channel.WHATSAPP,)

    def webhook_keys(self, settings: SmsVoiceSettings) -> Sequence[WebhookKey]:
        """The app's secret, and the one before it while it is being changed."""
        token = settings.whatsapp_verify_token
        facts = {webhooks.VERIFY_TOKEN: token.get_secret_value()} if token else {}
        secrets = (settings.whatsapp_app_secret, settings.whatsapp_previous_app_secret)
        return tuple(WebhookKey(provider=self.name, secret=each, facts=facts) for each in secrets if each)

    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """A handshake or a signed batch."""
        received = webhooks.receive(request, key)
        wrapped = tuple(each.model_copy(update={"body": self.raw_body(each.body)}) for each in received.submissions)
        return received.model_copy(update={"submissions": wrapped})

    def read(self, raw: RawSubmission, content: JsonValue) -> Submission:
        """A message, an edit, a revocation, a preference."""
        return read_piece(raw, content)

    async def identify(self, access: Access) -> Account:
        """The WhatsApp Business Account and its numbers."""
        return await identify_account(Graph(access))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """One form for each number."""
        return await forms_of_numbers(Graph(access))

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """A text from one of the numbers."""
        return await send_text(Graph(access), message)
