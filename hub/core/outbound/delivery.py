"""What platforms tell of the messages they took: repeated, in any order, and sometimes before we know its id."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.text import storable
from hub.core.connections.models import connections
from hub.core.outbound.models import delivery_marks, outgoing_messages
from hub.core.outbound.service import tell
from hub.core.outbound.states import STATE_OF_STATUS, MessageState
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow, UtcDateTime
from hub.db.upsert import insert

KEPT_UNKNOWN = timedelta(days=7)
"""How long reports on messages of others are kept: platforms repeat theirs for at most a week."""
NOTHING_TOLD = -1
_OF_ALL = {ALL_ORGANISATIONS: "a report names a message by the platform's id alone"}


def note_reports(connection: Connection, app_id: UUID, reports: Sequence[DeliveryReport], now: datetime) -> None:
    """Keep what was told and let it count. Reports of one request are noted in the order of their ids, so that two
    requests never wait for each other in a circle."""
    for report in sorted(reports, key=lambda each: (each.provider_id, each.status.rank)):
        mark = _note(connection, app_id, report, now)
        if mark.message_id is not None:
            _apply(connection, mark.message_id, mark, now)


def bind(connection: Connection, message: AnyRow, now: datetime) -> None:
    """Tie the platform's id to a message that was just settled, with what was told of it already."""
    app_id: UUID | None = connection.scalar(
        sa.select(connections.c.app_id).where(
            connections.c.organisation_id == message.organisation_id, connections.c.id == message.connection_id
        )
    )
    if app_id is None or message.provider_id is None:
        return
    statement = insert(connection, delivery_marks).values(
        app_id=app_id,
        provider_id=message.provider_id,
        message_id=message.id,
        rank=NOTHING_TOLD,
        reports=0,
        noted_at=now,
    )
    mark = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "provider_id"], set_={"message_id": message.id}
        ).returning(delivery_marks)
    ).one()
    if mark.status is not None:
        _apply(connection, message.id, mark, now)


def forget_unknown(connection: Connection, now: datetime) -> None:
    """Forget reports on messages that nobody here is known to have sent, after a week."""
    old = (delivery_marks.c.message_id.is_(None), delivery_marks.c.noted_at < now - KEPT_UNKNOWN)
    connection.execute(sa.delete(delivery_marks).where(*old))


def _note(connection: Connection, app_id: UUID, report: DeliveryReport, now: datetime) -> AnyRow:
    told: dict[str, Any] = {
        "status": report.status.value,
        "rank": report.status.rank,
        "code": storable(report.code)[:60] if report.code else None,
        "detail": storable(report.detail)[:500],
        "reported_at": report.reported_at,
    }
    statement = insert(connection, delivery_marks).values(
        app_id=app_id, provider_id=report.provider_id, reports=1, noted_at=now, **told
    )
    is_further = statement.excluded.rank > delivery_marks.c.rank
    better = {
        name: sa.case((is_further, getattr(statement.excluded, name)), else_=delivery_marks.c[name]) for name in told
    }
    return connection.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "provider_id"], set_={**better, "reports": delivery_marks.c.reports + 1}
        ).returning(delivery_marks)
    ).one()


def _apply(connection: Connection, message_id: UUID, mark: AnyRow, now: datetime) -> None:
    """Let the furthest report count; a message that is as far already stays as it is."""
    status = DeliveryStatus(mark.status)
    state = STATE_OF_STATUS[status]
    if state is MessageState.SENT:
        return
    values: dict[str, Any] = {"state": state.value, "reason": None, "detail": None}
    if state is MessageState.FAILED:
        values |= {"reason": mark.code or "not_delivered", "detail": mark.detail or "The platform did not deliver it."}
    if state is MessageState.DELIVERED:
        values |= {"delivered_at": mark.reported_at}
    if state is MessageState.READ:
        delivered_at = sa.func.coalesce(outgoing_messages.c.delivered_at, sa.literal(mark.reported_at, UtcDateTime()))
        values |= {"read_at": mark.reported_at, "delivered_at": delivered_at}
    changed = connection.execute(
        sa.update(outgoing_messages)
        .where(outgoing_messages.c.id == message_id, outgoing_messages.c.state != state.value)
        .values(**values)
        .returning(outgoing_messages)
        .execution_options(**_OF_ALL)
    ).first()
    if changed is not None:
        tell(connection, changed, now)
