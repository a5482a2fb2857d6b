"""The ledger over the API: balance, receipts, redrive, and a stream of what comes in."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from hub.core.accounts.permissions import Permission
from hub.core.intake import balance, queries, redriving
from hub.core.intake.overdue import alert_of
from hub.core.intake.queries import ReceiptFilter
from hub.core.outbox.queries import Position, events_after, position_after
from hub.web.api.configuration_fields import Key, Moment
from hub.web.api.failures import failures as core_failures
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.streams import Event
from hub.web.problems import FieldProblem, Problem, invalid
from hub.web.working_parts import WorkingParts

RECEIPTS = RouteGroup("Ledger", failures=core_failures)
_VIEW, _EDIT = Permission("receipts", "view"), Permission("receipts", "edit")
_LOOK_EVERY = 0.5
DispositionName = Literal["pending", "lead_created", "attached", "duplicate", "test", "spam", "quarantined", "rejected"]


class Days(Input):
    """UTC days, both included."""

    since: date | None = None
    until: date | None = None


class BalanceLine(BaseModel):
    """One source, way in and day; ``holds`` says that received is the sum of the dispositions."""

    connection_id: UUID | None
    connection_name: str | None
    connector: str | None
    path: str
    day: date
    received: int
    counts: dict[str, int]
    holds: bool


class PathShareShown(BaseModel):
    """Per source form of the last 30 days: how many submissions each path saw, and which path saw them first."""

    connection_id: UUID | None
    form_id: str | None
    submissions: int
    seen_by: dict[str, int]
    found_by: dict[str, int]


class OverdueShown(BaseModel):
    """The alert that stands while receipts are pending for too long: how many there were at the last look."""

    model_config = ConfigDict(from_attributes=True)

    receipts: int
    oldest_received_at: datetime
    raised_at: datetime


class Balance(BaseModel):
    """The ledger; ``totals`` over all lines. ``overdue`` is None while no receipt is pending for too long."""

    lines: list[BalanceLine]
    totals: dict[str, int]
    holds: bool
    paths: list[PathShareShown]
    overdue: OverdueShown | None


class ReceiptQuery(Input):
    """Filters of the receipt list; several narrow each other."""

    disposition: DispositionName | None = None
    reason: Key | None = None
    connection_id: UUID | None = None
    source_id: Key | None = None
    lead_id: UUID | None = None
    received_from: Moment | None = None
    received_until: Moment | None = None
    limit: int = Field(50, ge=1, le=200, description="How many rows at most.")
    after: UUID | None = Field(None, description="The id of the last receipt of the page before.")


class ReceiptShown(BaseModel):
    """A line of the receipt list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    connection_id: UUID | None
    connector: str
    path: str
    form_id: str | None
    source_id: str | None
    received_at: datetime
    disposition: str
    reason: str | None
    detail: str | None
    suspicions: list[str] | None
    lead_id: UUID | None
    settled_at: datetime | None


class ReceiptPage(BaseModel):
    """One page of receipts, newest first."""

    items: list[ReceiptShown]
    next_after: UUID | None


class ReceiptDetail(ReceiptShown):
    """One receipt with all that was kept. ``raw`` is base64: the bytes as received."""

    delivery_id: UUID
    position: int
    is_pointer: bool
    payload: JsonValue
    headers: dict[str, str]
    raw: str | None
    attempts: int


class ReceiptPath(Input):
    """One receipt."""

    receipt_id: UUID


class Redrive(Input):
    """Which receipts go back to work: these, or all that the filters name. At most 500 in one call."""

    receipt_ids: Annotated[list[UUID], Field(min_length=1, max_length=500)] | None = None
    disposition: Literal["spam", "quarantined", "rejected"] | None = None
    reason: Key | None = None
    connection_id: UUID | None = None
    received_from: Moment | None = None
    received_until: Moment | None = None
    settled_before: Moment | None = None


class RedriveAnswer(BaseModel):
    """How many went back to work; ``more`` says to call again with the same ``settled_before``."""

    receipts: int
    more: bool
    settled_before: datetime


class Happened(BaseModel):
    """Something that happened to a lead or a connection."""

    id: UUID
    kind: str
    subject_id: UUID
    payload: dict[str, JsonValue]
    occurred_at: datetime


class Listening(BaseModel):
    """From here on the stream tells everything; what happened before is in the answers of the other addresses."""

    kind: Literal["listening"] = "listening"


