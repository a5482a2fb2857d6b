"""The connector: every method is one line into the module that does it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Polls, Subscribes
from hub.connector.errors import ErrorRule, PartAccessLostError, PermanentError, ReauthorizationNeededError
from hub.connector.models import (
    AccessItem,
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
from hub.connector.oauth import Redirect
from pydantic import BaseModel, SecretStr

from linkedin_lead_sync import accounts, forms, leads, sign_in, subscriptions, webhooks
from linkedin_lead_sync.api import API
from linkedin_lead_sync.settings import Settings


class LinkedInLeadSync(Connector, Authorizes, Polls, Subscribes):
    """Leads of LinkedIn lead gen forms, of every ad account that a member can reach."""

    manifest: ClassVar[Manifest] = Manifest(
        key="linkedin_lead_sync",
        name="LinkedIn Lead Sync",
        contract=1,
        source_code="linkedin",
        settings=Settings,
        access_review=(
            AccessItem(label="See your ad accounts", scopes=("r_ads",)),
            AccessItem(label="Read your lead gen forms and their leads", scopes=("r_marketing_leadgen_automation",)),
        ),
        retention=timedelta(days=90),
        hosts=(API, sign_in.LOGIN),
    )
    oauth: ClassVar[OAuthProfile] = sign_in.PROFILE
    error_rules: ClassVar[tuple[ErrorRule, ...]] = (
        ErrorRule(
            name="version_gone",
            raises=PermanentError,
            user_message="LinkedIn no longer supports this version of its API. Enter a newer one in the settings.",
            status=(426,),
            code="version_gone",
            trace=("code",),
        ),
        ErrorRule(
            name="token_dead",
            raises=ReauthorizationNeededError,
            user_message="LinkedIn no longer accepts the sign-in: it ended or was withdrawn. Sign in again.",
            status=(401,),
            where={"serviceErrorCode": (65600, 65601, 65602)},
            code="unauthorized",
            trace=("serviceErrorCode",),
        ),
    )

    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        """The grant for a code."""
        form = {"grant_type": "authorization_code", "code": code.get_secret_value()}
        return await sign_in.token(access, {**form, "redirect_uri": redirect.redirect_uri, **self._client(access)})

    async def renew(self, grant: Grant, access: Access) -> Grant:
        """A fresh access token; the hub calls this only where there is a refresh token."""
        refresh = grant.refresh_token.get_secret_value() if grant.refresh_token else ""
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        return await sign_in.token(access, {**form, **self._client(access)})

    async def identify(self, access: Access) -> Account:
        """The member, with the ad accounts as parts."""
        return await accounts.account_of(access)

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """The forms of every ad account that can be reached."""
        found: list[SourceForm] = []
        for account_id in accounts.account_ids(await accounts.roles_of(access)):
            try:
                found += await forms.forms_of(access, account_id)
            except PartAccessLostError as error:
                access.skip_part(error)
        return found

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """The leads of a form."""
        return leads.pages_of(access, form, since)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """LinkedIn's challenge, or a notification."""
        return (
            webhooks.challenge(request, secret) if request.method == "GET" else webhooks.notification(request, secret)
        )

    def webhook_secrets(self, settings: BaseModel) -> tuple[SecretStr, ...]:
        """The client secret signs deliveries."""
        known = settings if isinstance(settings, Settings) else None
        secrets = (known.client_secret, known.previous_client_secret) if known else ()
        return tuple(each for each in secrets if each is not None)

    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        """The lead that a notification told of."""
        return await leads.lead_at(access, pointer)

    def normalise(self, raw: RawSubmission) -> Submission:
        """A lead in the hub's words."""
        return leads.submission(raw)

    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Have every ad account notify this address."""
        await subscriptions.subscribe(access, callback_url)

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Whether each does."""
        return await subscriptions.is_subscribed(access, callback_url)

    async def unsubscribe(self, access: Access) -> None:
        """No more notifications."""
        await subscriptions.unsubscribe(access)

    def _client(self, access: Access) -> dict[str, str]:
        settings = access.settings(Settings)
        return {"client_id": settings.client_id, "client_secret": settings.client_secret.get_secret_value()}
