"""A source of leads for the jobs: it lists newest first, in pages, and fails where it is told to."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from uuid import UUID

import sqlalchemy as sa

from hub.connector.access import Access, HttpAnswer
from hub.connector.base import Authorizes, Connector, Polls, Subscribes
from hub.connector.clock import Clock
from hub.connector.models import (
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
from hub.core.connections.models import connections, pull_marks
from hub.core.field_mappings.models import source_forms
from hub.core.intake.receipts import Accepted, Delivery
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.jobs.opening import ConnectionKey

T = TypeVar("T")
OVERLAP = timedelta(hours=2)
KEY = "fake"


@dataclass
class Platform:
    """What the source holds. Each scripted error is raised once, before the page (or call) of that number."""

    leads: dict[str, datetime] = field(default_factory=dict)
    page_size: int = 2
    errors: dict[int, Exception] = field(default_factory=dict)
    forms: list[SourceForm] = field(default_factory=list)
    is_subscribed: bool = True
    resolving: dict[str, list[Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def stumble(self, step: int) -> None:
        """Raise what is scripted for this step."""
        error = self.errors.pop(step, None)
        if error is not None:
            raise error


class FakeSource(Connector, Polls, Subscribes, Authorizes):
    """Pages are keyset pages: position and lower bound travel in the token, as a platform's own cursor has both."""

    manifest: ClassVar[Manifest] = Manifest(key=KEY, name="Fake", contract=1, source_code="fake", overlap=OVERLAP)
    oauth: ClassVar[OAuthProfile] = OAuthProfile(authorize_url="https://x", token_url="https://x", scopes=())

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def normalise(self, raw: RawSubmission) -> Submission:
        raise NotImplementedError

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        return self.platform.forms

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        newest = since.mark if since else None
        floor, below = newest, None
        if since is not None and since.token is not None:
            low, when, name = since.token.split("|")
            floor = datetime.fromisoformat(low) if low else None
            below = (datetime.fromisoformat(when), name)
        step = 0
        while True:
            self.platform.stumble(step)
            step += 1
            found = sorted(((at, name) for name, at in self.platform.leads.items()), reverse=True)
            found = [one for one in found if (floor is None or one[0] >= floor) and (below is None or one < below)]
            page, rest = found[: self.platform.page_size], found[self.platform.page_size :]
            newest = (
                max([newest] if newest else [], default=None) if not page else max(newest or page[0][0], page[0][0])
            )
            raws = tuple(RawSubmission(source_id=name, form_id=form.id, body={"at": str(at)}) for at, name in page)
            if not rest:
                yield Page(submissions=raws, cursor=Cursor(mark=newest if page or below else None))
                return
            below = page[-1]
            token = f"{floor.isoformat() if floor else ''}|{below[0].isoformat()}|{below[1]}"
            yield Page(submissions=raws, cursor=Cursor(mark=newest, token=token))

    def receive(self, request: InboundRequest, secret: object) -> Received:
        return Received()

    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        self.platform.calls.append(pointer.source_id)
        if self.platform.resolving.get(pointer.source_id):
            raise self.platform.resolving[pointer.source_id].pop(0)
        return RawSubmission(source_id=pointer.source_id, form_id=pointer.form_id, body={})

    async def subscribe(self, access: Access, callback_url: str) -> None:
        self.platform.calls.append(f"subscribe {callback_url}")
        self.platform.is_subscribed = True

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        return self.platform.is_subscribed

    async def unsubscribe(self, access: Access) -> None:
        self.platform.is_subscribed = False


class NoTransport:
    """Nothing is called over the network here."""

    async def send(self, method: str, url: str, **ignored: object) -> HttpAnswer:
        raise AssertionError("no request was expected")


class DirectConnections:
    """Opens every connection without a grant store; notes what was opened and what failed."""

    def __init__(self, clock: Clock) -> None:
        self.access = Access(NoTransport(), clock, grant=Grant(access_token="t"))  # type: ignore[arg-type]
        self.opened: list[UUID] = []
        self.failures: list[Exception] = []

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        self.opened.append(connection_id)
        return self.access

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        try:
            return await work(await self.open(organisation_id, connection_id))
        except Exception as failure:
            self.failures.append(failure)
            raise


class KeepingLedger:
    """Keeps deliveries; raises a scripted error instead of storing one."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.errors: dict[int, Exception] = {}
        self.asked = 0

    async def accept(self, delivery: Delivery) -> Accepted:
        self.asked += 1
        error = self.errors.pop(self.asked, None)
        if error is not None:
            raise error
        self.deliveries.append(delivery)
        return Accepted(tuple(new_id() for _ in delivery.submissions))

    @property
    def names(self) -> list[str]:
        """Every source id stored, with repetitions."""
        return [str(raw.source_id) for delivery in self.deliveries for raw in delivery.submissions]


def make_connection(database: Database, now: datetime, *, state: str = "active") -> ConnectionKey:
    """A connection of a new organisation."""
    key = ConnectionKey(new_id(), new_id())
    organisation = {"name": "A", "country": "DE", "language": "de", "time_zone": "UTC", "created_at": now}
    row = {
        "id": key.connection_id,
        "organisation_id": key.organisation_id,
        "connector": KEY,
        "name": "C",
        "missing_rights": [],
        "state": state,
        "created_at": now,
        "state_changed_at": now,
    }
    database.write_now(
        lambda c: (
            c.execute(sa.insert(organisations).values(id=key.organisation_id, **organisation)),
            c.execute(sa.insert(connections).values(**row)),
        )
    )
    return key


def make_form(database: Database, key: ConnectionKey, now: datetime, *, marked: bool = True) -> UUID:
    """A source form of a connection, with its mark."""
    form_id = new_id()
    row = {
        "id": form_id,
        "organisation_id": key.organisation_id,
        "connection_id": key.connection_id,
        "form_id": str(form_id),
        "name": "F",
        "questions": [],
        "questions_digest": "",
        "is_live": True,
        "first_seen_at": now,
        "last_seen_at": now,
    }
    database.write_now(lambda c: c.execute(sa.insert(source_forms).values(**row)))
    if marked:
        mark = {
            "source_form_id": form_id,
            "organisation_id": key.organisation_id,
            "connection_id": key.connection_id,
            "next_run_at": now,
        }
        database.write_now(lambda c: c.execute(sa.insert(pull_marks).values(**mark)))
    return form_id


def marks(database: Database, key: ConnectionKey) -> list[sa.Row[tuple[object, ...]]]:
    """Where the pulls of an organisation stand."""
    seen = sa.select(pull_marks).where(pull_marks.c.organisation_id == key.organisation_id)
    return list(database.read_now(lambda c: c.execute(seen.order_by(pull_marks.c.source_form_id)).all()))
