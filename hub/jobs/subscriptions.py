"""Checking that the sources' deliveries are switched on, and switching them on again (X-02 e)."""

from typing import Protocol

import structlog
from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Subscribes
from hub.connector.clock import Clock
from hub.connector.errors import PartAccessLostError
from hub.core.connections.part_limits import PartWork
from hub.core.pulls.service import pull_all_soon
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey, Connections, Connectors, find
from hub.jobs.part_watch import PartWatch

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

        A subscription that cannot be restored is a failure of the connection, shown on its page; where only a part
        of the account refuses, that part is limited.
        """
        key = ConnectionKey.read(payload)
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        connector = find(self._connectors, active.connector) if active else None
        url = await self._urls.callback_url(key)
        if connector is None or url is None or not isinstance(connector, Subscribes):
            return

        parts = PartWatch(self._database, self._clock, key, PartWork.SUBSCRIBING)
        await parts.look()

        async def restore(access: Access) -> bool:
            is_gone = not await connector.is_subscribed(access, url)
            if is_gone:
                await connector.subscribe(access, url)
            parts.worked_on_all(access)
            return is_gone

        try:
            is_restored = await self._connections.run(key.organisation_id, key.connection_id, restore)
        except PartAccessLostError as error:
            parts.refused(error)
            raise
        finally:
            await parts.store()
        if is_restored:
            log.warning("a subscription was gone and is restored", connection=str(key.connection_id))
            now = self._clock.now()
            await self._database.write(pull_all_soon, key.organisation_id, key.connection_id, now)
