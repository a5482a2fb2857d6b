"""An honest small connector with every capability, for a platform that does not exist."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from tests.conformance.reference.connector import Reference


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """Hand over the connector."""
    return [Reference()]
