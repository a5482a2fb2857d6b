"""What exists at the simulated Google: people, Ads accounts in a tree, lead forms with their webhooks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from pydantic import JsonValue, SecretStr

from hub.connector.clock import Clock
from hub.connector.conversions import ConversionTarget
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import StoredSubmission
from hub.testing.simulator import Simulator
from hub.testing.tokens import IssuedToken
from plugins.google_ads.settings import GoogleAdsSettings
from plugins.google_ads.simulator.answers import AdsError, envelope, oauth_refusal, quota
from plugins.google_ads.simulator.clicks import Click, ConversionAction

ADA, BEN, CLEO = "104729000000000000001", "104729000000000000002", "104729000000000000003"
NORTH, SOUTH, HARBOUR, CLOSED = "1000000001", "1000000002", "1000000003", "1000000004"
OFFICE, REGION = "9000000001", "9000000002"

QUALIFIED, WON, WEB_SIGN_UP = "60000000001", "60000000002", "60000000003"

KEPT = timedelta(days=60)
BEFORE_THE_FORM = timedelta(minutes=2)
"""From the click to the form that was sent."""
CAMPAIGNS = {"20000000001": "Spring offer", "20000000002": "Roof check"}
AD_GROUPS = {"30000000001": "Near you", "30000000002": "All visitors"}
USUAL_FACTS = {"campaign_id": "20000000001", "ad_group_id": "30000000001", "creative_id": "50000000001"}


@dataclass
class Person:
    """Somebody with a Google account. ``account_ids``: the Ads accounts that open without a detour."""

    id: str
    name: str
    email: str
    account_ids: list[str]


@dataclass
class AdsAccount:
    """An Ads account. ``parent_id`` is the manager account right above it."""

    id: str
    name: str
    parent_id: str | None = None
    is_manager: bool = False
    status: str = "ENABLED"
    zone: timezone = field(default=timezone(timedelta(hours=1)))


@dataclass(frozen=True)
class FormWebhook:
    """What an advertiser typed into the webhook settings of a form."""

    url: str
    key: SecretStr


@dataclass(frozen=True)
class JournalLine:
    """A lead that Google holds, for comparison with what arrived elsewhere."""

    source_id: str
    form_id: str
    account_id: str
    submitted_at: datetime
    is_test: bool


def _accounts() -> tuple[AdsAccount, ...]:
    """One account that stands alone, and an agency's with two more, of which one stands a level deeper."""
    return (
        AdsAccount(NORTH, "Example Clinic North"),
        AdsAccount(OFFICE, "Example Agency", is_manager=True),
        AdsAccount(SOUTH, "Example Clinic South", OFFICE, zone=timezone(-timedelta(hours=5))),
        AdsAccount(REGION, "Example Agency Coast", OFFICE, is_manager=True),
        AdsAccount(HARBOUR, "Example Clinic Harbour", REGION),
        AdsAccount(CLOSED, "Example Clinic of Old", OFFICE, status="CLOSED"),
    )


def _conversion_actions() -> tuple[ConversionAction, ...]:
    """Two that take uploads, and one that a web page counts."""
    return (
        ConversionAction(QUALIFIED, "Qualified lead", NORTH),
        ConversionAction(WON, "Won deal", SOUTH),
        ConversionAction(WEB_SIGN_UP, "Sign-up page", NORTH, type="WEBPAGE"),
    )


def _people() -> tuple[Person, ...]:
    """Somebody with several accounts, with one, with none."""
    return (
        Person(ADA, "Ada Example", "ada@example.com", [NORTH, OFFICE]),
        Person(BEN, "Ben Example", "ben@example.com", [SOUTH]),
        Person(CLEO, "Cleo Example", "cleo@example.com", []),
    )


