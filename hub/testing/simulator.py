"""Simulator: a source of leads imitated on loopback, with a clock and faults.

It is written from the platform's documentation and never from our connector, else both share one mistake.
By default it is strict: what the platform refuses, it refuses. It serves the conformance kit, integration
and browser tests, and the demo.

A subclass says which origins it stands in for, builds the routes of the platform's API, and renders its own
wire format from ``self.forms`` and ``self.submissions``::

    class AcmeSimulator(Simulator):
        origins = ("https://api.acme.example",)
        token_paths = ("/oauth/token",)
        people_paths = ("/oauth/authorize",)

        def settings(self) -> AcmeSettings: ...
        def build_app(self) -> web.Application: ...
        def delivery(self, source_ids) -> list[InboundRequest]: ...
        def signed(self, request, secret) -> InboundRequest: ...
"""

import random
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from pydantic import BaseModel, SecretStr

from hub.connector.clock import Clock
from hub.connector.models import InboundRequest, NoticeKind, Question, SourceForm
from hub.testing.converting import Converting
from hub.testing.faults import DeliveryFaults, PlatformAnswer
from hub.testing.journal import Challenge, SeenRequest, SentDelivery, StoredSubmission, TakenMessage
from hub.testing.loopback import LoopbackPlatform
from hub.testing.messaging import Messaging

__all__ = [
    "Challenge",
    "PlatformAnswer",
    "SeenRequest",
    "SentDelivery",
    "Simulator",
    "StoredSubmission",
    "TakenMessage",
]


