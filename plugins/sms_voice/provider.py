"""The inner interface: what a provider module does for the connector.

A provider lives in a folder of its own (``twilio``, ``whatsapp``, ``vonage``, ``agent``) and is named in
``providers.py``; its settings are a mixin of ``SmsVoiceSettings``. Its simulator stands in ``simulator/<name>.py``,
its fixtures in ``fixtures/<name>/valid`` and ``invalid``, its kit in ``tests/test_conformance_<name>.py``.

A delivery is read without the settings at hand, only with a secret. So the secret that the hub keeps for a delivery is
a ``WebhookKey``: which provider it is of, what that provider signs with, and what the answer depends on.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationError

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.errors import ErrorRule, PermanentError, UnverifiedRequestError
from hub.connector.models import Account, Cursor, InboundRequest, Page, RawSubmission, Received, SourceForm, Submission
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.settings import SmsVoiceSettings

CONNECTOR_KEY = "sms_voice"


class WebhookKey(BaseModel):
    """What deliveries are checked with. ``secret`` is the provider's own, ``facts`` are further words that checking or
    answering needs: the name of a key, an algorithm, what a caller hears."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: ProviderName
    secret: SecretStr
    facts: Mapping[str, str] = Field(default_factory=dict)

    def sealed(self) -> SecretStr:
        """The key as the one text that the hub hands back with a delivery."""
        found = {"provider": self.provider.value, "secret": self.secret.get_secret_value(), "facts": dict(self.facts)}
        return SecretStr(json.dumps(found))

    @classmethod
    def opened(cls, text: SecretStr) -> "WebhookKey":
        """The key in such a text. Raises ``UnverifiedRequestError`` for any other text."""
        try:
            return cls.model_validate_json(text.get_secret_value())
        except ValidationError:
            raise UnverifiedRequestError("There is no key with which a delivery could be checked.") from None


class Provider(ABC):
    """One company, or one agreed format, by which people and the business reach each other. Without state."""

    name: ClassVar[ProviderName]
    hosts: ClassVar[tuple[str, ...]] = ()
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ()
    has_list: ClassVar[bool] = False
    """Whether past conversations can be read again; where not, what the webhook misses is lost there."""
    channels: ClassVar[tuple[Channel, ...]] = ()
    """On which channels a text can be sent."""

    @abstractmethod
    def webhook_keys(self, settings: SmsVoiceSettings) -> Sequence[WebhookKey]:
        """What deliveries may be signed with, newest first."""

    @abstractmethod
    def receive(self, request: InboundRequest, key: WebhookKey) -> Received:
        """As ``Receives.receive``. Bodies of raw submissions are made with ``raw_body``."""

    @abstractmethod
    def read(self, raw: RawSubmission, content: JsonValue) -> Submission:
        """As ``Connector.normalise``; ``content`` is what was given to ``raw_body``."""

    @abstractmethod
    async def identify(self, access: Access) -> Account:
        """The account whose credentials these are."""

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """One form for each own address and channel (``conversation.form_id_of``)."""
        return ()

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """As ``Polls.fetch``, where ``has_list``."""
        raise PermanentError("This provider keeps no list that could be read.", code="no_list")

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """As ``Sends.send``."""
        raise PermanentError("Nothing can be sent by way of this provider.", code="cannot_send")

    def raw_body(self, content: JsonValue) -> JsonValue:
        """The body of a raw submission of this provider."""
        return {"provider": self.name.value, "content": content}
