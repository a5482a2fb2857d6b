"""Every group of routes, in one list."""

from aiohttp import web

from hub.web.api.configuration import configuration_routes
from hub.web.api.connections import CONNECTIONS
from hub.web.api.connector_health import CONNECTOR_HEALTH
from hub.web.api.connectors import CONNECTORS
from hub.web.api.conversations import CONVERSATIONS
from hub.web.api.conversion_reports import CONVERSION_REPORTS
from hub.web.api.conversions import CONVERSIONS
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.leads import LEADS
from hub.web.api.messages import MESSAGES
from hub.web.api.receipts import RECEIPTS
from hub.web.api.routing import RouteGroup
from hub.web.console import console_routes
from hub.web.inbound import inbound_routes
from hub.web.metrics import metrics_routes
from hub.web.oauth import AUTHORISATIONS, oauth_routes


def all_groups() -> list[RouteGroup | web.RouteTableDef]:
    """What ``build_app`` is given: the API first, then the light routes."""
    return [
        *PLATFORM_GROUPS,
        *configuration_routes(),
        LEADS,
        CONVERSATIONS,
        MESSAGES,
        RECEIPTS,
        CONNECTORS,
        CONNECTOR_HEALTH,
        CONNECTIONS,
        CONVERSIONS,
        CONVERSION_REPORTS,
        AUTHORISATIONS,
        inbound_routes,
        metrics_routes,
        oauth_routes,
        console_routes,
    ]
