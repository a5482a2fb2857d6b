"""Checking that the sources' deliveries are switched on, and switching them on again (X-02 e)."""

from typing import Protocol

import structlog
from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Subscribes
from hub.connector.clock import Clock
from hub.core.pulls.service import pull_all_soon
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find

log = structlog.get_logger(__name__)

CHECK_SUBSCRIPTION = "check_subscription"


class CallbackUrls(Protocol):
    """Where the deliveries of a connection arrive."""

    async def callback_url(self, key: ConnectionKey) -> str | None:
        """The public address of the connection's app; None where it has none."""
        ...


class Subscriptions:
    """Handler of the job ``check_subscription``."""

    def __init__(
        self, database: Database, clock: Clock, connectors: Connectors, connections: Connections, urls: CallbackUrls
    ) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections
        self._urls = urls

    async def check(self, payload: JsonValue) -> None:
        """Restore a subscription that the source dropped, and read at once what was missed meanwhile.

        A subscription that cannot be restored is a failure of the connection, shown on its page.
        """
        key = ConnectionKey.read(payload)
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        connector = find(self._connectors, active.connector) if active else None
        url = await self._urls.callback_url(key)
        if connector is None or url is None or not isinstance(connector, Subscribes):
            return

        async def restore(access: Access) -> bool:
            if await connector.is_subscribed(access, url):
                return False
            await connector.subscribe(access, url)
            return True

        if await self._connections.run(key.organisation_id, key.connection_id, restore):
            log.warning("a subscription was gone and is restored", connection=str(key.connection_id))
            now = self._clock.now()
            await self._database.write(pull_all_soon, key.organisation_id, key.connection_id, now)
