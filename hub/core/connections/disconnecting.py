"""Ending a connection: deliveries are switched off and the grant is revoked at the platform first, then everything
of it is erased here. A platform that does not answer never keeps an admin from leaving it (TK-09)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.access import Access, Transport
from hub.connector.base import Authorizes, Connector, Subscribes
from hub.connector.clock import Clock
from hub.connector.errors import ConnectorError, PermanentError
from hub.connector.models import Grant
from hub.core.connections import grants
from hub.core.connections.access import build_access
from hub.core.connections.apps import Connectors, find_connector, load_settings
from hub.core.connections.keyring import KeyringError
from hub.core.connections.models import connections
from hub.core.connections.sealing import Sealer, UnsealError
from hub.core.connections.service import apply_event, read_facts
from hub.core.connections.state import Deleted, Disconnected, transition
from hub.db.engine import Database

STEP_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class _Tie:
    """What still ties a connection to its platform; ``grant`` is None where it is connected by keys."""

    connector: Connector
    grant: Grant | None
    access: Access


class Disconnector:
    """Disconnects and deletes connections; one per process."""

    def __init__(
        self, database: Database, connectors: Connectors, sealer: Sealer, transport: Transport, clock: Clock
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._sealer = sealer
        self._transport = transport
        self._clock = clock

    async def disconnect(self, organisation_id: UUID, connection_id: UUID, *, reason: str, actor: str) -> None:
        """End a connection; its leads stay. Raises ``EventRefusedError`` and ``UnknownConnectionError``."""
        await self._end(organisation_id, connection_id, Disconnected(reason), actor)

    async def delete(self, organisation_id: UUID, connection_id: UUID, *, reason: str, actor: str) -> None:
        """Remove a connection with its forms and mappings; leads and the audit record stay. Raises as above."""
        await self._end(organisation_id, connection_id, Deleted(reason), actor)

    async def _end(self, organisation_id: UUID, connection_id: UUID, event: Disconnected | Deleted, actor: str) -> None:
        try:
            tie = await self._database.read(self._tie, organisation_id, connection_id, event)
            failures = await _untie(tie) if tie else {}
        except (PermanentError, UnsealError, KeyringError) as unreadable:
            failures = {"read": type(unreadable).__name__}
        await self._database.write(
            apply_event,
            organisation_id,
            connection_id,
            event,
            actor=actor,
            now=self._clock.now(),
            detail={"failed_at_the_platform": failures} if failures else None,
        )

    def _tie(
        self, connection: Connection, organisation_id: UUID, connection_id: UUID, event: Disconnected | Deleted
    ) -> _Tie | None:
        """Also refuses an event that the state does not allow, before anything happens at the platform."""
        transition(read_facts(connection, organisation_id, connection_id), event, self._clock.now())
        stored = grants.load(connection, self._sealer, organisation_id, connection_id)
        row = connection.execute(
            sa.select(connections).where(
                connections.c.organisation_id == organisation_id, connections.c.id == connection_id
            )
        ).one()
        connector = find_connector(self._connectors, row.connector)
        if connector is None or row.app_id is None or not (stored or row.has_grant):
            return None
        grant = stored.grant if stored else None
        access = build_access(
            self._transport,
            self._clock,
            connector,
            settings=load_settings(connection, self._sealer, connector, organisation_id, row.app_id),
            grant=grant,
            account_id=row.account_id,
        )
        return _Tie(connector, grant, access)


async def _untie(tie: _Tie) -> dict[str, str]:
    """Unsubscribe and revoke; returns the code of each failure by step."""
    steps: dict[str, Callable[[], Awaitable[None]]] = {}
    connector, access, grant = tie.connector, tie.access, tie.grant
    if isinstance(connector, Subscribes):
        steps["unsubscribe"] = lambda: connector.unsubscribe(access)
    if isinstance(connector, Authorizes) and grant is not None:
        steps["revoke"] = lambda: connector.revoke(grant, access)
    failures: dict[str, str] = {}
    for name, step in steps.items():
        try:
            async with asyncio.timeout(STEP_LIMIT_SECONDS):
                await step()
        except ConnectorError as failure:
            failures[name] = failure.code
        except Exception as bug:  # a connector's bug must not keep an admin from leaving
            failures[name] = type(bug).__name__
    return failures
