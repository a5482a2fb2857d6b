"""What came of a message that was taken for sending, and of those that nobody could send.

Settled is by attempt: who was taken for dead meanwhile may still say how its message ended, for what is known is
better than ``unknown``.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Preference
from hub.connector.errors import ConnectorError
from hub.connector.text import storable
from hub.core.leads.journey import add_step
from hub.core.leads.models import leads
from hub.core.opt_outs import service as opt_outs
from hub.core.opt_outs.addresses import address_key
from hub.core.outbound.claiming import Claimed, too_late
from hub.core.outbound.delivery import bind
from hub.core.outbound.models import outgoing_messages
from hub.core.outbound.service import tell
from hub.core.outbound.states import OPEN, MessageState
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow

_STEP = "message_sent"
_OF_ALL = {ALL_ORGANISATIONS: "what nobody sends any more belongs to any organisation"}
_UNKNOWN_TEXT = (
    "Nobody knows whether the platform took this message, so it is not sent again. Ask the person, or write anew."
)


def settle_sent(connection: Connection, claimed: Claimed, provider_id: str, now: datetime) -> None:
    """The platform took the message: it joins the journey, and the first one is the first contact."""
    mine = (leads.c.organisation_id == claimed.organisation_id, leads.c.id == claimed.lead_id)
    connection.execute(sa.select(leads.c.id).where(*mine).with_for_update())
    message = _settle(connection, claimed, MessageState.SENT, now, provider_id=provider_id, sent_at=now)
    if message is None:
        return
    add_step(
        connection,
        message.organisation_id,
        message.lead_id,
        kind=_STEP,
        actor=message.asked_by,
        detail={"message": str(message.id), "channel": message.channel, "text": message.text},
        now=now,
    )
    connection.execute(
        sa.update(leads).where(*mine, leads.c.first_contacted_at.is_(None)).values(first_contacted_at=now)
    )
    bind(connection, message, now)


def settle_failed(connection: Connection, claimed: Claimed, failure: ConnectorError, now: datetime) -> None:
    """The platform did not take the message and never will."""
    _settle(connection, claimed, MessageState.FAILED, now, **_told(failure))


def settle_refused(
    connection: Connection, claimed: Claimed, failure: ConnectorError, now: datetime, *, opted_out_at: str | None = None
) -> None:
    """This person cannot be written to. ``opted_out_at`` is the connector whose platform says that they do not want
    to be: that is kept to from now on, as if they had told us."""
    if opted_out_at is not None:
        opt_outs.record(
            connection,
            claimed.organisation_id,
            [address_key(claimed.message.channel, claimed.message.recipient)],
            preference=Preference.OPT_OUT,
            cause=opt_outs.Cause.PLATFORM,
            channel=claimed.message.channel,
            actor=f"connector:{opted_out_at}",
            said_at=now,
            now=now,
        )
    _settle(connection, claimed, MessageState.REFUSED, now, **_told(failure))


def settle_unknown(connection: Connection, claimed: Claimed, code: str, now: datetime) -> None:
    """The request left and no answer said what became of it."""
    _settle(connection, claimed, MessageState.UNKNOWN, now, reason=code[:60], detail=_UNKNOWN_TEXT)


def give_back(connection: Connection, claimed: Claimed, not_before: datetime) -> None:
    """The platform said that it did not take the message: it waits for another attempt.

    One that was taken for unknown meanwhile stays so: somebody may have written anew already.
    """
    connection.execute(
        sa.update(outgoing_messages)
        .where(*_held(claimed), outgoing_messages.c.state == MessageState.SENDING)
        .values(state=MessageState.QUEUED.value, taken_by=None, sending_at=None, not_before=not_before)
    )


def abandon(connection: Connection, process: str) -> int:
    """What a process was sending when it died, or left in good order, becomes ``unknown``; says how many."""
    return _abandon(connection, outgoing_messages.c.taken_by == process)


def abandon_older(connection: Connection, before: datetime) -> int:
    """The same for what began to leave before a moment, in whatever process, and was never settled."""
    return _abandon(connection, outgoing_messages.c.sending_at < before)


def doubt_restored(connection: Connection) -> None:
    """After a restore: what was open in the backup may have been sent since it was made, and is not sent again."""
    connection.execute(
        sa.update(outgoing_messages)
        .where(outgoing_messages.c.state.in_(OPEN))
        .values(
            state=MessageState.UNKNOWN.value,
            taken_by=None,
            settled_at=outgoing_messages.c.asked_at,
            reason="restored",
            detail=_UNKNOWN_TEXT,
        )
        .execution_options(**_OF_ALL)
    )


def give_up_late(connection: Connection, now: datetime, limit: int) -> int:
    """Messages that could not leave in time fail, at most ``limit``; says how many."""
    late = connection.scalars(
        sa.select(outgoing_messages.c.id)
        .where(outgoing_messages.c.state == MessageState.QUEUED, outgoing_messages.c.give_up_at <= now)
        .limit(limit)
        .execution_options(**_OF_ALL)
    ).all()
    rows = connection.execute(
        sa.update(outgoing_messages)
        .where(outgoing_messages.c.id.in_(late), outgoing_messages.c.state == MessageState.QUEUED)
        .values(**too_late(now))
        .returning(outgoing_messages)
        .execution_options(**_OF_ALL)
    ).all()
    for row in rows:
        tell(connection, row, now)
    return len(rows)


def _told(failure: ConnectorError) -> dict[str, Any]:
    return {"reason": storable(failure.code)[:60], "detail": storable(failure.user_message)[:500]}


def _settle(
    connection: Connection, claimed: Claimed, state: MessageState, now: datetime, **values: Any
) -> AnyRow | None:
    """None where somebody else decided about the message meanwhile, or its lead is gone."""
    row = connection.execute(
        sa.update(outgoing_messages)
        .where(*_held(claimed), outgoing_messages.c.state.in_((MessageState.SENDING, MessageState.UNKNOWN)))
        .values({"reason": None, "detail": None, **values, "state": state.value, "taken_by": None, "settled_at": now})
        .returning(outgoing_messages)
    ).first()
    if row is not None:
        tell(connection, row, now)
    return row


def _held(claimed: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        outgoing_messages.c.organisation_id == claimed.organisation_id,
        outgoing_messages.c.id == UUID(claimed.message.id),
        outgoing_messages.c.attempts == claimed.attempt,
    )


def _abandon(connection: Connection, *which: sa.ColumnElement[bool]) -> int:
    rows = connection.execute(
        sa.update(outgoing_messages)
        .where(outgoing_messages.c.state == MessageState.SENDING, *which)
        .values(
            state=MessageState.UNKNOWN.value,
            taken_by=None,
            settled_at=outgoing_messages.c.sending_at,
            reason="process_ended",
            detail=_UNKNOWN_TEXT,
        )
        .returning(outgoing_messages)
        .execution_options(**_OF_ALL)
    ).all()
    for row in rows:
        tell(connection, row, row.settled_at)
    return len(rows)
