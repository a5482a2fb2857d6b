"""Which connections can send, and on which channels."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.base import Sends
from hub.connector.conversations import Channel
from hub.core.connections.apps import Connectors, find_connector, load_settings
from hub.core.connections.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Sender:
    """A connector that sends, and the channels on which it can under an app's settings."""

    sends: Sends
    channels: frozenset[Channel]


class Senders(Protocol):
    """Finds the sender of a connection."""

    def find(
        self, connection: Connection, organisation_id: UUID, connector_key: str, app_id: UUID | None
    ) -> Sender | None:
        """The sender; None where nothing can be sent."""
        ...


class InstalledSenders:
    """The installed connectors that can send, under the settings of each app."""

    def __init__(self, connectors: Connectors, sealer: Sealer) -> None:
        self._connectors = connectors
        self._sealer = sealer

    def find(
        self, connection: Connection, organisation_id: UUID, connector_key: str, app_id: UUID | None
    ) -> Sender | None:
        """The sender; None for a connector that cannot send, or not as the app is set up.

        Raises ``PermanentError`` for settings that no longer fit the connector.
        """
        connector = find_connector(self._connectors, connector_key)
        if connector is None or not isinstance(connector, Sends) or app_id is None:
            return None
        settings = load_settings(connection, self._sealer, connector, organisation_id, app_id)
        if settings is None:
            return None
        channels = frozenset(connector.channels(settings))
        return Sender(connector, channels) if channels else None
