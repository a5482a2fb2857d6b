"""A connector connected with its simulated source, as the hub would have done it; used by the rules."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Polls, Receives, ReportsConversions, Sends
from hub.connector.conversations import Channel
from hub.connector.conversions import Conversion
from hub.connector.errors import ConnectorError
from hub.connector.models import (
    Cursor,
    Grant,
    InboundRequest,
    Page,
    Pointer,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.oauth import Redirect, authorize_url
from hub.connector.sending import OutgoingMessage
from hub.testing.clock import VirtualClock
from hub.testing.rules import RuleBrokenError, Rules, require
from hub.testing.simulator import Simulator
from hub.testing.transport import PATIENCE, LoopbackTransport

REDIRECT_URI = "https://hub.example.com/oauth/callback"
STATE = "kit-state-8d1f"
VERIFIER = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
"""The code verifier of RFC 7636 appendix B."""


@dataclass
class ConnectedSource:
    """The simulator, the connector, and the grant between them (None before ``sign_in``)."""

    simulator: Simulator
    connector: Connector
    clock: VirtualClock
    transport: LoopbackTransport
    grant: Grant | None = None
    account_id: str | None = None
    authorised_with: dict[str, str] = field(default_factory=dict)

    @property
    def access(self) -> Access:
        """What the hub would hand to the connector now."""
        return self.access_through(self.transport)

    def access_through(self, transport: LoopbackTransport) -> Access:
        """The same over another transport."""
        return Access(
            transport,
            self.clock,
            grant=self.grant,
            settings=self.simulator.settings(),
            account_id=self.account_id,
            error_rules=self.connector.error_rules,
            hosts=self.connector.manifest.hosts,
        )

    # --- signing in ---------------------------------------------------------------------------------------

    def consent_url(self) -> str:
        """Where the admin would be sent."""
        connector = cast(Authorizes, self.connector)
        settings = self.simulator.settings()
        if settings is None:
            raise RuleBrokenError("settings() of the simulator must return the app credentials")
        placeholders = {name: str(value) for name, value in settings if not isinstance(value, SecretStr)}
        return authorize_url(
            connector.oauth_for(settings),
            connector.credentials(settings),
            redirect=Redirect(REDIRECT_URI, VERIFIER),
            state=STATE,
            placeholders=placeholders,
        )

    async def sign_in(self, withhold: Sequence[str] = ()) -> None:
        """Get a grant the way an admin does; nothing to do for a connector without sign-in."""
        if not isinstance(self.connector, Authorizes):
            return
        redirect = await self.simulator.authorize(self.consent_url(), withhold=withhold)
        self.authorised_with = dict(parse_qsl(urlsplit(redirect).query))
        require("code" in self.authorised_with, "the simulated consent page redirected without a code")
        code = SecretStr(self.authorised_with["code"])
        self.grant = await self.connector.exchange(code, Redirect(REDIRECT_URI, VERIFIER), self.access)
        self.account_id = self.simulator.account_id()

    async def renew(self) -> Grant:
        """Renew as the hub does: without a new refresh token, the old one stays."""
        if self.grant is None or not isinstance(self.connector, Authorizes):
            raise RuleBrokenError("there is no grant to renew")
        fresh = await self.connector.renew(self.grant, self.access)
        if fresh.refresh_token is None:
            fresh = fresh.model_copy(update={"refresh_token": self.grant.refresh_token})
        self.grant = fresh
        return fresh

    # --- reading ------------------------------------------------------------------------------------------

    def form(self, name: str = "Kit form", *, part_id: str | None = None) -> SourceForm:
        """A new form at the source, with its simulated fields."""
        return self.simulator.forms[self.simulator.add_form(name, part_id=part_id)]

    def add(self, form: SourceForm, count: int, *, newest_ago: timedelta = timedelta(hours=3)) -> list[str]:
        """Leads of different people, a minute apart; the newest was sent ``newest_ago``."""
        start = self.clock.now() - newest_ago - timedelta(minutes=count - 1)
        return [
            self.simulator.add_submission(
                form.id,
                self.simulator.sample_answers(number),
                submitted_at=start + timedelta(minutes=number),
            )
            for number in range(count)
        ]

    async def pages(self, form: SourceForm, since: Cursor | None = None) -> list[Page]:
        """One whole pull."""
        return [page async for page in self.polling.fetch(self.access, form, since)]

    async def pull(self, form: SourceForm, since: Cursor | None = None) -> list[RawSubmission]:
        """The submissions of one whole pull."""
        return [raw for page in await self.pages(form, since) for raw in page.submissions]

    @property
    def has_list(self) -> bool:
        """Whether the source, as it is set up, can be polled."""
        settings = self.simulator.settings()
        return isinstance(self.connector, Polls) and (settings is None or self.connector.lists(settings))

    @property
    def polling(self) -> Polls:
        """The connector as one that polls."""
        return cast(Polls, self.connector)

    @property
    def receiving(self) -> Receives:
        """The connector as one that receives."""
        return cast(Receives, self.connector)

    def receive(self, request: InboundRequest) -> Received:
        """What the connector makes of a request, under the simulator's secret."""
        return self.receiving.receive(request, self.simulator.webhook_secret)

    def deliver(self, ids: Sequence[str]) -> list[Received]:
        """Deliver these submissions, in as many requests as the platform uses."""
        return [self.receive(request) for request in self.simulator.delivery(ids)]

    def deliver_signed(self, request: InboundRequest, body: bytes) -> Received:
        """Deliver another body, signed as if the platform had sent it."""
        changed = request.model_copy(update={"body": body})
        return self.receive(self.simulator.signed(changed, self.simulator.webhook_secret))

    async def readings(self, source_id: str) -> list[RawSubmission]:
        """One submission, as each path of the connector reads it: pulled, delivered, resolved."""
        found: list[RawSubmission] = []
        if self.has_list:
            form = self.simulator.forms[self.simulator.submissions[source_id].form_id]
            found += [raw for raw in await self.pull(form) if raw.source_id == source_id]
        if isinstance(self.connector, Receives):
            for received in self.deliver([source_id]):
                found += received.submissions
                found += [await self.resolve(pointer) for pointer in received.pointers]
        require(bool(found), f"submission {source_id} came on no path")
        return [self.stored(raw) for raw in found]

    def stored(self, raw: RawSubmission) -> RawSubmission:
        """As the hub keeps it: with the time at which it came."""
        return raw.model_copy(update={"received_at": raw.received_at or self.clock.now()})

    async def resolve(self, pointer: Pointer) -> RawSubmission:
        """Fetch what a thin delivery pointed at."""
        return await self.receiving.resolve(self.access, pointer)

    async def normalised(self, source_id: str) -> list[Submission]:
        """One submission as each path reads it, normalised."""
        return [self.connector.normalise(raw) for raw in await self.readings(source_id)]

    def calls(self, access: Access) -> dict[str, Callable[[], Awaitable[object]]]:
        """Every kind of API call that the connector can make, by name."""
        form = self.form()
        source_id = self.add(form, 1)[0]
        found: dict[str, Callable[[], Awaitable[object]]] = {}
        if type(self.connector).identify is not Connector.identify:
            found["identify"] = lambda: self.connector.identify(access)
        if type(self.connector).list_forms is not Connector.list_forms:
            found["list_forms"] = lambda: self.connector.list_forms(access)
        if self.has_list:
            found["fetch"] = lambda: _exhaust(self.polling.fetch(access, form, None))
        if isinstance(self.connector, Receives) and type(self.connector).resolve is not Receives.resolve:
            pointer = Pointer(source_id=source_id, form_id=form.id, part_id=form.part_id)
            found["resolve"] = lambda: self.receiving.resolve(access, pointer)
        found |= self._reports(access, source_id)
        if isinstance(self.connector, Sends) and self.simulator.channels:
            message = self.message("Shall we say 10:30?")
            found["send"] = lambda: self.sending.send(access, message)
        return found

    @property
    def sending(self) -> Sends:
        """The connector as one that sends."""
        return cast(Sends, self.connector)

    def message(self, text: str, channel: Channel | None = None, *, number: int = 1) -> OutgoingMessage:
        """A message to an invented person, with an id of its own for each person and channel."""
        chosen = channel or self.simulator.channels[0]
        return OutgoingMessage(
            id=f"0190aa00-0000-7000-8000-{self.simulator.channels.index(chosen):06}{number:06}",
            channel=chosen,
            sender=self.simulator.own_address(chosen),
            recipient=self.simulator.person_address(chosen, number),
            text=text,
        )

    async def refusal(self, *, opted_out: bool) -> ConnectorError | None:
        """What comes of a message to somebody whom the source refuses."""
        message = self.message("Are you there?")
        self.simulator.refuse_recipient(message.recipient, opted_out=opted_out)
        return await raised_by(lambda: self.sending.send(self.access, message))

    def conversion(self, source_id: str, event_id: str) -> Conversion:
        """That somebody was found fit for an offer an hour ago, as the hub would report it."""
        return Conversion(
            event_id=event_id,
            event_name="Qualified",
            happened_at=self.clock.now() - timedelta(hours=1),
            submitted_at=self.simulator.submissions[source_id].submitted_at,
            lead_id=source_id,
            click_ids=self.simulator.clicks_of(source_id),
        )

    def _reports(self, access: Access, source_id: str) -> dict[str, Callable[[], Awaitable[object]]]:
        connector = self.connector
        if not isinstance(connector, ReportsConversions):
            return {}
        event, target = self.conversion(source_id, "event-of-a-call"), self.simulator.conversion_target()
        return {
            "list_conversion_targets": lambda: connector.list_conversion_targets(access),
            "report_conversions": lambda: connector.report_conversions(access, target, [event]),
        }


