"""How long an authorisation lasts, when to remind of it, and what can still be recovered after a failure (X-06)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections
from hub.core.connections.state import ConnectionState
from hub.core.outbox.service import publish
from hub.db.guard import ALL_ORGANISATIONS

REMINDERS = (14, 7, 3, 1)
"""Days before ``authorised_until`` at which the admins are reminded."""


@dataclass(frozen=True)
class RecoveryWindow:
    """What a platform still holds of the time since a connection began to fail.

    ``days_left`` is how long all of it can still be read, rounded down; None where the platform names no limit.
    ``leads_waiting`` is an estimate from the leads per day before. ``lost_from`` and ``lost_until`` bound what is
    out of reach by now, with ``leads_lost`` as estimate; None where nothing is.
    """

    failing_since: datetime
    days_left: int | None
    leads_waiting: int
    lost_from: datetime | None = None
    lost_until: datetime | None = None
    leads_lost: int = 0


def recovery_window(
    failing_since: datetime, retention: timedelta | None, leads_per_day: float, now: datetime
) -> RecoveryWindow:
    """Count down the platform's retention from the moment a connection began to fail."""
    waiting = _estimate(leads_per_day, now - failing_since)
    if retention is None:
        return RecoveryWindow(failing_since, None, waiting)
    oldest_kept = now - retention
    if oldest_kept <= failing_since:
        return RecoveryWindow(failing_since, (failing_since - oldest_kept).days, waiting)
    return RecoveryWindow(
        failing_since,
        0,
        _estimate(leads_per_day, retention),
        lost_from=failing_since,
        lost_until=oldest_kept,
        leads_lost=_estimate(leads_per_day, oldest_kept - failing_since),
    )


def due_reminder(authorised_until: datetime | None, reminded_days: int | None, now: datetime) -> int | None:
    """Which reminder (14, 7, 3 or 1 days) is to be sent now; each at most once, and only the latest of several
    that fell due while the hub was away. None after the end, when the state itself says so."""
    if authorised_until is None or authorised_until <= now:
        return None
    left = authorised_until - now
    due = [days for days in REMINDERS if left <= timedelta(days=days)]
    if not due or (reminded_days is not None and due[-1] >= reminded_days):
        return None
    return due[-1]


def remind(connection: Connection, now: datetime) -> list[tuple[UUID, UUID, int]]:
    """Write the reminders that are due to the outbox (``authorisation_ends_soon``), for every organisation.

    Returns ``(organisation, connection, days)`` of each; a second call at the same moment returns none.
    """
    rows = connection.execute(
        sa.select(connections)
        .where(
            connections.c.state == ConnectionState.ACTIVE.value,
            connections.c.authorised_until > now,
            connections.c.authorised_until <= now + timedelta(days=REMINDERS[0]),
        )
        .order_by(connections.c.id)
        .with_for_update()
        .execution_options(**{ALL_ORGANISATIONS: "reminders are one schedule for all of them"})
    ).all()
    sent: list[tuple[UUID, UUID, int]] = []
    for row in rows:
        days = due_reminder(row.authorised_until, row.reminded_days, now)
        if days is None:
            continue
        connection.execute(
            sa.update(connections)
            .where(connections.c.organisation_id == row.organisation_id, connections.c.id == row.id)
            .values(reminded_days=days)
        )
        publish(
            connection,
            row.organisation_id,
            kind="authorisation_ends_soon",
            subject_id=row.id,
            payload={"days": days},
            now=now,
        )
        sent.append((row.organisation_id, row.id, days))
    return sent


def _estimate(leads_per_day: float, span: timedelta) -> int:
    return round(leads_per_day * max(span, timedelta(0)) / timedelta(days=1))
