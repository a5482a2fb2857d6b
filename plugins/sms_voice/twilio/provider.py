"""Twilio as a provider; each ability lives in the module that knows it."""

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.errors import ErrorRule
from hub.connector.models import Account, Cursor, InboundRequest, Page, RawSubmission, Received, SourceForm, Submission
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.provider import Provider, WebhookKey
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.twilio import twiml
from plugins.sms_voice.twilio.api import HOST, TwilioApi
from plugins.sms_voice.twilio.callbacks import Callbacks
from plugins.sms_voice.twilio.errors import ERROR_RULES
from plugins.sms_voice.twilio.listing import pieces_since
from plugins.sms_voice.twilio.numbers import account_of, forms_of
from plugins.sms_voice.twilio.pieces import piece_of
from plugins.sms_voice.twilio.sending import send_text
from plugins.sms_voice.twilio.settings import CallAnswer, shared_keys
from plugins.sms_voice.twilio.signatures import SHARED_KEY


class Twilio(Provider):
    """Messages, calls, recordings and transcriptions of one Twilio account or subaccount."""

    name: ClassVar[ProviderName] = ProviderName.TWILIO
    hosts: ClassVar[tuple[str, ...]] = (HOST,)
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ERROR_RULES
    has_list: ClassVar[bool] = True
    channels: ClassVar[tuple[Channel, ...]] = (Channel.SMS, Channel.WHATSAPP)

    def webhook_keys(self, settings: SmsVoiceSettings) -> Sequence[WebhookKey]:
        """Both Auth Tokens unless they are switched off, and every SharedKey under its name."""
        facts = {
            twiml.GREETING: settings.twilio_greeting,
            twiml.LANGUAGE: settings.twilio_greeting_language,
            twiml.TRANSCRIBES: "yes" if settings.twilio_transcribes else "no",
        }
        if settings.twilio_call_answer is CallAnswer.DIAL and settings.twilio_dial_number is not None:
            facts[twiml.DIAL_NUMBER] = settings.twilio_dial_number
        tokens = (settings.twilio_auth_token, settings.twilio_previous_auth_token)
        allowed = [each for each in tokens if each is not None] if settings.twilio_takes_auth_token else []
        return [
            *(WebhookKey(provider=self.name, secret=token, facts=facts) for token in allowed),
            *(
                WebhookKey(provider=self.name, secret=secret, facts={**facts, SHARED_KEY: name})
                for name, secret in shared_keys(settings.twilio_shared_keys).items()
            ),
        ]

    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """A message, a call, what followed in a call, or how far a message of ours got."""
        return Callbacks(self).receive(request, key)

    def read(self, raw: RawSubmission, content: JsonValue) -> Submission:
        """A piece of a conversation."""
        return piece_of(raw, content)

    async def identify(self, access: Access) -> Account:
        """The account of the SID."""
        return await account_of(TwilioApi(access))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """One form for each number and channel."""
        return await forms_of(TwilioApi(access))

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """Messages or calls to one number."""
        return pieces_since(self, TwilioApi(access), form, since)

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """An SMS or a WhatsApp message."""
        return await send_text(TwilioApi(access), message)
