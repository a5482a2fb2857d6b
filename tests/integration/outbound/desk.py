"""A desk from which messages are sent: a lead that wrote by text message, a connection, a platform that keeps count."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.access import Access
from hub.connector.base import Sends
from hub.connector.conversations import Channel, Preference
from hub.connector.sending import OutgoingMessage, Sent
from hub.core.connections.models import connections, connector_apps
from hub.core.conversations.models import threads
from hub.core.jobs import service as jobs
from hub.core.leads.service import Author
from hub.core.opt_outs import service as opt_outs
from hub.core.opt_outs.addresses import address_key
from hub.core.outbound import service
from hub.core.outbound.addressing import Wanted
from hub.core.outbound.models import outgoing_messages
from hub.core.outbound.moving import SEND, send_job
from hub.core.outbound.senders import Sender
from hub.core.outbound.service import Queued
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.jobs.addresses import WebhookAddresses
from hub.jobs.handling import Handlers
from hub.jobs.sending import Sending
from hub.testing.clock import VirtualClock
from tests.factories import PlainConnector
from tests.integration.intake.conftest import Office

T = TypeVar("T")
PERSON, OWN = "+14155552671", "+15005550006"
ME = Author("user:00000000-0000-0000-0000-000000000001")
NOON = timedelta(hours=11)
"""From the start of the clock to noon where the organisation is."""


class Platform(PlainConnector, Sends):
    """Takes messages, and raises what is scripted for each attempt by its number, counted from 0.

    ``before`` is awaited as soon as a request has arrived, ``taken`` when the platform has the message.
    """

    reply_window: ClassVar[dict[Channel, timedelta]] = {Channel.WHATSAPP: timedelta(hours=24)}

    def __init__(self) -> None:
        self.arrived: list[OutgoingMessage] = []
        self.refusing: dict[int, Exception] = {}
        self.losing: dict[int, Exception] = {}
        self.before: Callable[[OutgoingMessage], Awaitable[None]] | None = None
        self.attempts = 0

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        number = self.attempts
        self.attempts += 1
        if self.before is not None:
            await self.before(message)
        if number in self.refusing:
            raise self.refusing[number]
        self.arrived.append(message)
        if number in self.losing:
            raise self.losing[number]
        return Sent(provider_id=f"p-{message.id}")

    @property
    def texts(self) -> list[str]:
        """What arrived, in order."""
        return [each.text for each in self.arrived]


@dataclass(frozen=True)
class Only:
    """The one platform is the only one that sends, on every channel but calls."""

    platform: Platform

    def find(
        self, connection: Connection, organisation_id: UUID, connector_key: str, app_id: UUID | None
    ) -> Sender | None:
        channels = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.CHAT})
        return Sender(self.platform, channels) if connector_key == "reference" else None


@dataclass
class Opened:
    """Opens every connection; notes what failed."""

    failures: list[Exception] = field(default_factory=list)

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        raise NotImplementedError

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        try:
            return await work(Access(None, VirtualClock()))  # type: ignore[arg-type]  # nothing is called
        except Exception as failure:
            self.failures.append(failure)
            raise


@dataclass
class Desk:
    """What the tests act on."""

    office: Office
    lead_id: UUID
    connection_id: UUID
    app_id: UUID
    platform: Platform
    process: str = "test-0"
    opened: Opened = field(default_factory=Opened)

    @property
    def database(self) -> Database:
        return self.office.database

    @property
    def clock(self) -> VirtualClock:
        return self.office.clock

    def write(self, text: str = "Hello Ada", *, key: str | None = None, **wanted: Any) -> Queued:
        """Ask for a message now."""
        return self.database.write_now(
            service.queue_message,
            self.office.organisation_id,
            wanted.pop("lead_id", self.lead_id),
            Wanted(text, **wanted),
            senders=Only(self.platform),
            author=ME,
            now=self.clock.now(),
            idempotency_key=key,
        )

    def sending(self, process: str | None = None) -> Sending:
        """The handlers of a process."""
        addresses = WebhookAddresses(self.database, "https://hub.example.com")
        connectors = {"reference": self.platform}
        return Sending(self.database, self.clock, connectors, self.opened, process or self.process, addresses)

    async def send(self) -> None:
        """Send what may leave now, as the job does."""
        await self.sending().send(send_job(self.office.organisation_id, self.connection_id).payload)

    async def work(self) -> int:
        """Run the send jobs that are due, with the engine's rules for failures; says how many there were."""
        handlers = Handlers(self.database, self.clock, self.process)
        handlers.register(SEND, self.sending().send, limit=timedelta(hours=1), recurring=True)
        handed = await self.database.write(jobs.hand_over, self.process, self.clock.now(), 100)
        for job in handed:
            await handlers.run(job.id, job.generation)
        return len(handed)

    def opt_out(self, address: str = PERSON, preference: Preference = Preference.OPT_OUT) -> None:
        """The person says stop (or start)."""
        self.database.write_now(self.note_opt_out, address, preference)

    def note_opt_out(
        self, connection: Connection, address: str = PERSON, preference: Preference = Preference.OPT_OUT
    ) -> None:
        """The same in a transaction of the caller's."""
        opt_outs.record(
            connection,
            self.office.organisation_id,
            [address_key(Channel.SMS, address)],
            preference=preference,
            cause=opt_outs.Cause.WORD,
            channel=Channel.SMS,
            actor="person",
            said_at=self.clock.now(),
            now=self.clock.now(),
        )

    def add_thread(self, lead_id: UUID | None = None, **facts: Any) -> None:
        """A conversation of the lead; the person wrote just now."""
        now = self.clock.now()
        row = {
            "id": new_id(),
            "organisation_id": self.office.organisation_id,
            "connection_id": self.connection_id,
            "key": str(new_id()),
            "channel": Channel.SMS,
            "sender": PERSON,
            "recipient": OWN,
            "lead_id": lead_id or self.lead_id,
            "is_begun": True,
            "last_inbound_at": now,
            "created_at": now,
        }
        self.database.write_now(lambda c: c.execute(sa.insert(threads).values(**{**row, **facts})))

    def messages(self) -> Sequence[Any]:
        """Every message, oldest first."""
        return self.office.rows(outgoing_messages)

    @property
    def states(self) -> list[str]:
        """The state of each message, oldest first."""
        return [row.state for row in self.messages()]


def add_app(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> UUID:
    """The app behind a connection."""
    app_id = new_id()
    row = {"id": app_id, "organisation_id": organisation_id, "connector": "reference", "name": "App"}
    connection.execute(sa.insert(connector_apps).values(**row, endpoint_key=str(app_id), created_at=now, edited_at=now))
    mine = (connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
    connection.execute(sa.update(connections).where(*mine).values(app_id=app_id))
    return app_id
