"""Taking a message for the one request that sends it.

The order of things is what makes a message leave at most once and never after an opt-out:

1. One transaction asks whether the person opted out, and sets ``sending``. Opt-outs of the organisation cannot be
   committed while it runs, so a message is marked only where no opt-out was committed before.
2. When that is committed, the request leaves; once.
3. Another transaction settles it by what is known then (``settling``). Where nothing is known it becomes ``unknown``,
   and so it does when the process dies in between: nobody sends it again but a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Channel
from hub.connector.sending import OutgoingMessage
from hub.core.opt_outs.queries import is_opted_out
from hub.core.outbound import queries
from hub.core.outbound.models import outgoing_messages
from hub.core.outbound.quiet_hours import is_answer, next_allowed
from hub.core.outbound.service import OPTED_OUT, OPTED_OUT_TEXT, WINDOW_CLOSED, WINDOW_CLOSED_TEXT, tell
from hub.core.outbound.states import MessageState
from hub.core.upkeep.queries import active_connection
from hub.db.types import AnyRow

Windows = Mapping[Channel, timedelta]
"""``Sends.reply_window`` of the connector."""

LOOKED_AT_ONCE = 50
"""Messages that one transaction may find unfit to leave before it lets others write."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is about to leave, and by which attempt it is settled."""

    organisation_id: UUID
    lead_id: UUID
    connection_id: UUID
    attempt: int
    asked_by: str
    message: OutgoingMessage


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: a message to send, or none, and whether another look would find more."""

    claimed: Claimed | None = None
    has_more: bool = False


def claim_next(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    windows: Windows,
    process: str,
    now: datetime,
) -> Looked:
    """Set the oldest message of a connection that may leave to ``sending``; none while the connection is not active.

    Those that may not leave any more are settled on the way, those that must wait are postponed.
    """
    if active_connection(connection, organisation_id, connection_id) is None:
        return Looked()
    for _ in range(LOOKED_AT_ONCE):
        candidate = _oldest(connection, organisation_id, connection_id, now)
        if candidate is None:
            return Looked()
        if is_opted_out(connection, organisation_id, candidate.channel, candidate.recipient):
            _refuse_all(connection, candidate, now)
            continue
        unfit = _unfit(connection, candidate, windows, now)
        if unfit is not None:
            _change_queued(connection, candidate, now, **unfit)
            continue
        claimed = _claim(connection, candidate, process, now)
        if claimed is not None:
            return Looked(claimed, has_more=True)
    return Looked(has_more=True)


def _oldest(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> AnyRow | None:
    """Not locked: the lock on opt-outs comes first. Nobody gets a message while an earlier one is under way."""
    other = outgoing_messages.alias()
    under_way = sa.select(other.c.recipient).where(
        other.c.organisation_id == organisation_id,
        other.c.connection_id == connection_id,
        other.c.state == MessageState.SENDING,
    )
    return connection.execute(
        sa.select(outgoing_messages)
        .where(
            outgoing_messages.c.organisation_id == organisation_id,
            outgoing_messages.c.connection_id == connection_id,
            outgoing_messages.c.state == MessageState.QUEUED,
            outgoing_messages.c.not_before <= now,
            outgoing_messages.c.recipient.not_in(under_way),
        )
        .order_by(outgoing_messages.c.id)
        .limit(1)
    ).first()


def _unfit(connection: Connection, candidate: AnyRow, windows: Windows, now: datetime) -> dict[str, Any] | None:
    """What becomes of a message that may not leave now; None where it may."""
    if candidate.give_up_at <= now:
        return too_late(now)
    inbound = queries.last_inbound_at(
        connection,
        candidate.organisation_id,
        candidate.connection_id,
        candidate.channel,
        candidate.recipient,
        candidate.sender,
    )
    window = windows.get(Channel(candidate.channel))
    if window is not None and (inbound is None or now - inbound > window):
        return {
            "state": MessageState.REFUSED.value,
            "reason": WINDOW_CLOSED,
            "detail": WINDOW_CLOSED_TEXT,
            "settled_at": now,
        }
    if is_answer(now, inbound):
        return None
    quiet = queries.quiet_hours_of(connection, candidate.organisation_id)
    zone = queries.zone_of(connection, candidate.organisation_id, candidate.lead_id)
    allowed = next_allowed(now, quiet, zone)
    return {"not_before": allowed} if allowed > now else None


def too_late(now: datetime) -> dict[str, Any]:
    return {
        "state": MessageState.FAILED.value,
        "reason": "too_late",
        "detail": "This message could not be sent for a whole day, so it was given up. Write anew.",
        "settled_at": now,
    }


def _refuse_all(connection: Connection, candidate: AnyRow, now: datetime) -> None:
    """Everything that waits for the address of a person who opted out."""
    rows = connection.execute(
        sa.update(outgoing_messages)
        .where(
            outgoing_messages.c.organisation_id == candidate.organisation_id,
            outgoing_messages.c.channel == candidate.channel,
            outgoing_messages.c.recipient == candidate.recipient,
            outgoing_messages.c.state == MessageState.QUEUED,
        )
        .values(state=MessageState.REFUSED.value, reason=OPTED_OUT, detail=OPTED_OUT_TEXT, settled_at=now)
        .returning(outgoing_messages)
    ).all()
    for row in rows:
        tell(connection, row, now)


def _change_queued(connection: Connection, candidate: AnyRow, now: datetime, **values: Any) -> None:
    changed = connection.execute(
        sa.update(outgoing_messages)
        .where(
            outgoing_messages.c.organisation_id == candidate.organisation_id,
            outgoing_messages.c.id == candidate.id,
            outgoing_messages.c.state == MessageState.QUEUED,
        )
        .values(**values)
        .returning(outgoing_messages)
    ).first()
    if changed is not None and changed.state != MessageState.QUEUED:
        tell(connection, changed, now)


def _claim(connection: Connection, candidate: AnyRow, process: str, now: datetime) -> Claimed | None:
    row = connection.execute(
        sa.update(outgoing_messages)
        .where(
            outgoing_messages.c.organisation_id == candidate.organisation_id,
            outgoing_messages.c.id == candidate.id,
            outgoing_messages.c.state == MessageState.QUEUED,
        )
        .values(
            state=MessageState.SENDING.value,
            taken_by=process,
            sending_at=now,
            attempts=outgoing_messages.c.attempts + 1,
        )
        .returning(outgoing_messages)
    ).first()
    if row is None:
        return None
    message = OutgoingMessage(
        id=str(row.id), channel=Channel(row.channel), sender=row.sender, recipient=row.recipient, text=row.text
    )
    return Claimed(row.organisation_id, row.lead_id, row.connection_id, row.attempts, row.asked_by, message)
