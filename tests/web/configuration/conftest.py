"""The hub with the routes about configuration."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web

from hub.connectors import Registry
from hub.web.api.configuration import configuration_routes
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.app import build_app
from hub.web.services import WebServices
from plugins.web_forms import WebForms
from tests.web.configuration.office import Office
from tests.web.conftest import Hub


@pytest.fixture
def web_services(web_services: WebServices) -> WebServices:
    """Services that know the connector for the hub's own forms."""
    return replace(web_services, registry=Registry.from_connectors([WebForms()]))


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """Only what these tests use."""
    return lambda services: build_app(services, *PLATFORM_GROUPS, *configuration_routes())


@pytest.fixture
async def office(hub: Hub) -> Office:
    """Two organisations with everything set up."""
    return Office(hub)
