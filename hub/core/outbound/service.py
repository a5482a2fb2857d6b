"""Asking for messages, and calling them back while they still wait. Everything runs in the caller's transaction."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.intake.receipts import digest
from hub.core.jobs import service as jobs
from hub.core.leads.queries import find_lead
from hub.core.leads.service import Author, locked_lead
from hub.core.opt_outs.queries import is_opted_out
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.outbound import queries
from hub.core.outbound.addressing import Wanted, Way, find_way
from hub.core.outbound.errors import MessageRefusedError
from hub.core.outbound.models import outgoing_messages, quiet_hours
from hub.core.outbound.moving import send_job
from hub.core.outbound.quiet_hours import QuietHours, is_answer, next_allowed
from hub.core.outbound.senders import Senders
from hub.core.outbound.states import MessageState
from hub.core.outbox.service import publish
from hub.db.schema import new_id
from hub.db.types import AnyRow
from hub.db.upsert import insert

GIVE_UP_AFTER = timedelta(hours=24)
"""How long after its moment a message may still leave: later than that it would only surprise."""
OPTED_OUT = "opted_out"
OPTED_OUT_TEXT = "This person does not want to be written to at this address."
WINDOW_CLOSED = "reply_window_closed"
WINDOW_CLOSED_TEXT = "On this channel free text is allowed only for some time after the person's last message."


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that was asked for. ``is_repeated``: before already, under the same idempotency key."""

    message: AnyRow
    is_repeated: bool = False


def queue_message(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    wanted: Wanted,
    *,
    senders: Senders,
    author: Author,
    now: datetime,
    idempotency_key: str | None = None,
) -> Queued:
    """Take a message for sending; it leaves if and only if the caller's transaction commits.

    Raises ``MessageRefusedError`` where nothing can be sent, ``UnknownRecordError`` for a lead out of reach, and
    ``RefusedChangeError`` for a key that was used for something else.
    """
    asked_for = digest({"lead": str(lead_id), **{name: str(value) for name, value in asdict(wanted).items()}})
    if idempotency_key is not None:
        known = _asked_before(connection, organisation_id, author.actor, idempotency_key)
        if known is not None:
            return _repeated(known, asked_for)
    lead = find_lead(connection, organisation_id, author.visible, lead_id)
    if lead is None:
        raise UnknownRecordError("lead")
    way = find_way(connection, organisation_id, lead, wanted, senders)
    not_before = _earliest(connection, organisation_id, lead_id, way, now)
    locked_lead(connection, organisation_id, lead_id, author.visible)
    return _store(
        connection,
        {
            **_addressed(way, wanted),
            "id": new_id(),
            "organisation_id": organisation_id,
            "lead_id": lead_id,
            "asked_by": author.actor,
            "idempotency_key": idempotency_key,
            "digest": asked_for,
            "asked_at": now,
            "not_before": not_before,
            "give_up_at": not_before + GIVE_UP_AFTER,
        },
    )


def cancel_message(
    connection: Connection, organisation_id: UUID, lead_id: UUID, message_id: UUID, *, author: Author, now: datetime
) -> AnyRow:
    """Call a message back that still waits; a message of before that was called back stays so.

    Raises ``MessageRefusedError`` where it has left, or may have.
    """
    if find_lead(connection, organisation_id, author.visible, lead_id) is None:
        raise UnknownRecordError("lead")
    cancelled = connection.execute(
        sa.update(outgoing_messages)
        .where(
            outgoing_messages.c.organisation_id == organisation_id,
            outgoing_messages.c.lead_id == lead_id,
            outgoing_messages.c.id == message_id,
            outgoing_messages.c.state.in_((MessageState.QUEUED, MessageState.CANCELLED)),
        )
        .values(state=MessageState.CANCELLED.value, reason="cancelled", settled_at=now)
        .returning(outgoing_messages)
    ).first()
    if cancelled is not None:
        tell(connection, cancelled, now)
        return cancelled
    if queries.find_message(connection, organisation_id, lead_id, message_id) is None:
        raise UnknownRecordError("message")
    raise MessageRefusedError("this message does not wait any more and cannot be called back", code="not_waiting")


