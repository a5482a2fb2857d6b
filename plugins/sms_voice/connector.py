"""SMS, WhatsApp and calls as a connector; what is said here is the same for every provider."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar

from pydantic import BaseModel, SecretStr

from hub.connector.access import Access
from hub.connector.base import Connector, Polls, Receives, Sends
from hub.connector.conversations import Channel
from hub.connector.errors import BadPayloadError, ErrorRule, UnverifiedRequestError
from hub.connector.models import (
    Account,
    Cursor,
    IdScope,
    InboundRequest,
    Manifest,
    Page,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.provider import CONNECTOR_KEY, Provider, WebhookKey
from plugins.sms_voice.providers import PROVIDERS
from plugins.sms_voice.settings import SmsVoiceSettings


class SmsVoice(Connector, Polls, Receives, Sends):
    """Messages and calls of people, by the provider that the app's settings name."""

    manifest: ClassVar[Manifest] = Manifest(
        key=CONNECTOR_KEY,
        name="SMS, WhatsApp and calls",
        contract=1,
        source_code="sms_voice",
        settings=SmsVoiceSettings,
        id_scope=IdScope.ACCOUNT,
        retention=timedelta(days=400),
        poll_every=timedelta(minutes=15),
        overlap=timedelta(hours=6),
        largest_delivery=4 * 1024 * 1024,
        hosts=tuple(host for provider in PROVIDERS.values() for host in provider.hosts),
    )
    error_rules: ClassVar[tuple[ErrorRule, ...]] = tuple(
        rule for provider in PROVIDERS.values() for rule in provider.error_rules
    )

    reply_window: ClassVar[Mapping[Channel, timedelta]] = MappingProxyType({Channel.WHATSAPP: timedelta(hours=24)})

    def webhook_secrets(self, settings: BaseModel) -> tuple[SecretStr, ...]:
        """Each key of the chosen provider, with what checking and answering need."""
        if not isinstance(settings, SmsVoiceSettings):
            return ()
        return tuple(key.sealed() for key in PROVIDERS[settings.provider].webhook_keys(settings))

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """A message, a call, a report, as the provider of the secret tells it."""
        key = WebhookKey.opened(secret)
        if not key.secret.get_secret_value():
            raise UnverifiedRequestError("An empty key fits nothing.")
        return PROVIDERS[key.provider].receive(request, key)

    def normalise(self, raw: RawSubmission) -> Submission:
        """A piece of a conversation in the hub's words."""
        body = raw.body
        if not isinstance(body, dict) or "content" not in body:
            raise BadPayloadError("This is nothing that a provider told.", path="content")
        provider = next((each for each in PROVIDERS.values() if each.name.value == body.get("provider")), None)
        if provider is None:
            raise BadPayloadError("No provider of this name is known.", path="provider")
        return provider.read(raw, body["content"])

    def lists(self, settings: BaseModel) -> bool:
        """Whether the chosen provider can be asked for what its webhook missed."""
        return isinstance(settings, SmsVoiceSettings) and PROVIDERS[settings.provider].has_list

    async def identify(self, access: Access) -> Account:
        """The account whose credentials were entered."""
        return await _provider(access).identify(access)

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """One form for each own address and channel."""
        return await _provider(access).list_forms(access)

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """What came to one address, where the provider keeps a list."""
        return _provider(access).fetch(access, form, since)

    def channels(self, settings: BaseModel) -> Collection[Channel]:
        """Those on which the chosen provider sends texts."""
        return PROVIDERS[settings.provider].channels if isinstance(settings, SmsVoiceSettings) else ()

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """Hand a text to the provider."""
        return await _provider(access).send(access, message)


def _provider(access: Access) -> Provider:
    return PROVIDERS[access.settings(SmsVoiceSettings).provider]
