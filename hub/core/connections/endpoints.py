"""Inbound addresses: which app, connector and secrets stand behind one, and which connections its deliveries are for.

What is looked up is remembered for a few seconds, so that a flood of deliveries costs one look: a change of
settings or of a connection's state is noticed that much later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import Connection

from hub.connector.base import Receives
from hub.connector.clock import Clock
from hub.connector.errors import PermanentError
from hub.connector.models import Manifest
from hub.core.connections.apart import call_pure
from hub.core.connections.apps import App, Connectors, find_app_by_endpoint_key, find_connector, load_settings
from hub.core.connections.models import connections
from hub.core.connections.parts import route
from hub.core.connections.sealing import Sealer
from hub.core.connections.state import ConnectionState
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS

REMEMBERED = timedelta(seconds=3)
MOST_REMEMBERED = 10_000

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Endpoint:
    """What stands behind an inbound address. ``secrets`` are tried in order, newest first."""

    app: App
    receiver: Receives
    manifest: Manifest
    secrets: tuple[SecretStr, ...]


@dataclass(frozen=True)
class Destination:
    """A connection that a delivery is for."""

    organisation_id: UUID
    connection_id: UUID
    state: ConnectionState


class Endpoints:
    """Looks inbound addresses up; one per process."""

    def __init__(self, database: Database, connectors: Connectors, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._connectors = connectors
        self._sealer = sealer
        self._found: _Remembered[str, Endpoint | None] = _Remembered(clock)
        self._routes: _Remembered[tuple[UUID, str | None], list[Destination]] = _Remembered(clock)

    async def find(self, connector_key: str, endpoint_key: str) -> Endpoint | None:
        """The endpoint of that address; None where there is none. An unknown one is not remembered for long."""
        endpoint = self._found.get(endpoint_key)
        if endpoint is None:
            endpoint = await self._load(endpoint_key)
            self._found.put(endpoint_key, endpoint)
        return endpoint if endpoint is not None and endpoint.app.connector == connector_key else None

    def largest_delivery(self, connector_key: str) -> int | None:
        """Bytes that a delivery to an address of this connector may have; None where it is not installed."""
        connector = find_connector(self._connectors, connector_key)
        return connector.manifest.largest_delivery if connector is not None else None

    async def destinations(self, endpoint: Endpoint, part_id: str | None) -> list[Destination]:
        """The connections that a delivery for this account part belongs to, in every state."""
        key = (endpoint.app.id, part_id)
        found = self._routes.get(key)
        if found is None:
            rows = await self._database.read(route, endpoint.app.connector, endpoint.app.id, part_id)
            found = [Destination(*row) for row in rows]
            self._routes.put(key, found)
        return found

    async def _load(self, endpoint_key: str) -> Endpoint | None:
        found = await self._database.read(self._read, endpoint_key)
        if found is None:
            return None
        app, receiver, manifest, settings = found
        secrets = await call_pure(receiver.webhook_secrets, settings) if settings is not None else ()
        return Endpoint(app, receiver, manifest, secrets)

    def _read(
        self, connection: Connection, endpoint_key: str
    ) -> tuple[App, Receives, Manifest, BaseModel | None] | None:
        app = find_app_by_endpoint_key(connection, endpoint_key)
        connector = self._connectors.get(app.connector) if app is not None else None
        if app is None or connector is None or not isinstance(connector, Receives):
            return None
        try:
            settings = load_settings(connection, self._sealer, connector, app.organisation_id, app.id)
        except PermanentError:
            return None
        return app, connector, connector.manifest, settings


def connections_of_account(connection: Connection, app_id: UUID, account_id: str) -> list[tuple[UUID, UUID]]:
    """The connections of an app that reach this account: ``(organisation, connection)`` each."""
    rows = connection.execute(
        sa.select(connections.c.organisation_id, connections.c.id)
        .where(connections.c.app_id == app_id, connections.c.account_id == account_id)
        .execution_options(**{ALL_ORGANISATIONS: "one app of a platform may serve several"})
    )
    return [(row.organisation_id, row.id) for row in rows]


class _Remembered(Generic[K, V]):
    """Values by key, each for ``REMEMBERED``; at most ``MOST_REMEMBERED`` of them."""

    def __init__(self, clock: Clock) -> None:
        self._now: Callable[[], datetime] = clock.now
        self._kept: dict[K, tuple[datetime, V]] = {}

    def get(self, key: K) -> V | None:
        kept = self._kept.get(key)
        if kept is None or abs(self._now() - kept[0]) > REMEMBERED:
            return None
        return kept[1]

    def put(self, key: K, value: V) -> None:
        if len(self._kept) >= MOST_REMEMBERED:
            self._kept.clear()
        self._kept[key] = (self._now(), value)
