"""Connector and its capabilities. A capability is a base class, not a flag: what a connector can do and what
it claims cannot differ."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, SecretStr

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionProfile, ConversionTarget
from hub.connector.errors import ErrorRule
from hub.connector.models import (
    Account,
    Cursor,
    Grant,
    InboundRequest,
    Manifest,
    OAuthProfile,
    Page,
    Pointer,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.oauth import ClientCredentials, Redirect, exchange_code, refresh, revoke
from hub.connector.sending import OutgoingMessage, Sent


class Connector(ABC):
    """Plugin code for one source of leads. Instances hold no state: two of them share nothing."""

    manifest: ClassVar[Manifest]
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ()

    @abstractmethod
    def normalise(self, raw: RawSubmission) -> Submission:
        """Read a raw submission. Pure: no I/O, no clock, the same answer each time.

        Raises ``BadPayloadError`` with the path of what could not be read.
        """

    async def identify(self, access: Access) -> Account:
        """Whom the grant, or the keys among the settings, reach, which parts there are, and which rights are missing
        (in plain words). Default: a source without accounts, such as one that only calls the hub; the app then is
        the account, and the connection bears the app's name.

        Raises ``ReauthorizationNeededError`` where the grant or the keys are refused.
        """
        return Account(id=self.manifest.key, name=self.manifest.name)

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """All forms of the account, with their questions. An account without any returns an empty list."""
        return ()


class Authorizes(ABC):
    """The admin signs in at the platform (OAuth 2.0 authorisation code)."""

    oauth: ClassVar[OAuthProfile]

    def oauth_for(self, settings: BaseModel) -> OAuthProfile:
        """The profile under these settings (default: ``oauth``), for platforms whose sign-in has options."""
        return self.oauth

    def credentials(self, settings: BaseModel) -> ClientCredentials:
        """The client id and secret among the connector's settings (default: fields of these names)."""
        return ClientCredentials.from_settings(settings)

    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        """Turn the code of the redirect into a grant (default: RFC 6749 section 4.1.3)."""
        settings = access.settings_model()
        return await exchange_code(self.oauth_for(settings), self.credentials(settings), code, redirect, access)

    async def renew(self, grant: Grant, access: Access) -> Grant:
        """A fresh grant from an old one (default: RFC 6749 section 6). Without a new refresh token the old
        one stays; the hub sees to that."""
        settings = access.settings_model()
        return await refresh(self.oauth_for(settings), self.credentials(settings), grant, access)

    async def revoke(self, grant: Grant, access: Access) -> None:
        """Tell the platform that the grant is no longer needed (default: RFC 7009 where a URL is known)."""
        settings = access.settings_model()
        await revoke(self.oauth_for(settings), self.credentials(settings), grant, access)


class Polls(ABC):
    """Submissions can be listed at the source."""

    @abstractmethod
    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """All submissions of a form from ``since.mark`` on (inclusive; None: as far back as there are any).

        The hub has taken the overlap off the mark already. Each page's cursor must be safe to store once that
        page is stored; the last page's cursor has ``token=None`` and a mark no later than the newest
        submission read.
        """

    def lists(self, settings: BaseModel) -> bool:
        """Whether there is a list under these settings (default: yes). Where not, the hub does not poll, and says that
        what the webhook misses is lost at the source."""
        return True


class Receives(ABC):
    """The source calls us."""

    @abstractmethod
    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """Verify and unpack one request. Pure. ``secret`` is what the source signs with or sends along.

        Raises ``UnverifiedRequestError``, or ``BadPayloadError`` where a verified body cannot be unpacked at
        all. An element that cannot be read alone becomes a ``RawSubmission`` without ``source_id``.
        """

    def webhook_secrets(self, settings: BaseModel) -> tuple[SecretStr, ...]:
        """The secrets among the connector's settings, newest first; each is tried (rotation)."""
        return tuple(
            value
            for name in ("webhook_secret", "previous_webhook_secret")
            if isinstance(value := getattr(settings, name, None), SecretStr)
        )

    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        """Fetch what a thin delivery pointed at. Only for sources whose ``receive`` returns pointers."""
        raise NotImplementedError("this source delivers whole submissions")


class Subscribes(Receives):
    """The hub can switch the source's deliveries on and off by itself."""

    @abstractmethod
    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Make sure that deliveries for every part of the account arrive at ``callback_url``. Idempotent."""

    @abstractmethod
    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Whether deliveries for every part are switched on; False where only some are."""

    @abstractmethod
    async def unsubscribe(self, access: Access) -> None:
        """Switch deliveries off. Idempotent."""


class Sends(ABC):
    """The hub can write to people through the connection."""

    reply_window: ClassVar[Mapping[Channel, timedelta]] = {}
    """For each channel on which free text is allowed only so long after the person's last message: how long."""

    def channels(self, settings: BaseModel) -> Collection[Channel]:
        """On which channels texts can be sent under these settings (default: all but calls); none: nothing can."""
        return (Channel.SMS, Channel.WHATSAPP, Channel.CHAT)

    @abstractmethod
    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """Hand one message to the platform, in one request.

        Raises ``RateLimitedError`` where the platform said that it did not take it (the hub tries again later),
        ``RecipientRefusedError`` where this person cannot be written to, ``PermanentError`` or
        ``ReauthorizationNeededError`` where nobody can. Any other ``RetryableError`` (time-out, 5xx) means that
        nobody knows whether it was sent: the hub does not try again (at most once).
        """


class ReportsConversions(ABC):
    """The hub tells the platform what became of its leads."""

    conversions: ClassVar[ConversionProfile]

    @abstractmethod
    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        """Where reports of this connection can go to. None at all is an empty list."""

    @abstractmethod
    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        """Report up to ``conversions.batch_size`` events to one target; one outcome for each, by its event id.

        An event that the platform will not take must not keep the others from it; one of which nothing is known, when
        others were taken, may be left out. Raises ``RateLimitedError``,
        ``ReauthorizationNeededError``, ``PermanentError`` (no such target, no right to it) where nothing was taken.
        Any other ``RetryableError`` means that nobody knows: the hub sends the same events, under the same event
        ids, again. A right that only reporting needs is missing with a ``PermanentError``: a
        ``ReauthorizationNeededError`` would stop the leads of the connection too.
        """


@dataclass(frozen=True, slots=True)
class FormPost:
    """One post to a form of the hub's own, read.

    ``entries`` are all names and values as they were typed, for a page that shows them again. ``nonce`` is that of
    a genuine render token.
    """

    raw: RawSubmission
    entries: Mapping[str, Sequence[str]]
    nonce: str | None


class HostsForms(Receives):
    """The hub itself is the source: its own published forms are posted to this connector."""

    manifest: ClassVar[Manifest]

    @abstractmethod
    def read_post(self, request: InboundRequest, secret: SecretStr) -> FormPost:
        """As ``receive``, with what the hub needs to answer a visitor. Raises ``BadPayloadError``."""

    @abstractmethod
    def issue_token(
        self, form_key: str, version: int, *, bits: int, nonce: str, now: datetime, secret: SecretStr
    ) -> str:
        """The signed text to put into a page that is rendered now; ``bits`` is how hard its proof of work is."""

    @abstractmethod
    def renew_token(self, text: str, *, now: datetime, secret: SecretStr, nonce: str | None = None) -> str | None:
        """A token issued now for the page that had ``text``; None where that is forged or too old.

        With a ``nonce`` it is good for another submission from the same page.
        """
