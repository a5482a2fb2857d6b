"""Google Ads lead forms as a connector: what it is and can do; each ability lives in the module that knows it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import SecretStr

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Polls, Receives, ReportsConversions
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionProfile, ConversionTarget
from hub.connector.errors import ErrorRule
from hub.connector.models import (
    Account,
    Cursor,
    Grant,
    IdScope,
    InboundRequest,
    Manifest,
    OAuthProfile,
    Page,
    RawSubmission,
    Received,
    Renewal,
    SourceForm,
    Submission,
)
from hub.connector.oauth import Redirect
from plugins.google_ads.accounts import identify_account
from plugins.google_ads.api import ADS_HOST, PEOPLE_HOST, GoogleAdsApi
from plugins.google_ads.conversions import PROFILE, conversion_actions_of, report
from plugins.google_ads.errors import ERROR_RULES
from plugins.google_ads.forms import forms_of_accounts
from plugins.google_ads.leads import KEPT, leads_since
from plugins.google_ads.oauth import AUTHORIZE_URL, REVOKE_URL, TOKEN_HOST, TOKEN_URL, grant_of_code, revoke_grant
from plugins.google_ads.scopes import ACCESS_REVIEW, SCOPES
from plugins.google_ads.settings import GoogleAdsSettings
from plugins.google_ads.submissions import submission_of
from plugins.google_ads.webhooks import receive


class GoogleAds(Connector, Authorizes, Polls, Receives, ReportsConversions):
    """Leads from lead form assets of Google Ads.

    The Ads account is the account part; the Google account of the person who signed in is the account.
    """

    manifest: ClassVar[Manifest] = Manifest(
        key="google_ads",
        name="Google Ads",
        contract=1,
        source_code="google_ads",
        settings=GoogleAdsSettings,
        access_review=ACCESS_REVIEW,
        id_scope=IdScope.PLATFORM,
        retention=KEPT,
        poll_every=timedelta(hours=1),
        overlap=timedelta(hours=6),
        hosts=(ADS_HOST, TOKEN_HOST, PEOPLE_HOST),
    )
    oauth: ClassVar[OAuthProfile] = OAuthProfile(
        authorize_url=AUTHORIZE_URL,
        token_url=TOKEN_URL,
        revoke_url=REVOKE_URL,
        scopes=SCOPES,
        authorize_params={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
        renewal=Renewal.REFRESH_TOKEN,
    )
    error_rules: ClassVar[tuple[ErrorRule, ...]] = ERROR_RULES
    conversions: ClassVar[ConversionProfile] = PROFILE

    async def exchange(self, code: SecretStr, redirect: Redirect, access: Access) -> Grant:
        """The code for a grant that lasts; one without a refresh token is refused."""
        return await grant_of_code(access, code, redirect)

    async def revoke(self, grant: Grant, access: Access) -> None:
        """End the grant at Google."""
        await revoke_grant(access, grant)

    async def identify(self, access: Access) -> Account:
        """The person, the Ads accounts, and what is missing."""
        return await identify_account(GoogleAdsApi(access))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """The lead forms of all Ads accounts."""
        return await forms_of_accounts(GoogleAdsApi(access))

    def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """The leads of a form, oldest first."""
        return leads_since(GoogleAdsApi(access), form, since)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One lead, whole, with the key in its body."""
        return receive(request, secret)

    def normalise(self, raw: RawSubmission) -> Submission:
        """A lead in the hub's words."""
        return submission_of(raw)

    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        """The conversion actions that take uploads."""
        return await conversion_actions_of(GoogleAdsApi(access))

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        """Stages of leads, by the click that they came from."""
        return await report(GoogleAdsApi(access), target, conversions)
