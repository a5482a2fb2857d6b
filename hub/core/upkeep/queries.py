"""Reading which connections need attention."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections, grants
from hub.db.guard import ALL_ORGANISATIONS

_OF_ALL = {ALL_ORGANISATIONS: "the schedule looks after the connections of every organisation"}
_ACTIVE = connections.c.state == "active"


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """A connection that is switched on and authorised, and its connector's key."""

    organisation_id: UUID
    connection_id: UUID
    connector: str


@dataclass(frozen=True, slots=True)
class ExpiringGrant:
    """When the grant of an active connection runs out."""

    connection: ActiveConnection
    expires_at: datetime


def active_connections(connection: Connection) -> list[ActiveConnection]:
    """Every active connection, oldest first."""
    rows = connection.execute(_active().order_by(connections.c.id).execution_options(**_OF_ALL))
    return [ActiveConnection(row.organisation_id, row.id, row.connector) for row in rows]


def active_connection(connection: Connection, organisation_id: UUID, connection_id: UUID) -> ActiveConnection | None:
    """A connection, if it is active."""
    row = connection.execute(
        _active().where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
    ).first()
    return ActiveConnection(row.organisation_id, row.id, row.connector) if row else None


def expiring_grants(connection: Connection) -> list[ExpiringGrant]:
    """The grants of active connections that run out some day, the first to do so first."""
    rows = connection.execute(
        _active()
        .add_columns(grants.c.expires_at)
        .join(grants, grants.c.connection_id == connections.c.id)
        .where(grants.c.expires_at.is_not(None))
        .order_by(grants.c.expires_at)
        .execution_options(**_OF_ALL)
    )
    return [ExpiringGrant(ActiveConnection(*row[:3]), row.expires_at) for row in rows]


def count_by_state(connection: Connection) -> dict[tuple[str, str], int]:
    """How many connections of each connector stand in each state."""
    rows = connection.execute(
        sa.select(connections.c.connector, connections.c.state, sa.func.count())
        .group_by(connections.c.connector, connections.c.state)
        .execution_options(**_OF_ALL)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def _active() -> sa.Select[tuple[UUID, UUID, str]]:
    return sa.select(connections.c.organisation_id, connections.c.id, connections.c.connector).where(_ACTIVE)
