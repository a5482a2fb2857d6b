"""Every group of routes, in one list."""

from aiohttp import web

from hub.web.api.configuration import configuration_routes
from hub.web.api.connections import CONNECTIONS
from hub.web.api.connectors import CONNECTORS
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.leads import LEADS
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
        RECEIPTS,
        CONNECTORS,
        CONNECTIONS,
        AUTHORISATIONS,
        inbound_routes,
        metrics_routes,
        oauth_routes,
        console_routes,
    ]