class GoogleWorld(Simulator):
    """The state behind the addresses, and the faults that change it."""

    origins = (
        "https://googleads.googleapis.com",
        "https://oauth2.googleapis.com",
        "https://openidconnect.googleapis.com",
        "https://accounts.google.com",
    )
    api_version: ClassVar[str] = "v26"
    token_paths = ("/token",)
    people_paths = ("/o/oauth2/v2/auth", "/journal")
    signs_body = False
    withholds_scopes = True
    has_test_leads = True
    default_part_id = NORTH
    callback_path = "/in/google_ads/kit"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.client_id = "471100000000-kit.apps.googleusercontent.com"
        self.client_secret = SecretStr("simulated-client-secret-0001")
        self.developer_token: SecretStr | None = None
        self.needs_developer_token = False
        self.refuses_developer_token = False
        self.is_in_testing = False
        self.redirect_uris: frozenset[str] | None = None
        self.login_customer_id: str | None = None
        self.accounts = {each.id: each for each in _accounts()}
        self.people = {each.id: each for each in _people()}
        self.conversion_actions = {each.id: each for each in _conversion_actions()}
        self.clicks: dict[tuple[str, str], Click] = {}
        self.uploaded: list[dict[str, Any]] = []
        self.takes_uploads = True
        self.only_reading: set[str] = set()
        self.visitor_id = ADA
        self.without_terms: set[str] = set()
        self.pages_until_expiry: int | None = None
        self.consents: set[str] = set()
        self.webhooks: dict[str, FormWebhook] = {}
        self.snapshots: dict[str, tuple[str, str, list[JsonValue]]] = {}

    def settings(self) -> GoogleAdsSettings:
        """The OAuth client and the key as an admin would enter them."""
        return GoogleAdsSettings(
            client_id=self.client_id,
            client_secret=self.client_secret,
            webhook_secret=self.webhook_secret,
            previous_webhook_secret=self.previous_webhook_secret,
            developer_token=self.developer_token,
            login_customer_id=self.login_customer_id,
        )

    def account_id(self) -> str:
        """The person whom ``authorize`` signs in."""
        return self.visitor_id

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """Google's own names of its standard questions."""
        return {"FULL_NAME": (f"Ada Example {number}",), "EMAIL": (f"ada.{number}@example.com",)}

    def add_submission(
        self,
        form_id: str,
        answers: Mapping[str, Sequence[str]],
        *,
        submitted_at: datetime | None = None,
        source_id: str | None = None,
        is_test: bool = False,
        facts: Mapping[str, str] | None = None,
    ) -> str:
        """One new lead; without ``facts`` it comes from the usual campaign, with a click id of its own."""
        chosen = source_id or self.next_id()
        return super().add_submission(
            form_id,
            answers,
            submitted_at=submitted_at,
            source_id=chosen,
            is_test=is_test,
            facts=facts if facts is not None else {**USUAL_FACTS, "gclid": f"Cj0K{chosen}"},
        )

    @property
    def journal(self) -> tuple[JournalLine, ...]:
        """Every lead that Google holds, in the order in which they came."""
        return tuple(
            JournalLine(each.source_id, each.form_id, self.account_of(each.form_id), each.submitted_at, each.is_test)
            for each in self.submissions.values()
        )

    def account_of(self, form_id: str) -> str:
        """The Ads account that a form belongs to."""
        return self.forms[form_id].part_id or NORTH

    def listed(self, account_id: str) -> list[StoredSubmission]:
        """What the API shows of an account's leads: those of the last 60 days, and no test leads."""
        oldest = self.clock.now() - KEPT
        return [
            each
            for each in self.submissions.values()
            if self.account_of(each.form_id) == account_id and not each.is_test and each.submitted_at >= oldest
        ]

    def is_below(self, account_id: str, root_id: str) -> bool:
        """Whether an account is the root, or stands anywhere under it."""
        here: str | None = account_id
        while here is not None and here != root_id:
            here = self.accounts[here].parent_id if here in self.accounts else None
        return here == root_id

    # --- conversions --------------------------------------------------------------------------------------

    def conversion_target(self) -> ConversionTarget:
        """A conversion action that takes uploads."""
        name = f"{self.conversion_actions[QUALIFIED].name} ({self.accounts[NORTH].name})"
        return ConversionTarget(id=QUALIFIED, name=name, part_id=NORTH)

    def clicks_of(self, source_id: str) -> Mapping[str, str]:
        """The click id of a lead."""
        gclid = self.submissions[source_id].facts.get("gclid")
        return {"gclid": gclid} if gclid else {}

    def add_click(self, value: str, at: datetime, *, name: str = "gclid", account_id: str = NORTH) -> None:
        """Somebody clicked an ad that led to a page of the advertiser's own."""
        self.clicks[(name, value)] = Click(account_id, at)

    def click_of(self, name: str, value: str) -> Click | None:
        """The click of an id; None for one that Google never gave."""
        if (name, value) in self.clicks:
            return self.clicks[(name, value)]
        lead = next((each for each in self.submissions.values() if each.facts.get(name) == value), None)
        return Click(self.account_of(lead.form_id), lead.submitted_at - BEFORE_THE_FORM) if lead else None

    def root_of(self, account_id: str) -> str:
        """The account at the top, above which there is none: conversions are shared below it."""
        here = self.accounts[account_id]
        while here.parent_id is not None:
            here = self.accounts[here.parent_id]
        return here.id

    # --- what befalls -------------------------------------------------------------------------------------

    def revoke(self) -> None:
        """Everybody removes the app."""
        self.consents.clear()
        super().revoke()

    def part_ids(self) -> Sequence[str]:
        """Accounts that Ada reaches: one directly, two through a manager."""
        return (NORTH, SOUTH, HARBOUR)

    def lose_part(self, part_id: str) -> None:
        """An Ads account asks for new terms to be accepted; until then it refuses every query."""
        self.without_terms.add(part_id)

    def regain_part(self, part_id: str) -> None:
        """The terms were accepted."""
        self.without_terms.discard(part_id)

    def remove_app(self, person_id: str = ADA) -> None:
        """The person removes the app at myaccount.google.com: no token works any longer."""
        self.consents.discard(person_id)
        for token in self._of(person_id):
            token.is_revoked = True

    def expire_token_after(self, pages: int) -> None:
        """Access tokens end in the middle of a list, after so many pages of it."""
        self.pages_until_expiry = pages

    def page_was_read(self) -> None:
        """One page of a list went out."""
        if self.pages_until_expiry is not None:
            self.pages_until_expiry -= 1
            if self.pages_until_expiry <= 0:
                self.pages_until_expiry = None
                self.expire_token()

    def lose_access(self, account_id: str, person_id: str = ADA) -> None:
        """Somebody takes the person's access to an Ads account away."""
        self.people[person_id].account_ids.remove(account_id)

    def close_account(self, account_id: str) -> None:
        """An Ads account is closed: its data can no longer be asked for."""
        self.accounts[account_id].status = "CLOSED"

    def forget_pages(self) -> None:
        """Places inside lists that were handed out so far are no longer known."""
        self.snapshots.clear()

    def _of(self, person_id: str) -> list[IssuedToken]:
        found = (self.tokens.find(value) for value in self.tokens.values())
        return [each for each in found if each is not None and each.facts.get("person") == person_id]

    # --- answers of faults --------------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """A quota error that names the wait."""
        return quota("RESOURCE_TEMPORARILY_EXHAUSTED", wait).answer(self.api_version)

    def error_answer(self, status: int) -> PlatformAnswer:
        """A failure with this status: 500 with a code, others without."""
        if status == 500:
            return AdsError("internalError", "INTERNAL_ERROR", "An internal error.", status=500).answer(
                self.api_version
            )
        return PlatformAnswer(status, json.dumps(envelope(status, f"Simulated failure {status}.")).encode())

    def client_refused_answer(self) -> PlatformAnswer:
        """The client secret was changed at Google."""
        return oauth_refusal(401, "invalid_client", "Unauthorized")
