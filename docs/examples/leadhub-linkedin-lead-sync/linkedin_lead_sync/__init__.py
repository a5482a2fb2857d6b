"""LinkedIn Lead Sync: leads of lead gen forms for Leadhub."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl

from linkedin_lead_sync.connector import LinkedInLeadSync


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The connector of this distribution."""
    return [LinkedInLeadSync()]