def set_quiet_hours(connection: Connection, organisation_id: UUID, quiet: QuietHours | None) -> None:
    """Change when it is quiet in an organisation, for messages that are asked for or claimed from now on."""
    times: dict[str, Any] = {"starts": None, "ends": None}
    if quiet is not None:
        times = {"starts": f"{quiet.starts:%H:%M}", "ends": f"{quiet.ends:%H:%M}"}
    statement = insert(connection, quiet_hours).values(organisation_id=organisation_id, **times)
    connection.execute(statement.on_conflict_do_update(index_elements=["organisation_id"], set_=times))


def tell(connection: Connection, message: AnyRow, now: datetime) -> None:
    """Publish that a message is in another state."""
    publish(
        connection,
        message.organisation_id,
        kind="message_changed",
        subject_id=message.lead_id,
        payload={"message": str(message.id), "state": message.state},
        now=now,
    )


def _addressed(way: Way, wanted: Wanted) -> dict[str, Any]:
    return {
        "connection_id": way.connection_id,
        "channel": way.channel.value,
        "sender": way.sender,
        "recipient": way.recipient,
        "text": storable(wanted.text),
        "state": MessageState.QUEUED.value,
        "attempts": 0,
    }


def _earliest(connection: Connection, organisation_id: UUID, lead_id: UUID, way: Way, now: datetime) -> datetime:
    """When the message may leave. Raises ``MessageRefusedError`` where it may not at all."""
    if is_opted_out(connection, organisation_id, way.channel, way.recipient):
        raise MessageRefusedError(
            "this person does not want to be written to at this address; only they can take that back", code=OPTED_OUT
        )
    inbound = queries.last_inbound_at(
        connection, organisation_id, way.connection_id, way.channel, way.recipient, way.sender
    )
    window = way.sends.reply_window.get(way.channel)
    if window is not None and (inbound is None or now - inbound > window):
        hours = round(window.total_seconds() / 3600)
        raise MessageRefusedError(
            f"on this channel free text is allowed only for {hours} hours after the person's last message; "
            "wait until they write again, or use another channel",
            code=WINDOW_CLOSED,
        )
    if is_answer(now, inbound):
        return now
    quiet = queries.quiet_hours_of(connection, organisation_id)
    return next_allowed(now, quiet, queries.zone_of(connection, organisation_id, lead_id))


def _store(connection: Connection, row: dict[str, Any]) -> Queued:
    statement = insert(connection, outgoing_messages).values(row).on_conflict_do_nothing()
    stored = connection.execute(statement.returning(outgoing_messages)).first()
    if stored is None:
        known = _asked_before(connection, row["organisation_id"], row["asked_by"], row["idempotency_key"])
        if known is None:
            raise UnknownRecordError("lead")
        return _repeated(known, row["digest"])
    tell(connection, stored, row["asked_at"])
    if stored.not_before <= stored.asked_at:
        jobs.add(connection, send_job(stored.organisation_id, stored.connection_id), row["asked_at"])
    return Queued(stored)


def _repeated(known: AnyRow, asked_for: str) -> Queued:
    if known.digest != asked_for:
        raise RefusedChangeError(
            "this idempotency key was used before for another message; send a new key with a new message",
            field="Idempotency-Key",
            code="key_reused",
        )
    return Queued(known, is_repeated=True)


def _asked_before(connection: Connection, organisation_id: UUID, actor: str, key: str) -> AnyRow | None:
    return connection.execute(
        sa.select(outgoing_messages).where(
            outgoing_messages.c.organisation_id == organisation_id,
            outgoing_messages.c.asked_by == actor,
            outgoing_messages.c.idempotency_key == key,
        )
    ).first()