def references_in(received: Received) -> list[str]:
    """The ids of all submissions and pointers of a delivery, sorted; an unreadable one is an empty text."""
    return sorted(
        [each.source_id or "" for each in received.submissions] + [each.source_id for each in received.pointers]
    )


@asynccontextmanager
async def connect(
    kit: Rules, *, signed_in: bool = True, clock: VirtualClock | None = None, largest_page: int = 100
) -> AsyncIterator[ConnectedSource]:
    """The kit's connector with a fresh simulator, signed in where it can sign in."""
    chosen = clock or VirtualClock()
    simulator = kit.simulator(chosen)
    simulator.largest_page = largest_page
    async with simulator, LoopbackTransport(simulator.origin_overrides(), timeout=PATIENCE) as transport:
        source = ConnectedSource(simulator, kit.connector, chosen, transport)
        if signed_in:
            await source.sign_in()
        yield source


async def raised_by(call: Callable[[], Awaitable[object]]) -> ConnectorError | None:
    """The named error of a call; None where it succeeds. Anything else that it raises is passed on."""
    try:
        await call()
    except ConnectorError as error:
        return error
    return None


def ids_of(submissions: Sequence[RawSubmission]) -> list[str]:
    """Their ids, sorted, so that doubles show."""
    return sorted(each.source_id or "" for each in submissions)


def answers_of(submission: Submission) -> Mapping[str, tuple[str, ...]]:
    """Answers by question key."""
    return {each.key: each.values for each in submission.answers}


async def _exhaust(pages: AsyncIterator[Page]) -> None:
    async for _ in pages:
        pass
