"""Meta Lead Ads as a connector: what it is and can do; each ability lives in the module that knows it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import BaseModel, SecretStr

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Polls, ReportsConversions, Subscribes
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionProfile, ConversionTarget
from hub.connector.errors import ErrorRule, PermanentError
from hub.connector.models import (
    AccessItem,
    Account,
    Cursor,
    Grant,
    IdScope,
    InboundRequest,
    Manifest,
    OAuthProfile,
    Page,
    Pointer,
    RawSubmission,
    Received,
    Renewal,
    SourceForm,
    Submission,
)
from hub.connector.oauth import ClientCredentials, Redirect
from plugins.meta_ads.account import identify_account
from plugins.meta_ads.conversions import PROFILE, data_sets_of, report
from plugins.meta_ads.errors import ERROR_RULES
from plugins.meta_ads.forms import forms_of_pages
from plugins.meta_ads.graph import HOST, Graph
from plugins.meta_ads.leads import lead_of, leads_since
from plugins.meta_ads.oauth import grant_of_code, renewed_grant
from plugins.meta_ads.permissions import SCOPES
from plugins.meta_ads.settings import MetaAdsSettings
from plugins.meta_ads.submissions import submission_of
from plugins.meta_ads.subscriptions import are_pages_subscribed, subscribe_pages, unsubscribe_pages
from plugins.meta_ads.webhooks import receive

ACCESS_REVIEW = (
    AccessItem(label="Pages list", scopes=("pages_show_list",)),
    AccessItem(label="Page metadata and settings", scopes=("pages_manage_metadata",)),
    AccessItem(label="Page engagement metrics and insights", scopes=("pages_read_engagement",)),
    AccessItem(
        label="Lead data from Facebook and Instagram ads",
        scopes=("leads_retrieval", "pages_manage_ads", "ads_management"),
    ),
    AccessItem(label="Business assets and permissions", scopes=("business_management",)),
)

LEADS_KEPT = timedelta(days=90)
"""Commonly reported, not promised by Meta (section 4.1)."""


class MetaAds(Connector, Authorizes, Polls, Subscribes, ReportsConversions):
    """Leads from instant forms on Facebook and Instagram.

    The Page is the account part; the person (or system user) who signed in is the account.
    """

    manifest: ClassVar[Manifest] = Manifest(
        key="meta_ads",
        name="Meta Lead Ads",
        contract=1,
        source_code="meta_ads",
        settings=MetaAdsSettings,
        access_review=ACCESS_REVIEW,
        id_scope=IdScope.PLATFORM,
        retention=LEADS_KEPT,
        poll_every=timedelta(minutes=30),
        hosts=(HOST, "https://www.facebook.com"),
    )
    oauth: ClassVar[OAuthProfile] = OAuthProfile(
        authorize_url="https://www.facebook.com/{graph_version}/dialog/oauth",
        token_url=HOST + "/{graph_version}/oauth/access_token",
        scopes=SCOPES,
        scope_separator=",",
        pkce=False,
        authorize_params={"auth_type": "rerequest"},
        renewal=Renewal.EXCHANGE,
        renew_early=timedelta(days=20),
    )
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ERROR_RULES
    conversions: ClassVar[ConversionProfile] = PROFILE

    def oauth_for(self, settings: BaseModel) -> OAuthProfile:
        """With Facebook Login for Business the configuration takes the place of the scopes (section 2.1)."""
        chosen = _settings(settings)
        changes: dict[str, object] = {"pkce": chosen.use_pkce}
        if chosen.config_id is not None:
            changes |= {"scopes": (), "authorize_params": {"config_id": chosen.config_id}}
        return self.oauth.model_copy(update=changes)

    def credentials(self, settings: BaseModel) -> ClientCredentials:
        """The app's id and secret."""
        chosen = _settings(settings)
        return ClientCredentials(chosen.app_id, chosen.app_secret)

    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        """Code, short token, long token, and a token per Page."""
        return await grant_of_code(Graph(access), code, redirect)

    async def renew(self, grant: Grant, access: Access) -> Grant:
        """Exchange the living token for a fresh one; ``authorised_until`` moves only when the person signs in."""
        return await renewed_grant(Graph(access), grant.access_token)

    async def identify(self, access: Access) -> Account:
        """The person, the Pages, and what is missing on each."""
        return await identify_account(Graph(access))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """The forms of all Pages, archived ones too, since their leads can still be read."""
        return await forms_of_pages(Graph(access))

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """The leads of a form, newest first as Meta lists them."""
        return leads_since(Graph(access), form, since)

    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        """Fetch the lead that a delivery pointed at."""
        return await lead_of(Graph(access), pointer)

    def webhook_secrets(self, settings: BaseModel) -> tuple[SecretStr, ...]:
        """Meta signs with the app secret; the previous one counts while it is being changed."""
        chosen = _settings(settings)
        return tuple(each for each in (chosen.app_secret, chosen.previous_app_secret) if each is not None)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """Handshake, notification, or signed request about a person."""
        return receive(request, secret)

    def normalise(self, raw: RawSubmission) -> Submission:
        """A lead in the hub's words."""
        return submission_of(raw)

    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Deliveries of every Page to this address."""
        await subscribe_pages(Graph(access), callback_url)

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Whether every Page delivers to this address."""
        return await are_pages_subscribed(Graph(access), callback_url)

    async def unsubscribe(self, access: Access) -> None:
        """No more deliveries of these Pages."""
        await unsubscribe_pages(Graph(access))

    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        """The data sets that the person may send events to."""
        return await data_sets_of(Graph(access))

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        """Stages of leads, by Meta's own id of the lead."""
        return await report(Graph(access), target, conversions)


def _settings(settings: BaseModel) -> MetaAdsSettings:
    if not isinstance(settings, MetaAdsSettings):
        raise PermanentError("The app's id and secret are missing in the connector's settings.", code="invalid_client")
    return settings
