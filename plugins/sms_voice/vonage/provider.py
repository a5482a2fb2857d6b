"""Vonage as a provider: each ability lives in the module that knows it."""

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
from plugins.sms_voice.vonage import callbacks, ncco, signatures
from plugins.sms_voice.vonage.account import forms_of_numbers, identify_account
from plugins.sms_voice.vonage.api import API, REST, VonageApi
from plugins.sms_voice.vonage.errors import ERROR_RULES
from plugins.sms_voice.vonage.pieces import read_piece
from plugins.sms_voice.vonage.sending import send_text


class Vonage(Provider):
    """SMS, WhatsApp and calls by Vonage. Its reports hold no texts: what the webhook misses for 24 hours is lost."""

    name: ClassVar[ProviderName] = ProviderName.VONAGE
    hosts: ClassVar[tuple[str, ...]] = (API, REST)
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ERROR_RULES
    channels: ClassVar[tuple[Channel, ...]] = (Channel.SMS, Channel.WHATSAPP)

    def webhook_keys(self, settings: SmsVoiceSettings) -> Sequence[WebhookKey]:
        """The account's signature secret, and the one before it while it is being changed."""
        secrets = (settings.vonage_signature_secret, settings.vonage_previous_signature_secret)
        facts = _facts(settings)
        return tuple(WebhookKey(provider=self.name, secret=each, facts=facts) for each in secrets if each)

    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """A message, a call, a receipt."""
        received = callbacks.receive(request, key)
        wrapped = tuple(each.model_copy(update={"body": self.raw_body(each.body)}) for each in received.submissions)
        return received.model_copy(update={"submissions": wrapped})

    def read(self, raw: RawSubmission, content: JsonValue) -> Submission:
        """A message, a call, a recording, a transcription."""
        return read_piece(raw, content)

    async def identify(self, access: Access) -> Account:
        """The account whose key and secret were entered."""
        return await identify_account(VonageApi(access))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """One form for each number and channel."""
        return await forms_of_numbers(VonageApi(access))

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """A text by SMS or WhatsApp."""
        return await send_text(VonageApi(access), message)


def _facts(settings: SmsVoiceSettings) -> dict[str, str]:
    """What checking and answering depend on."""
    return {
        signatures.API_KEY: settings.vonage_api_key or "",
        signatures.METHOD: settings.vonage_signature_method.value,
        ncco.GREETING: settings.vonage_greeting,
        ncco.LANGUAGE: settings.vonage_language,
        ncco.TRANSCRIBES: "yes" if settings.vonage_transcribes else "no",
        **({signatures.APPLICATION_ID: settings.vonage_application_id} if settings.vonage_application_id else {}),
        **({ncco.DIAL_NUMBER: settings.vonage_dial_number} if settings.vonage_dial_number else {}),
    }
