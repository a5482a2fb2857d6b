"""What exists at the simulated Meta: people, Pages, the app and its subscriptions, and what befalls them."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hub.connector.clock import Clock
from hub.connector.conversions import ConversionTarget
from hub.testing.faults import PlatformAnswer
from hub.testing.simulator import Simulator
from hub.testing.tokens import IssuedToken
from plugins.meta_ads.settings import MetaAdsSettings
from plugins.meta_ads.simulator.answers import GraphError, throttled

PERMISSIONS = (
    "pages_show_list",
    "pages_manage_metadata",
    "pages_read_engagement",
    "leads_retrieval",
    "pages_manage_ads",
    "ads_management",
    "business_management",
)
"""Section 2.2. Any other name is refused by the dialog."""
PAGE_PERMISSIONS = frozenset(each for each in PERMISSIONS if each.startswith("pages_")) | {"leads_retrieval"}
ALL_TASKS = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MANAGE", "MESSAGING", "MODERATE")
DATA_ACCESS = timedelta(days=90)

APP_REMOVED, CHECKPOINT, PASSWORD_CHANGED, EXPIRED, LOGGED_OUT, NO_PAGE_ROLE = 458, 459, 460, 463, 467, 492

ADA, BEN, CLEO = "218471", "218472", "218473"
NORTH, SOUTH, HARBOUR = "109000000000001", "109000000000002", "109000000000003"
CLINICS, DATA_SET, OTHER_DATA_SET = "act_410000000000001", "510000000000001", "510000000000002"


@dataclass
class Person:
    """Somebody with a Facebook account. ``pages``: Page id to the tasks the person has there."""

    id: str
    name: str
    pages: dict[str, tuple[str, ...]]
    data_access_until: datetime | None = None


@dataclass
class BusinessPage:
    """A Page. ``apps``: app id to the subscribed fields. ``hides_leads``: the Leads Access Manager says no.
    ``is_dead``: its tokens do not work, with ``death`` as subcode. ``taken``: permissions taken back for it alone."""

    id: str
    name: str
    apps: dict[str, set[str]] = field(default_factory=dict)
    hides_leads: bool = False
    is_dead: bool = False
    death: int | None = None
    taken: set[str] = field(default_factory=set)


@dataclass
class AppSubscription:
    """Where the app wants the events of one object type."""

    callback_url: str
    fields: tuple[str, ...]
    is_active: bool = True


@dataclass(frozen=True)
class JournalLine:
    """A lead that Meta holds, for comparison with what arrived elsewhere."""

    source_id: str
    form_id: str
    page_id: str
    created_time: datetime
    is_test: bool


class ShiftedClock:
    """Another clock that goes wrong by a fixed amount: Meta's time and ours need not agree."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock, self._by = clock, by

    def now(self) -> datetime:
        """The wrong time."""
        return self._clock.now() + self._by

    async def sleep(self, seconds: float) -> None:
        """Wait by the clock within."""
        await self._clock.sleep(seconds)


