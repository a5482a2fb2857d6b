"""The smallest useful connector: a source that posts whole leads, with a key in the body."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from tests.conformance.minimal.connector import Minimal


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """Hand over the connector."""
    return [Minimal()]