@RECEIPTS.route(
    "GET", "/api/v1/ledger", permission=_VIEW, query=Days, answers=Balance, summary="The balance by source and day"
)
async def show_balance(call: Call[NoInput, Days]) -> Balance:
    """Received = new leads + attached + duplicates + test + spam + quarantined + rejected + pending."""
    organisation_id, database = call.reach.organisation_id, call.services.database
    lines = await database.read(balance.balance, organisation_id, since=call.query.since, until=call.query.until)
    shares = await database.read(balance.path_shares, organisation_id, call.now - timedelta(days=30))
    alert = await database.read(alert_of, organisation_id)
    totals: dict[str, int] = {"received": 0}
    for line in lines:
        totals["received"] += line.received
        for entry, number in line.counts.items():
            totals[str(entry)] = totals.get(str(entry), 0) + number
    return Balance(
        lines=[
            BalanceLine(
                connection_id=line.connection_id,
                connection_name=line.connection_name,
                connector=line.connector,
                path=line.path,
                day=line.day,
                received=line.received,
                counts={str(entry): number for entry, number in line.counts.items()},
                holds=line.holds,
            )
            for line in lines
        ],
        totals=totals,
        holds=all(line.holds for line in lines),
        paths=[PathShareShown(**vars(share)) for share in shares],
        overdue=OverdueShown.model_validate(alert) if alert is not None else None,
    )


@RECEIPTS.route(
    "GET", "/api/v1/receipts", permission=_VIEW, query=ReceiptQuery, answers=ReceiptPage, summary="List receipts"
)
async def list_receipts(call: Call[NoInput, ReceiptQuery]) -> ReceiptPage:
    """Every receipt is here, whatever became of it."""
    query = call.query
    rows = await call.services.database.read(
        queries.list_receipts,
        call.reach.organisation_id,
        ReceiptFilter(**query.model_dump(exclude={"limit", "after"})),
        after=query.after,
        limit=query.limit + 1,
    )
    shown = [ReceiptShown.model_validate(row) for row in rows[: query.limit]]
    return ReceiptPage(items=shown, next_after=shown[-1].id if len(rows) > query.limit else None)


@RECEIPTS.route(
    "GET",
    "/api/v1/receipts/{receipt_id}",
    permission=_VIEW,
    path=ReceiptPath,
    answers=ReceiptDetail,
    summary="Show a receipt",
)
async def show_receipt(call: Call[ReceiptPath]) -> ReceiptDetail:
    """With the raw bytes and headers of the delivery that it came in."""
    database, organisation_id = call.services.database, call.reach.organisation_id
    row = await database.read(queries.find_receipt, organisation_id, call.path.receipt_id)
    if row is None:
        raise Problem(404, "not-found", "There is no such receipt.")
    delivery = await database.read(queries.raw_of_delivery, organisation_id, row.delivery_id)
    raw = base64.b64encode(delivery.raw).decode() if delivery is not None and delivery.raw is not None else None
    headers = delivery.headers if delivery is not None else {}
    return ReceiptDetail.model_validate({**row._asdict(), "raw": raw, "headers": headers})


@RECEIPTS.route(
    "POST",
    "/api/v1/receipts/redrive",
    permission=_EDIT,
    body=Redrive,
    answers=RedriveAnswer,
    summary="Release held receipts and try failed ones again",
)
async def redrive(call: Call[NoInput, NoInput, Redrive]) -> RedriveAnswer:
    """Twice is the same as once: a receipt that became a lead is not touched."""
    body = call.body
    if body.receipt_ids is None and body.disposition is None and body.reason is None:
        detail = "Name receipts, or a disposition or reason to choose them by."
        raise invalid([FieldProblem(pointer="/receipt_ids", detail=detail)])
    parts = call.services.get(WorkingParts)
    done = await call.services.database.write(
        redriving.redrive,
        call.reach.organisation_id,
        ReceiptFilter(**body.model_dump(exclude={"receipt_ids", "settled_before"})),
        process_name=parts.process_name,
        actor=call.principal.actor,
        now=call.now,
        receipt_ids=tuple(body.receipt_ids) if body.receipt_ids is not None else None,
        settled_before=body.settled_before,
    )
    await parts.on_redriven()
    return RedriveAnswer(receipts=done.receipts, more=done.more, settled_before=body.settled_before or call.now)


@RECEIPTS.stream("/api/v1/events", permission=_VIEW, events=Happened, summary="Stream of what happens")
async def stream_events(call: Call) -> AsyncIterator[Event]:
    """New leads, further enquiries, assignments, stage changes, connection notices; goes on after Last-Event-ID.

    The first event is ``listening``: whoever reads a list after it misses nothing between the list and the stream.
    """
    database, organisation_id = call.services.database, call.reach.organisation_id
    last = await database.read(position_after, organisation_id, call.last_event_id)
    yield Event(id=str(last), kind="listening", content=Listening())
    while True:
        rows = await database.read(events_after, organisation_id, last)
        for row in rows:
            last = Position.of(row)
            content = Happened.model_validate(row, from_attributes=True)
            yield Event(id=str(last), kind=row.kind, content=content)
        if not rows:
            await asyncio.sleep(_LOOK_EVERY)