class MetaWorld(Simulator):
    """The state behind the addresses, and the faults that change it."""

    origins = ("https://graph.facebook.com", "https://www.facebook.com")
    graph_version: ClassVar[str] = "v26.0"
    token_paths = (f"/{graph_version}/oauth/access_token",)
    people_paths = (f"/{graph_version}/dialog/oauth", "/journal")
    token_kinds = ("short", "access", "page")
    signature_headers = ("x-hub-signature-256",)
    supports_pkce = False
    withholds_scopes = True
    has_test_leads = True
    default_part_id = NORTH
    callback_path = "/in/meta_ads/kit"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.app_id = "230000000000001"
        self.requires_proof = True
        self.redirect_uris: frozenset[str] | None = None
        self.reach: dict[str, str] = {}
        self.pages = {
            NORTH: BusinessPage(NORTH, "Example Clinic North"),
            SOUTH: BusinessPage(SOUTH, "Example Clinic South"),
            HARBOUR: BusinessPage(HARBOUR, "Example Clinic Harbour"),
        }
        self.people = {
            ADA: Person(ADA, "Ada Example", {NORTH: ALL_TASKS, SOUTH: ALL_TASKS}),
            BEN: Person(BEN, "Ben Example", {SOUTH: ALL_TASKS, HARBOUR: ("ANALYZE", "MODERATE")}),
            CLEO: Person(CLEO, "Cleo Example", {}),
        }
        self.ad_accounts = {CLINICS: "Example Clinics"}
        self.data_sets = {CLINICS: {DATA_SET: "Leads of the clinics", OTHER_DATA_SET: "Website"}}
        self.discarded_events: list[dict[str, Any]] = []
        self.visitor_id = ADA
        self.withheld_pages: frozenset[str] = frozenset()
        self.subscriptions: dict[str, AppSubscription] = {}
        self.page_tokens: dict[tuple[str, str], str] = {}
        self.deaths: dict[str, int] = {}
        self.hidden_forms: set[str] = set()
        self.preset_boxes: set[tuple[str, str]] = set()
        self.arrivals: deque[tuple[str, Mapping[str, Sequence[str]]]] = deque()
        self.starts_with_empty_page = False
        self.cursor_generation = 1
        self.usage_percent: int | None = None
        self._throttle_code = 80005

    def settings(self) -> MetaAdsSettings:
        """The app as an admin would enter it: Meta signs with the app secret."""
        return MetaAdsSettings(
            app_id=self.app_id, app_secret=self.webhook_secret, previous_app_secret=self.previous_webhook_secret
        )

    @property
    def app_token(self) -> str:
        """Section 2.3."""
        return f"{self.app_id}|{self.webhook_secret.get_secret_value()}"

    def part_ids(self) -> tuple[str, ...]:
        """The Pages of the person whom ``authorize`` signs in."""
        return tuple(self.people[self.visitor_id].pages)

    def lose_part(self, part_id: str) -> None:
        """One Page's token dies."""
        self.kill_page(part_id)

    def regain_part(self, part_id: str) -> None:
        """It works again."""
        self.revive_page(part_id)

    def conversion_target(self) -> ConversionTarget:
        """A data set of the clinics' ad account."""
        return ConversionTarget(id=DATA_SET, name=self.data_sets[CLINICS][DATA_SET])

    def account_id(self) -> str:
        """The person whom ``authorize`` signs in."""
        return self.visitor_id

    def secrets(self) -> frozenset[str]:
        """Everything handed out, and the app's own token."""
        return super().secrets() | {self.app_token}

    @property
    def journal(self) -> tuple[JournalLine, ...]:
        """Every lead that Meta holds, in the order in which they came."""
        return tuple(
            JournalLine(each.source_id, each.form_id, self.page_of(each.form_id), each.submitted_at, each.is_test)
            for each in self.submissions.values()
        )

    def page_of(self, form_id: str) -> str:
        """The Page that a form belongs to."""
        return self.forms[form_id].part_id or NORTH

    # --- what befalls the sign-in -------------------------------------------------------------------------

    def revoke(self) -> None:
        """Everybody removes the app."""
        for person_id in self.people:
            self.end_sessions(APP_REMOVED, person_id)
        super().revoke()

    def change_password(self, person_id: str = ADA) -> None:
        """All tokens of the person die with subcode 460."""
        self.end_sessions(PASSWORD_CHANGED, person_id)

    def remove_app(self, person_id: str = ADA) -> None:
        """The person removes the app at Facebook: subcode 458. Meta also sends a deauthorise notice."""
        self.end_sessions(APP_REMOVED, person_id)

    def end_sessions(self, subcode: int, person_id: str = ADA) -> None:
        """All tokens of the person die with this subcode."""
        self._kill([each for each in self._living() if each.facts.get("person") == person_id], subcode)

    def lose_page_role(self, page_id: str, person_id: str = ADA) -> None:
        """The person has no role on the Page any more: it is not listed, and its tokens die."""
        self.people[person_id].pages.pop(page_id, None)
        lost = [
            each
            for each in self._living()
            if each.facts.get("person") == person_id and each.facts.get("page") == page_id
        ]
        self._kill(lost, NO_PAGE_ROLE)

    def kill_page(self, page_id: str, subcode: int | None = None) -> None:
        """The tokens of one Page die (unpublished, taken from the app), those of the people live."""
        self.pages[page_id].is_dead, self.pages[page_id].death = True, subcode

    def revive_page(self, page_id: str) -> None:
        """The tokens of the Page work again, and no permission is missing there."""
        page = self.pages[page_id]
        page.is_dead, page.death = False, None
        page.taken.clear()

    def take_from_page(self, scope: str, page_id: str) -> None:
        """One permission is taken back for one Page."""
        self.pages[page_id].taken.add(scope)

    def take_permission(self, scope: str, person_id: str = ADA) -> None:
        """The person unticks one permission in the settings of Facebook."""
        for each in self._living():
            if each.facts.get("person") == person_id:
                each.scopes = tuple(name for name in each.scopes if name != scope)

    def hide_leads(self, page_id: str, *, hidden: bool = True) -> None:
        """The Leads Access Manager of the business takes access away, or gives it back."""
        self.pages[page_id].hides_leads = hidden

    def end_data_access(self, person_id: str = ADA) -> None:
        """The 90 days since the last sign-in are over: tokens stay valid, data calls fail."""
        self.people[person_id].data_access_until = self.clock.now()

    def _living(self) -> list[IssuedToken]:
        found = (self.tokens.find(value) for value in self.tokens.values())
        return [each for each in found if each is not None and not each.is_revoked]

    def _kill(self, tokens: Sequence[IssuedToken], subcode: int) -> None:
        for each in tokens:
            each.is_revoked = True
            self.deaths[each.value] = subcode

    # --- what befalls calls and deliveries ----------------------------------------------------------------

    def limit_with(self, code: int, seconds: float) -> None:
        """Throttle with one of the documented codes."""
        self._throttle_code = code
        self.rate_limit(seconds)

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        """HTTP 400 with a code, as Meta throttles."""
        return throttled(self._throttle_code, wait, NORTH).answer()

    def error_answer(self, status: int) -> PlatformAnswer:
        """A failure with this status in Meta's envelope."""
        codes = {401: 190, 403: 200, 404: 2500, 429: 4}
        code = codes.get(status, 2 if status >= 500 else 100)
        return GraphError(code, f"Simulated failure {status}", status=status).answer()

    def client_refused_answer(self) -> PlatformAnswer:
        """A wrong app secret: Meta uses the code of passing trouble for it."""
        return GraphError(1, "Error validating client secret.").answer()

    @property
    def is_client_refused(self) -> bool:
        """Whether the app secret was changed at Meta."""
        return self._calls.is_client_refused

    def end_subscriptions(self) -> None:
        """Meta unsubscribes the app from every Page, as it does after long failures."""
        for page in self.pages.values():
            page.apps.clear()

    def break_cursors(self) -> None:
        """Cursors handed out so far are no longer taken."""
        self.cursor_generation += 1

    def arrive_while_paging(self, form_id: str, answers: Mapping[str, Sequence[str]]) -> None:
        """A lead that comes in right after the next page of leads was read."""
        self.arrivals.append((form_id, answers))
