"""MetaAdsSimulator: the world behind its addresses, and the deliveries that leave it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.models import InboundRequest, NoticeKind
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import Challenge, SentDelivery
from plugins.meta_ads.simulator import deliveries
from plugins.meta_ads.simulator.answers import answers_by_cause
from plugins.meta_ads.simulator.app_subscriptions import CHALLENGE, reachable
from plugins.meta_ads.simulator.consent import ConsentDialog
from plugins.meta_ads.simulator.graph import GraphApi
from plugins.meta_ads.simulator.world import NORTH, MetaWorld
from plugins.meta_ads.webhooks import verify_token

RETRY_WAITS = tuple(timedelta(minutes=each) for each in (0, 1, 5, 15, 60, 180, 360, 540, 960))
"""At once, then ever less often (section 3.3; the exact steps are not published)."""
RETRY_UNTIL = timedelta(hours=36)
NOTICE_PATHS = {NoticeKind.GRANT_REVOKED: "/deauthorize", NoticeKind.ERASURE_REQUESTED: "/deletion"}


@dataclass
class Waiting:
    """A delivery that was not acknowledged and will be tried again."""

    delivery: SentDelivery
    first_at: datetime
    tries: int = 1


class MetaAdsSimulator(MetaWorld):
    """Meta Lead Ads on 127.0.0.1. ``announce`` sends what Meta would send, ``retry_due`` what it would repeat."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._waiting: list[Waiting] = []

    def build_app(self) -> web.Application:
        """Dialog, Graph API, and the journal for outside checks."""
        app = web.Application()
        dialog, graph = ConsentDialog(self), GraphApi(self)
        path = f"/{self.graph_version}/dialog/oauth"
        app.router.add_get(path, dialog.show)
        app.router.add_post(path, dialog.decide)
        app.router.add_get("/journal", self._show_journal)
        app.router.add_route("*", "/{version}/{path:.+}", graph.handle)
        return app

    async def _show_journal(self, _: web.Request) -> web.Response:
        lines = [{**asdict(each), "created_time": each.created_time.isoformat()} for each in self.journal]
        return web.json_response({"leads": lines})

    # --- what leaves for the hub --------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """Notifications of up to 1,000 changes, signed with the app secret."""
        leads = [self.submissions[each] for each in source_ids]
        return [self.signed(self.inbound(body), self.webhook_secret) for body in deliveries.batches_of(self, leads)]

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """Signed as Meta signs: both headers, over the raw bytes."""
        return deliveries.signed(request, secret)

    def unknown_event(self) -> InboundRequest:
        """A change of a field that is no lead."""
        value = {"item": "status", "message": "äöå ☃ 50% 😀 a/b"}
        body = deliveries.notification(
            [{"id": NORTH, "time": 1767225600, "changes": [{"field": "feed", "value": value}]}]
        )
        return self.signed(self.inbound(body), self.webhook_secret)

    def unreadable_delivery(self, source_ids: Sequence[str]) -> InboundRequest:
        """The changes of these leads, and among them one whose id is a list."""
        changes = [deliveries.change_of(self, self.submissions[each]) for each in source_ids]
        bad = {"field": "leadgen", "value": {"leadgen_id": ["what"], "page_id": NORTH}}
        middle = len(changes) // 2
        entry = {"id": NORTH, "time": 1767225600, "changes": [*changes[:middle], bad, *changes[middle:]]}
        return self.signed(self.inbound(deliveries.notification([entry])), self.webhook_secret)

    def challenge(self) -> Challenge:
        """The handshake with the word that the hub chose when it subscribed."""
        word = verify_token(self.webhook_secret)
        query = f"hub.mode=subscribe&hub.challenge={CHALLENGE}&hub.verify_token={word}"
        return Challenge(self.inbound(b"", method="GET", query=query), CHALLENGE.encode())

    def notice_request(self, kind: NoticeKind) -> InboundRequest:
        """The deauthorise or data-deletion callback about the person who signs in."""
        plain = self.inbound(deliveries.signed_request(self.visitor_id, self.clock.now(), self.webhook_secret))
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return plain.model_copy(update={"url": self.callback_url + NOTICE_PATHS[kind], "headers": headers})

    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        """One documented refusal per cause."""
        return answers_by_cause(NORTH)

    async def announce(
        self, source_ids: Iterable[str], *, at_once: bool = True, session: aiohttp.ClientSession | None = None
    ) -> list[SentDelivery]:
        """Deliver to the subscribed address the leads of subscribed Pages, under the delivery faults.

        What is not acknowledged is repeated by ``retry_due``; leads of Pages without a subscription are not
        announced at all, as at Meta.
        """
        target = self._callback()
        wanted = [each for each in source_ids if self._is_wanted(each)]
        if target is None or not wanted:
            return []
        sent = await self.send(target, wanted, at_once=at_once, session=session)
        now = self.clock.now()
        self._waiting += [Waiting(each, now) for each in sent if not each.is_acknowledged]
        return sent

    async def retry_due(self, session: aiohttp.ClientSession | None = None) -> list[SentDelivery]:
        """Repeat what is due by the simulator's clock; after 36 hours a delivery is dropped."""
        now, target = self.clock.now(), self._callback()
        self._waiting = [each for each in self._waiting if now - each.first_at <= RETRY_UNTIL]
        due = [
            each for each in self._waiting if each.tries <= len(RETRY_WAITS) and each.first_at + self._wait(each) <= now
        ]
        if target is None or not due:
            return []
        await self._post_all(target, [each.delivery for each in due], session)
        for each in due:
            each.tries += 1
        self._waiting = [each for each in self._waiting if not each.delivery.is_acknowledged]
        return [each.delivery for each in due]

    def _wait(self, waiting: Waiting) -> timedelta:
        return sum(RETRY_WAITS[: waiting.tries], timedelta())

    def _callback(self) -> str | None:
        found = self.subscriptions.get("page")
        return reachable(self, found.callback_url) if found and found.is_active else None

    def _is_wanted(self, source_id: str) -> bool:
        page_id = self.page_of(self.submissions[source_id].form_id)
        found = self.subscriptions.get("page")
        fields = self.pages[page_id].apps.get(self.app_id, set())
        return found is not None and "leadgen" in found.fields and "leadgen" in fields
