"""Reading outgoing messages, and what decides about sending them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections
from hub.core.conversations.models import threads
from hub.core.leads.models import leads
from hub.core.organisations.models import centres, organisations
from hub.core.outbound.models import delivery_marks, outgoing_messages, quiet_hours
from hub.core.outbound.quiet_hours import DEFAULT, QuietHours
from hub.core.outbound.states import MessageState
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow

_OF_ALL = {ALL_ORGANISATIONS: "messages of every organisation are moved by the same job"}


@dataclass(frozen=True, slots=True)
class DueConnection:
    """A connection that has messages to send now."""

    organisation_id: UUID
    connection_id: UUID


def messages_of(
    connection: Connection, organisation_id: UUID, lead_id: UUID, *, before: UUID | None = None, limit: int = 50
) -> Sequence[AnyRow]:
    """The messages to a lead's person, newest first; ``before`` is the last id of the page before."""
    statement = sa.select(outgoing_messages).where(
        outgoing_messages.c.organisation_id == organisation_id, outgoing_messages.c.lead_id == lead_id
    )
    if before is not None:
        statement = statement.where(outgoing_messages.c.id < before)
    return connection.execute(statement.order_by(outgoing_messages.c.id.desc()).limit(limit)).all()


def find_message(connection: Connection, organisation_id: UUID, lead_id: UUID, message_id: UUID) -> AnyRow | None:
    """One message to a lead's person."""
    return connection.execute(
        sa.select(outgoing_messages).where(
            outgoing_messages.c.organisation_id == organisation_id,
            outgoing_messages.c.lead_id == lead_id,
            outgoing_messages.c.id == message_id,
        )
    ).first()


def quiet_hours_of(connection: Connection, organisation_id: UUID) -> QuietHours | None:
    """When it is quiet in an organisation; None: never."""
    row = connection.execute(sa.select(quiet_hours).where(quiet_hours.c.organisation_id == organisation_id)).first()
    if row is None:
        return DEFAULT
    if row.starts is None or row.ends is None:
        return None
    return QuietHours(time.fromisoformat(row.starts), time.fromisoformat(row.ends))


def zone_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> ZoneInfo:
    """The time zone of a lead: that of its centre, or else of its organisation."""
    row = connection.execute(
        sa.select(sa.func.coalesce(centres.c.time_zone, organisations.c.time_zone).label("zone"))
        .select_from(leads)
        .join(organisations, organisations.c.id == leads.c.organisation_id)
        .outerjoin(centres, sa.and_(centres.c.id == leads.c.centre_id, centres.c.organisation_id == organisation_id))
        .where(leads.c.organisation_id == organisation_id, leads.c.id == lead_id)
    ).first()
    return ZoneInfo(row.zone if row is not None else "UTC")


def last_inbound_at(
    connection: Connection, organisation_id: UUID, connection_id: UUID, channel: str, person: str, own: str
) -> datetime | None:
    """When a person last wrote from this address to that of ours, on this channel."""
    found: datetime | None = connection.scalar(
        sa.select(sa.func.max(threads.c.last_inbound_at)).where(
            threads.c.organisation_id == organisation_id,
            threads.c.connection_id == connection_id,
            threads.c.channel == channel,
            threads.c.sender == person,
            threads.c.recipient == own,
        )
    )
    return found


def threads_of(connection: Connection, organisation_id: UUID, lead_id: UUID) -> Sequence[AnyRow]:
    """The threads of a lead, the one in which the person wrote last comes first."""
    return connection.execute(
        sa.select(threads)
        .where(threads.c.organisation_id == organisation_id, threads.c.lead_id == lead_id)
        .order_by(threads.c.last_inbound_at.is_(None), threads.c.last_inbound_at.desc(), threads.c.id.desc())
    ).all()


def is_anything_open(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> bool:
    """Whether a connection has a message that may leave now."""
    return connection.scalar(_due(now).where(*_of(organisation_id, connection_id)).limit(1)) is not None


def is_anything_over(connection: Connection, sending_before: datetime, now: datetime) -> bool:
    """Whether a message has been leaving since before a moment, or waits although its time is over."""
    lost = sa.and_(outgoing_messages.c.state == MessageState.SENDING, outgoing_messages.c.sending_at < sending_before)
    late = sa.and_(outgoing_messages.c.state == MessageState.QUEUED, outgoing_messages.c.give_up_at <= now)
    over = sa.select(outgoing_messages.c.id).where(sa.or_(lost, late)).limit(1)
    return connection.scalar(over.execution_options(**_OF_ALL)) is not None


def due_connections(connection: Connection, now: datetime) -> list[DueConnection]:
    """The active connections that have a message which may leave now."""
    rows = connection.execute(
        sa.select(outgoing_messages.c.organisation_id, outgoing_messages.c.connection_id)
        .distinct()
        .join(connections, connections.c.id == outgoing_messages.c.connection_id)
        .where(
            outgoing_messages.c.state == MessageState.QUEUED,
            outgoing_messages.c.not_before <= now,
            connections.c.state == "active",
        )
        .execution_options(**_OF_ALL)
    )
    return [DueConnection(*row) for row in rows]


def count_unsettled(connection: Connection) -> dict[str, int]:
    """How many messages wait, leave at present, and ended unknown, over all organisations (for metrics)."""
    states = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
    rows = connection.execute(
        sa.select(outgoing_messages.c.state, sa.func.count())
        .where(outgoing_messages.c.state.in_(states))
        .group_by(outgoing_messages.c.state)
        .execution_options(**_OF_ALL)
    )
    return {state.value: 0 for state in states} | {row[0]: row[1] for row in rows}


def count_unknown_reports(connection: Connection) -> int:
    """How many messages were reported on that nobody here is known to have sent (for metrics)."""
    return connection.scalar(sa.select(sa.func.count()).where(delivery_marks.c.message_id.is_(None))) or 0


def _of(organisation_id: UUID, connection_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        outgoing_messages.c.organisation_id == organisation_id,
        outgoing_messages.c.connection_id == connection_id,
    )


def _due(now: datetime) -> sa.Select[Any]:
    return sa.select(outgoing_messages.c.id).where(
        outgoing_messages.c.state == MessageState.QUEUED, outgoing_messages.c.not_before <= now
    )
