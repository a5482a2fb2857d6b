"""GoogleAdsSimulator: the world behind its addresses, and the deliveries that leave it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.models import FieldType, InboundRequest, Question
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import SentDelivery
from plugins.google_ads.simulator import deliveries
from plugins.google_ads.simulator.ads import AdsApi
from plugins.google_ads.simulator.answers import answers_by_cause
from plugins.google_ads.simulator.consent import ConsentPage
from plugins.google_ads.simulator.token_desk import TokenDesk
from plugins.google_ads.simulator.world import FormWebhook, GoogleWorld

SHOWN_FORMS = {"90000000001": "Check-up", "90000000002": "Call me back"}
SHOWN_QUESTIONS = (
    Question(key="FULL_NAME", label="Full name"),
    Question(key="EMAIL", label="Email", kind=FieldType.EMAIL),
)
RETRY_WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 240, 720))
"""Google repeats after 5xx; when and for how long is not published."""


@dataclass
class Waiting:
    """A delivery that was answered with 5xx, or not at all, and will be tried again."""

    delivery: SentDelivery
    url: str
    due_at: datetime
    tries: int = 1


class GoogleAdsSimulator(GoogleWorld):
    """Google Ads lead forms on 127.0.0.1. ``announce`` sends what Google would send, ``retry_due`` what it would
    repeat; a delivery that was answered with 4xx is lost on this way (``lost``)."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.lost: list[SentDelivery] = []
        self._waiting: list[Waiting] = []

    def build_app(self) -> web.Application:
        """Consent page, token endpoint, API, and the journal for outside checks."""
        app = web.Application()
        consent, desk, ads = ConsentPage(self), TokenDesk(self), AdsApi(self)
        app.router.add_get("/o/oauth2/v2/auth", consent.show)
        app.router.add_post("/o/oauth2/v2/auth", consent.decide)
        app.router.add_post("/token", desk.hand_out)
        app.router.add_post("/revoke", desk.revoke)
        app.router.add_get("/v1/userinfo", desk.userinfo)
        app.router.add_get("/journal", self._show_journal)
        app.router.add_get("/{version}/customers:listAccessibleCustomers", ads.accessible)
        app.router.add_post("/{version}/customers/{customer}/googleAds:search", ads.search)
        app.router.add_post("/{version}/customers/{customer}/googleAds:searchStream", ads.stream)
        app.router.add_post("/{version}/customers/{customer:[^/:]+}:uploadClickConversions", ads.upload)
        return app

    async def _show_journal(self, _: web.Request) -> web.Response:
        lines = [{**asdict(each), "submitted_at": each.submitted_at.isoformat()} for each in self.journal]
        return web.json_response({"leads": lines})

    # --- what leaves for the hub --------------------------------------------------------------------------

    def set_webhook(self, form_id: str, url: str, key: SecretStr | None = None) -> None:
        """Type address and key into the webhook settings of a form."""
        self.webhooks[form_id] = FormWebhook(url, key or self.webhook_secret)

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """One request per lead: Google does not batch."""
        leads = [self.submissions[each] for each in source_ids]
        return [self.signed(self.inbound(deliveries.body_of(self, lead)), self._key_of(lead.form_id)) for lead in leads]

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """With the key in the body: there is no signature."""
        return deliveries.with_key(request, secret)

    def unsigned(self, request: InboundRequest) -> InboundRequest:
        """Without the key."""
        return deliveries.without_key(request)

    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        """One documented refusal per cause."""
        return answers_by_cause(self.api_version)

    def open_forms(self) -> Sequence[str]:
        """Two forms that people fill in."""
        return [self.add_form(name, SHOWN_QUESTIONS, form_id=form_id) for form_id, name in SHOWN_FORMS.items()]

    def enter_address(self, url: str) -> None:
        """Type an address into the webhook settings of every form."""
        for form_id in self.forms:
            self.set_webhook(form_id, url)

    async def announce(
        self, source_ids: Iterable[str], *, at_once: bool = False, session: aiohttp.ClientSession | None = None
    ) -> list[SentDelivery]:
        """Deliver leads of forms that have a webhook to its address, under the delivery faults; each alone, also where
        they come ``at_once``."""
        sent: list[SentDelivery] = []
        for source_id in source_ids:
            webhook = self.webhooks.get(self.submissions[source_id].form_id)
            if webhook is not None:
                deliveries_of_lead = await self.send(webhook.url, [source_id], session=session)
                sent += deliveries_of_lead
                self._note(deliveries_of_lead, webhook.url)
        return sent

    async def send_test(self, form_id: str, session: aiohttp.ClientSession | None = None) -> bool:
        """The button *Send test data*: whether the page turns green, which only exactly 200 makes it."""
        keys = [each.key for each in self.forms[form_id].questions] or list(self.sample_answers())
        lead = self.add_submission(form_id, dict.fromkeys(keys, ("Sample answer",)), is_test=True, facts={})
        sent = await self.send(self.webhooks[form_id].url, [lead], session=session)
        return bool(sent) and all(each.status == HTTPStatus.OK for each in sent)

    async def retry_due(self, session: aiohttp.ClientSession | None = None) -> list[SentDelivery]:
        """Repeat what is due by the simulator's clock, until the steps are used up."""
        now = self.clock.now()
        due = [each for each in self._waiting if each.due_at <= now]
        self._waiting = [each for each in self._waiting if each.due_at > now]
        for each in due:
            await self._post_all(each.url, [each.delivery], session)
            self._note([each.delivery], each.url, tries=each.tries + 1)
        return [each.delivery for each in due]

    def _note(self, sent: Sequence[SentDelivery], url: str, *, tries: int = 1) -> None:
        for each in sent:
            if each.status == HTTPStatus.OK:
                continue
            is_final = each.status is not None and each.status < HTTPStatus.INTERNAL_SERVER_ERROR
            if is_final or tries > len(RETRY_WAITS):
                self.lost.append(each)
            else:
                self._waiting.append(Waiting(each, url, self.clock.now() + RETRY_WAITS[tries - 1], tries))

    def _key_of(self, form_id: str) -> SecretStr:
        return self.webhooks[form_id].key if form_id in self.webhooks else self.webhook_secret
