"""The hub's own forms as a connector."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from plugins.web_forms.connector import WebForms


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The connector of this distribution."""
    return (WebForms(),)
