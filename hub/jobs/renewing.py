"""Renewing grants before they expire, so that no poll and no delivery has to wait for it."""

from pydantic import JsonValue

from hub.connector.base import Authorizes
from hub.connector.clock import Clock
from hub.connector.models import Renewal
from hub.core.jobs import service
from hub.core.upkeep.queries import ExpiringGrant, active_connection, expiring_grants
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find

RENEW = "renew"


class Renewing:
    """Handlers of the jobs ``renew`` and ``find_renewals``."""

    def __init__(self, database: Database, clock: Clock, connectors: Connectors, connections: Connections) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections

    async def renew(self, payload: JsonValue) -> None:
        """Opening a connection renews what is due, once over all processes (TK-01)."""
        key = ConnectionKey.read(payload)
        if await self._database.read(active_connection, key.organisation_id, key.connection_id) is not None:
            await self._connections.open(key.organisation_id, key.connection_id)

    async def find_renewals(self, payload: JsonValue) -> None:
        """Add a job for each grant that is about to expire."""
        now = self._clock.now()
        for grant in await self._database.read(expiring_grants):
            if self._is_near(grant):
                key = ConnectionKey(grant.connection.organisation_id, grant.connection.connection_id)
                await self._database.write(service.add, key.job(RENEW), now)

    def _is_near(self, grant: ExpiringGrant) -> bool:
        """Generous: opening the connection decides whether it is really due."""
        connector = find(self._connectors, grant.connection.connector)
        if connector is None or not isinstance(connector, Authorizes):
            return False
        if connector.oauth.renewal is Renewal.BY_ADMIN:
            return False
        return self._clock.now() >= grant.expires_at - connector.oauth.renew_early
