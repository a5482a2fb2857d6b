"""What pages show of connections: stored facts, and the label derived from them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.apps import Connectors, find_connector
from hub.core.connections.forecast import RecoveryWindow, recovery_window
from hub.core.connections.health import DELAYED_AFTER
from hub.core.connections.labels import label, re_sync_days
from hub.core.connections.models import connections
from hub.core.connections.parts import Part, parts_by_connection
from hub.core.connections.service import UnknownConnectionError
from hub.core.connections.state import ConnectionState
from hub.core.intake.models import ledger_days

LOOK_BACK = timedelta(days=7)
_LEADS = ("lead_created", "attached")


@dataclass(frozen=True)
class MissingRight:
    """A right that an admin must still grant; of the account, or of one part and so of its centre."""

    right: str
    part_name: str | None = None
    centre_name: str | None = None


@dataclass(frozen=True)
class ConnectionOverview:
    """A connection as the pages show it.

    ``expires_at`` is the machine's clock (the hub renews alone), ``authorised_until`` the admin's.
    ``leads_per_day`` is the mean of the last seven days: what hangs on this connection. ``is_limited`` says that
    rights are missing, ``is_delayed`` that calls fail again and again without a reason to sign in. ``recovery``
    is set while leads cannot be fetched.
    """

    id: UUID
    connector: str
    app_id: UUID | None
    name: str
    account_id: str | None
    account_name: str | None
    state: ConnectionState
    label: str
    re_sync_days: int | None
    reason: str | None
    has_grant: bool
    expires_at: datetime | None
    authorised_until: datetime | None
    last_ok_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    failures_in_row: int
    is_delayed: bool
    next_attempt_at: datetime | None
    created_at: datetime
    state_changed_at: datetime
    is_limited: bool
    missing_rights: tuple[MissingRight, ...]
    parts: tuple[Part, ...]
    leads_per_day: float
    recovery: RecoveryWindow | None


def list_connections(
    connection: Connection, organisation_id: UUID, connectors: Connectors, now: datetime
) -> list[ConnectionOverview]:
    """All connections of an organisation, oldest first."""
    rows = connection.execute(
        sa.select(connections).where(connections.c.organisation_id == organisation_id).order_by(connections.c.id)
    ).all()
    parts = parts_by_connection(connection, organisation_id)
    leads = leads_per_day(connection, organisation_id, now)
    return [_overview(row, tuple(parts.get(row.id, ())), leads.get(row.id, 0.0), connectors, now) for row in rows]


def load_connection(
    connection: Connection, organisation_id: UUID, connection_id: UUID, connectors: Connectors, now: datetime
) -> ConnectionOverview:
    """One connection. Raises ``UnknownConnectionError``."""
    row = connection.execute(
        sa.select(connections).where(
            connections.c.organisation_id == organisation_id, connections.c.id == connection_id
        )
    ).first()
    if row is None:
        raise UnknownConnectionError("This connection does not exist.")
    parts = parts_by_connection(connection, organisation_id, connection_id).get(connection_id, [])
    leads = leads_per_day(connection, organisation_id, now).get(connection_id, 0.0)
    return _overview(row, tuple(parts), leads, connectors, now)


def leads_per_day(connection: Connection, organisation_id: UUID, now: datetime) -> dict[UUID, float]:
    """Receipts that became or joined a lead, by connection, as mean of the last seven days (today among them)."""
    rows = connection.execute(
        sa.select(ledger_days.c.connection_id, sa.func.sum(ledger_days.c.receipts).label("receipts"))
        .where(
            ledger_days.c.organisation_id == organisation_id,
            ledger_days.c.day > (now - LOOK_BACK).date(),
            ledger_days.c.entry.in_(_LEADS),
        )
        .group_by(ledger_days.c.connection_id)
    )
    means: defaultdict[UUID, float] = defaultdict(float)
    for row in rows:
        means[row.connection_id] = float(row.receipts) / LOOK_BACK.days
    return means


def _overview(
    row: Any, parts: tuple[Part, ...], leads: float, connectors: Connectors, now: datetime
) -> ConnectionOverview:
    state = ConnectionState(row.state)
    missing = (
        *(MissingRight(right) for right in row.missing_rights),
        *(MissingRight(right, part.name, part.centre_name) for part in parts for right in part.missing_rights),
    )
    is_delayed = state is ConnectionState.ACTIVE and row.failures_in_row >= DELAYED_AFTER
    is_failing = is_delayed or state is ConnectionState.AUTHORIZATION_NEEDED
    connector = find_connector(connectors, row.connector)
    retention = connector.manifest.retention if connector else None
    failing_since = row.last_ok_at or row.state_changed_at
    return ConnectionOverview(
        id=row.id,
        connector=row.connector,
        app_id=row.app_id,
        name=row.name,
        account_id=row.account_id,
        account_name=row.account_name,
        state=state,
        label=label(state, row.authorised_until, now),
        re_sync_days=re_sync_days(state, row.authorised_until, now),
        reason=row.reason,
        has_grant=row.has_grant,
        expires_at=row.expires_at,
        authorised_until=row.authorised_until,
        last_ok_at=row.last_ok_at,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        failures_in_row=row.failures_in_row,
        is_delayed=is_delayed,
        next_attempt_at=row.next_attempt_at,
        created_at=row.created_at,
        state_changed_at=row.state_changed_at,
        is_limited=bool(missing),
        missing_rights=missing,
        parts=parts,
        leads_per_day=leads,
        recovery=recovery_window(failing_since, retention, leads, now) if is_failing and row.needs_grant else None,
    )
