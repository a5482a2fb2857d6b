"""A hub's connection parts around a database, for tests and for the processes that tests start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretBytes, SecretStr

from hub.connector.clock import Clock
from hub.connector.models import Grant
from hub.connector.outgoing import OutgoingClient, open_session
from hub.core.connections import grants
from hub.core.connections.access import ConnectionAccess
from hub.core.connections.apps import create_app
from hub.core.connections.authorising import Authoriser
from hub.core.connections.disconnecting import Disconnector
from hub.core.connections.keyring import MasterKeyring
from hub.core.connections.models import connections
from hub.core.connections.renewal import GrantRenewer
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import create_connection
from hub.core.connections.state import ConnectionState
from hub.core.organisations.models import organisations, roles, users
from hub.db.engine import Database
from hub.db.schema import new_id
from tests.oauth.strict_connector import ORIGIN, SETTINGS, StrictConnector

CONNECTOR = StrictConnector()


def keyring() -> MasterKeyring:
    """The same ring in every process of a test."""
    return MasterKeyring({"k1": SecretBytes(bytes(range(32)))})


@dataclass
class Hub:
    """What the composition root would make."""

    database: Database
    clock: Clock
    sealer: Sealer
    transport: OutgoingClient
    renewer: GrantRenewer
    access: ConnectionAccess
    authoriser: Authoriser
    disconnector: Disconnector


@asynccontextmanager
async def open_hub(database: Database, clock: Clock, server_url: str, name: str = "p1") -> AsyncIterator[Hub]:
    """The parts, wired, reaching the strict server in place of its real origin."""
    connectors = {"strict": CONNECTOR}
    sealer = Sealer(keyring(), clock)
    async with open_session() as session:
        transport = OutgoingClient(session, allow_loopback=True, origin_overrides={ORIGIN: server_url})
        renewer = GrantRenewer(database, sealer, clock, name)
        yield Hub(
            database,
            clock,
            sealer,
            transport,
            renewer,
            ConnectionAccess(database, connectors, renewer, sealer, transport, clock),
            Authoriser(database, connectors, sealer, transport, clock),
            Disconnector(database, connectors, sealer, transport, clock),
        )


@dataclass(frozen=True)
class Place:
    """An organisation with a user, an app and, perhaps, a connection."""

    organisation_id: UUID
    user_id: UUID
    app_id: UUID
    connection_id: UUID


def add_place(
    connection: sa.Connection, sealer: Sealer, now: datetime, *, account_id: str | None = "account-1"
) -> Place:
    """All rows that a test of connections starts from; the connection is active, without grant."""
    organisation_id, role_id, user_id = new_id(), new_id(), new_id()
    connection.execute(
        sa.insert(organisations).values(
            id=organisation_id, name="Example", country="DE", language="de", time_zone="Europe/Berlin", created_at=now
        )
    )
    connection.execute(
        sa.insert(roles).values(id=role_id, organisation_id=organisation_id, name="Admin", permissions=[])
    )
    add_user(connection, organisation_id, role_id, user_id, now)
    app = create_app(connection, sealer, CONNECTOR, organisation_id, name="App", values=SETTINGS, actor="test", now=now)
    connection_id = create_connection(
        connection,
        organisation_id,
        connector="strict",
        app_id=app.id,
        name="Account",
        state=ConnectionState.ACTIVE,
        needs_grant=True,
        now=now,
    )
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(account_id=account_id)
    )
    return Place(organisation_id, user_id, app.id, connection_id)


def add_user(connection: sa.Connection, organisation_id: UUID, role_id: UUID, user_id: UUID, now: datetime) -> None:
    """One more person."""
    connection.execute(
        sa.insert(users).values(
            id=user_id,
            organisation_id=organisation_id,
            email=f"{user_id}@example.com",
            name="Ada Example",
            role_id=role_id,
            created_at=now,
        )
    )


def add_grant(
    connection: sa.Connection,
    sealer: Sealer,
    place: Place,
    access_token: str,
    refresh_token: str | None,
    now: datetime,
    life: timedelta | None = timedelta(hours=1),
) -> None:
    """Store a grant as a sign-in would."""
    grant = Grant(
        access_token=SecretStr(access_token),
        refresh_token=None if refresh_token is None else SecretStr(refresh_token),
        expires_at=None if life is None else now + life,
        scopes=("leads", "forms"),
    )
    grants.store_new(connection, sealer, place.organisation_id, place.connection_id, grant, now)


def expire(connection: sa.Connection, sealer: Sealer, place: Place, now: datetime) -> None:
    """Let the stored grant have expired a minute ago, in the same generation."""
    stored = grants.load(connection, sealer, place.organisation_id, place.connection_id)
    assert stored is not None
    expired = stored.grant.model_copy(update={"expires_at": now - timedelta(minutes=1)})
    grants.replace(
        connection,
        sealer,
        place.organisation_id,
        place.connection_id,
        expired,
        now - timedelta(hours=1),
        generation=stored.generation,
    )
