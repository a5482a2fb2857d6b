"""Where the deliveries of a connection arrive."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.apps import load_app
from hub.core.connections.models import connections
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey


class WebhookAddresses:
    """A ``CallbackUrls``; ``origin`` is the hub's public one."""

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    async def callback_url(self, key: ConnectionKey) -> str | None:
        """The public address of the connection's app; None where it has none."""
        found = await self._database.read(_endpoint, key.organisation_id, key.connection_id)
        return None if found is None else f"{self._origin}/hooks/{found}"


def _endpoint(connection: Connection, organisation_id: UUID, connection_id: UUID) -> str | None:
    app_id = connection.execute(
        sa.select(connections.c.app_id).where(
            connections.c.organisation_id == organisation_id, connections.c.id == connection_id
        )
    ).scalar()
    if app_id is None:
        return None
    app = load_app(connection, organisation_id, app_id)
    return f"{app.connector}/{app.endpoint_key}"