class Simulator(LoopbackPlatform, Messaging, Converting):
    """A platform on 127.0.0.1 with its leads. Use ``async with``, or ``start`` and ``stop``.

    Pieces that only some sources have keep their defaults: no ``token_paths`` without OAuth, no ``delivery``
    without webhooks, an empty application without an API.
    """

    signature_headers: ClassVar[tuple[str, ...]] = ()
    """Lower-case names of the headers that ``signed`` sets; empty where the secret travels in the body."""
    signs_body: ClassVar[bool] = True
    """Whether a changed body breaks the signature."""
    signs_time: ClassVar[bool] = False
    """Whether deliveries carry a signed timestamp, so that old ones must be refused."""
    tells_wait: ClassVar[bool] = True
    """Whether an answer under ``rate_limit`` says how long to wait."""
    has_free_questions: ClassVar[bool] = True
    """Whether a form may ask anything; False for sources with a fixed wire format, such as a text message."""
    has_multiple_choice: ClassVar[bool] = True
    """Whether one question can have several answers at this source."""
    supports_pkce: ClassVar[bool] = True
    """Whether the authorisation server understands PKCE (RFC 7636), so that the connector has to use it."""
    withholds_scopes: ClassVar[bool] = False
    """Whether a person can untick single scopes on the consent page."""
    has_test_leads: ClassVar[bool] = False
    """Whether test leads of the source can be told from real ones."""
    tells_time: ClassVar[bool] = True
    """Whether a submission says when the person sent it, whichever way it comes."""
    lists_time: ClassVar[bool] = True
    """Whether the list says when; a delivery may say nothing of it."""
    lists_forms: ClassVar[bool] = True
    """Whether the source can be asked for its forms, as far as the connector asks."""
    default_part_id: ClassVar[str | None] = None
    """The account part (a page) that forms belong to unless said otherwise."""
    callback_path: ClassVar[str] = "/in/kit"
    first_id: ClassVar[int] = 7_100_000_000_000_001

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        Messaging.__init__(self)
        Converting.__init__(self)
        self.forms: dict[str, SourceForm] = {}
        self.submissions: dict[str, StoredSubmission] = {}
        self.deliveries: list[SentDelivery] = []
        self.largest_page = 100
        self.webhook_secret = SecretStr("simulated-webhook-secret-0001")
        self.previous_webhook_secret: SecretStr | None = SecretStr("simulated-webhook-secret-0000")
        self.callback_url = f"https://hub.example.com{self.callback_path}"
        self._delivering = DeliveryFaults()
        self._last_id = self.first_id - 1

    # --- what a subclass says -----------------------------------------------------------------------------

    @abstractmethod
    def settings(self) -> BaseModel | None:
        """The connector's settings that fit this simulator: client id, both webhook secrets ...; None if none."""

    def build_app(self) -> web.Application:
        """The routes of the platform: consent page, token endpoint, forms, submissions. Default: none."""
        return web.Application()

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """The signed requests with which the platform would announce these submissions, batched as it does.

        Pure. Raises ``KeyError`` for an unknown id and ``NotImplementedError`` where the source sends nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} delivers nothing; override delivery() if its source does")

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        """The request with the platform's signature under this secret, as of ``request.received_at``."""
        raise NotImplementedError(f"{type(self).__name__} signs nothing; override signed() if its source does")

    def unsigned(self, request: InboundRequest) -> InboundRequest:
        """The request without any signature (default: without ``signature_headers``)."""
        headers = {name: value for name, value in request.headers.items() if name not in self.signature_headers}
        return request.model_copy(update={"headers": headers})

    def unknown_event(self) -> InboundRequest | None:
        """A signed delivery of something that is no submission; None where the source knows only submissions."""
        return None

    def unreadable_delivery(self, source_ids: Sequence[str]) -> InboundRequest | None:
        """A signed batch of these submissions (there may be none) with one element in their midst that nobody can
        read; None where the source does not batch."""
        return None

    def challenge(self) -> Challenge | None:
        """The handshake before the first delivery, right in every respect; None where there is none."""
        return None

    def notice_request(self, kind: NoticeKind) -> InboundRequest | None:
        """A signed notice of this kind about ``account_id``; None where the source sends none."""
        return None

    def account_id(self) -> str | None:
        """The id of the account that ``authorize`` signs in to; None without accounts."""
        return None

    def part_ids(self) -> Sequence[str]:
        """The account parts that ``authorize`` reaches, where each can be lost alone; empty without such."""
        return ()

    def lose_part(self, part_id: str) -> None:
        """One part refuses the hub from now on, while the grant and the other parts live."""
        raise NotImplementedError(f"{type(self).__name__} has no parts; override lose_part() if it has")

    def regain_part(self, part_id: str) -> None:
        """The part lets the hub in again."""
        raise NotImplementedError(f"{type(self).__name__} has no parts; override regain_part() if it has")

    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        """For each error rule of the connector, by name, the answer that the platform documents."""
        return {}

    # --- leads at the source ------------------------------------------------------------------------------

    def add_form(
        self,
        name: str,
        questions: Sequence[Question] = (),
        *,
        form_id: str | None = None,
        part_id: str | None = None,
        language: str | None = None,
        is_live: bool = True,
    ) -> str:
        """Publish a form and return its id. An id that exists already changes that form."""
        chosen = form_id or self.next_id()
        self.forms[chosen] = SourceForm(
            id=chosen,
            name=name,
            questions=tuple(questions),
            part_id=part_id or self.default_part_id,
            is_live=is_live,
            language=language,
        )
        return chosen

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
        """One new lead, seen by listings at once; returns its id. It is delivered by ``delivery`` or ``send``.

        ``facts`` are further words of the platform about it (a campaign id), read by the subclass.
        """
        chosen = source_id or self.next_id()
        self.submissions[chosen] = StoredSubmission(
            source_id=chosen,
            form_id=form_id,
            answers={key: tuple(values) for key, values in answers.items()},
            submitted_at=submitted_at or self.clock.now(),
            is_test=is_test,
            facts=facts or {},
        )
        return chosen

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        """What an ordinary person answers; sources with a fixed wire format override it."""
        return {"full_name": (f"Ada Example {number}",), "email": (f"ada.{number}@example.com",)}

    def end_subscriptions(self) -> None:
        """The platform forgets by itself that the hub wanted deliveries."""
        raise NotImplementedError(f"{type(self).__name__} has no subscriptions; override end_subscriptions() if it has")

    def submissions_of(self, form_id: str) -> list[StoredSubmission]:
        """The leads of a form, newest first, as most platforms list them."""
        found = [each for each in self.submissions.values() if each.form_id == form_id]
        return sorted(found, key=lambda each: (each.submitted_at, each.source_id), reverse=True)

    def next_id(self) -> str:
        """A fresh id of the platform."""
        self._last_id += 1
        return str(self._last_id)

    def secrets(self) -> frozenset[str]:
        """Every token and secret that must never be seen in a log line, an exception or a repr."""
        fixed = [self.webhook_secret, self.previous_webhook_secret]
        settings = self.settings()
        if settings is not None:
            fixed += [value for _, value in settings if isinstance(value, SecretStr)]
        return self.tokens.values() | {each.get_secret_value() for each in fixed if each is not None}

    # --- faults of deliveries -----------------------------------------------------------------------------

    def duplicate(self, n: int = 2) -> None:
        """Send each delivery ``n`` times, until ``heal``."""
        self._delivering.copies = n

    def reorder(self, seed: int = 0) -> None:
        """Shuffle the deliveries of one ``send``, until ``heal``."""
        self._delivering.order = random.Random(seed)

    def drop(self, share: float, seed: int = 0) -> None:
        """Lose this share (0 to 1) of deliveries, until ``heal``."""
        self._delivering.dropped_share = share
        self._delivering.dice = random.Random(seed)

    def heal(self) -> None:
        """End all faults. Tokens that were expired or revoked stay so."""
        super().heal()
        self._delivering = DeliveryFaults()

    # --- the person, and the deliveries -------------------------------------------------------------------

    async def authorize(self, url: str, *, allow: bool = True, withhold: Collection[str] = ()) -> str:
        """Follow the consent page as the person would; returns the URL of the redirect with code and state.

        ``url`` is of the real platform. The page is expected to post ``decision`` (``allow`` or ``deny``) and
        ``withhold`` (scopes that the person unticked) to its own address and to redirect.
        """
        form = [("decision", "allow" if allow else "deny"), *(("withhold", scope) for scope in withhold)]
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.local(url)) as page,
        ):
            page.raise_for_status()
            async with session.post(self.local(url), data=form, allow_redirects=False) as answer:
                answer.raise_for_status()
                return answer.headers["Location"]

    async def send(
        self, url: str, source_ids: Iterable[str], *, at_once: bool = True, session: aiohttp.ClientSession | None = None
    ) -> list[SentDelivery]:
        """Deliver over HTTP to ``url``, under the delivery faults, and keep what was answered.

        ``at_once``: batched as the platform does; else each submission in a request of its own.
        """
        ids = list(source_ids)
        groups = [ids] if at_once and ids else [[each] for each in ids]
        planned = [(request, tuple(group)) for group in groups for request in self.delivery(group)]
        sent = [SentDelivery(request, group) for request, group in self._delivering.disturb(planned)]
        self.deliveries.extend(sent)
        await self._post_all(url, sent, session)
        return sent

    async def send_again(self, url: str, session: aiohttp.ClientSession | None = None) -> list[SentDelivery]:
        """Repeat every delivery that was not acknowledged, as platforms do; freshly signed."""
        open_ones = [each for each in self.deliveries if not each.is_acknowledged]
        for each in open_ones:
            fresh = each.request.model_copy(update={"received_at": self.clock.now()})
            each.request = self.signed(fresh, self.webhook_secret)
        await self._post_all(url, open_ones, session)
        return open_ones

    async def _post_all(self, url: str, sent: list[SentDelivery], session: aiohttp.ClientSession | None) -> None:
        if session is not None:
            for each in sent:
                each.status = await _post(session, url, each.request)
            return
        async with aiohttp.ClientSession() as own:
            for each in sent:
                each.status = await _post(own, url, each.request)

    def inbound(
        self, body: bytes, headers: Mapping[str, str] | None = None, *, method: str = "POST", query: str = ""
    ) -> InboundRequest:
        """A request to the callback address, received now, not signed yet. ``query`` is raw (``a=1&b=2``)."""
        url = f"{self.callback_url}?{query}" if query else self.callback_url
        return InboundRequest(
            method=method,
            url=url,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={"content-type": "application/json", **(headers or {})},
            body=body,
            received_at=self.clock.now(),
        )


async def _post(session: aiohttp.ClientSession, url: str, request: InboundRequest) -> int | None:
    query = urlsplit(request.url).query
    target = f"{url}?{query}" if query else url
    try:
        async with session.request(
            request.method, target, data=request.body, headers=dict(request.headers), allow_redirects=False
        ) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None
