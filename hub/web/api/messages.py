"""Messages to leads: asked for, followed, called back; and the hours in which nobody is written to."""

from datetime import datetime, time
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.connector.conversations import Channel
from hub.core.accounts.permissions import Permission
from hub.core.audit import service as audit
from hub.core.leads.queries import find_lead
from hub.core.outbound import queries, service
from hub.core.outbound.addressing import Wanted
from hub.core.outbound.errors import MessageRefusedError
from hub.core.outbound.quiet_hours import QuietHours
from hub.core.outbound.senders import InstalledSenders
from hub.core.outbound.states import MessageState
from hub.db.types import AnyRow
from hub.web.api.failures import failures as core_failures
from hub.web.api.leads import HIDDEN, LeadPath, author, not_found, visibility
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.problems import FieldProblem, Problem, invalid
from hub.web.working_parts import WorkingParts

LONGEST_TEXT = 4096
_VIEW, _SEND = Permission("leads", "view"), Permission("messages", "send")
_CONTACTS = Permission("lead_contacts", "view")
_SEE_SETTINGS, _EDIT_SETTINGS = (Permission("lead_settings", action) for action in ("view", "edit"))


def _failures(error: Exception) -> Problem | None:
    if isinstance(error, MessageRefusedError):
        return Problem(409, error.code.replace("_", "-"), f"{error.message[:1].upper()}{error.message[1:]}.")
    return core_failures(error)


MESSAGES = RouteGroup("Messages", failures=_failures)


class MessagePath(LeadPath):
    """One message to a lead."""

    message_id: UUID


class NewMessage(Input):
    """What to send. Connection, channel and own address are those of the lead's latest conversation unless given."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
    connection_id: UUID | None = None
    channel: Channel | None = None
    sender: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class MessageQuery(Input):
    """Which part of the list."""

    limit: int = Field(50, ge=1, le=200, description="How many rows at most.")
    after: UUID | None = Field(None, description="The id of the last message of the page before.")


class MessageShown(BaseModel):
    """One message. ``reason`` and ``detail`` say why it did not get through; ``not_before`` is when it may leave.

    Without the right to see contact data, ``recipient`` is ``hidden``.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    lead_id: UUID
    connection_id: UUID
    channel: Channel
    sender: str
    recipient: str
    text: str
    state: MessageState
    reason: str | None
    detail: str | None
    asked_by: str
    asked_at: datetime
    not_before: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    settled_at: datetime | None


class MessagePage(BaseModel):
    """One page of messages, newest first."""

    items: list[MessageShown]
    next_after: UUID | None


class QuietHoursShown(Input):
    """When nobody is written to who did not write within a day, by the clock where the lead is (``HH:MM``); both
    null: never."""

    starts: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None
    ends: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None


@MESSAGES.route(
    "POST",
    "/api/v1/leads/{lead_id}/messages",
    permission=_SEND,
    path=LeadPath,
    body=NewMessage,
    answers=MessageShown,
    status=201,
    reads_key=True,
    summary="Send a message to a lead",
)
async def send_message(call: Call[LeadPath, NoInput, NewMessage]) -> MessageShown:
    """It waits until it may leave, and leaves at most once; 409 says why it cannot be sent at all."""
    working = call.services.get(WorkingParts)
    queued = await call.services.database.write(
        service.queue_message,
        call.reach.organisation_id,
        call.path.lead_id,
        Wanted(**call.body.model_dump()),
        senders=InstalledSenders(working.connectors, working.sealer),
        author=author(call),
        now=call.now,
        idempotency_key=call.idempotency_key,
    )
    return _shown(call, queued.message)


@MESSAGES.route(
    "GET",
    "/api/v1/leads/{lead_id}/messages",
    permission=_VIEW,
    path=LeadPath,
    query=MessageQuery,
    answers=MessagePage,
    summary="List the messages to a lead",
)
async def list_messages(call: Call[LeadPath, MessageQuery, NoInput]) -> MessagePage:
    """What was asked for and what became of it, newest first."""
    rows = await call.services.database.read(_load, call)
    shown = [_shown(call, row) for row in rows[: call.query.limit]]
    return MessagePage(items=shown, next_after=shown[-1].id if len(rows) > call.query.limit else None)


@MESSAGES.route(
    "POST",
    "/api/v1/leads/{lead_id}/messages/{message_id}/cancellation",
    permission=_SEND,
    path=MessagePath,
    answers=MessageShown,
    summary="Call a message back",
)
async def cancel_message(call: Call[MessagePath]) -> MessageShown:
    """Only while it still waits: what has left, or may have, cannot be called back."""
    row = await call.services.database.write(
        service.cancel_message,
        call.reach.organisation_id,
        call.path.lead_id,
        call.path.message_id,
        author=author(call),
        now=call.now,
    )
    return _shown(call, row)


@MESSAGES.route(
    "GET",
    "/api/v1/quiet-hours",
    permission=_SEE_SETTINGS,
    answers=QuietHoursShown,
    summary="When nobody is written to",
)
async def show_quiet_hours(call: Call) -> QuietHoursShown:
    """The hours of the whole organisation; at each lead the clock of its centre counts."""
    quiet = await call.services.database.read(queries.quiet_hours_of, call.reach.organisation_id)
    if quiet is None:
        return QuietHoursShown(starts=None, ends=None)
    return QuietHoursShown(starts=f"{quiet.starts:%H:%M}", ends=f"{quiet.ends:%H:%M}")


@MESSAGES.route(
    "PUT",
    "/api/v1/quiet-hours",
    permission=_EDIT_SETTINGS,
    body=QuietHoursShown,
    answers=QuietHoursShown,
    summary="Set when nobody is written to",
)
async def set_quiet_hours(call: Call[NoInput, NoInput, QuietHoursShown]) -> QuietHoursShown:
    """They hold at once, for messages that wait already too."""
    await call.services.database.write(_set_quiet_hours, call, _quiet_hours(call.body))
    return call.body


def _quiet_hours(given: QuietHoursShown) -> QuietHours | None:
    if given.starts is None and given.ends is None:
        return None
    if given.starts is None or given.ends is None:
        detail = "Give both times, or null for both to switch quiet hours off."
        raise invalid([FieldProblem(pointer="/starts" if given.starts is None else "/ends", detail=detail)])
    return QuietHours(time.fromisoformat(given.starts), time.fromisoformat(given.ends))


def _set_quiet_hours(
    connection: Connection, call: Call[NoInput, NoInput, QuietHoursShown], quiet: QuietHours | None
) -> None:
    organisation_id = call.reach.organisation_id
    service.set_quiet_hours(connection, organisation_id, quiet)
    audit.record(
        connection,
        organisation_id,
        actor=call.principal.actor,
        action="quiet_hours_set",
        subject=f"organisation:{organisation_id}",
        now=call.now,
        detail=call.body.model_dump(),
    )


def _load(connection: Connection, call: Call[LeadPath, MessageQuery, NoInput]) -> list[AnyRow]:
    reach = call.reach
    if find_lead(connection, reach.organisation_id, visibility(reach), call.path.lead_id) is None:
        raise not_found()
    return list(
        queries.messages_of(
            connection, reach.organisation_id, call.path.lead_id, before=call.query.after, limit=call.query.limit + 1
        )
    )


def _shown(call: Call[Any, Any, Any], row: AnyRow) -> MessageShown:
    message = MessageShown.model_validate(row)
    if call.principal.permissions.scope(_CONTACTS) is not None:
        return message
    return message.model_copy(update={"recipient": HIDDEN})
