"""Where the operator named no token, there are no metrics."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from pydantic import SecretStr

from hub.core.intake.refusals import CountingLedger
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.app import build_app
from hub.web.metrics import Measuring, metrics_routes
from hub.web.services import WebServices
from tests.web.conftest import Hub


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """The hub with the address, and without a token."""

    def build(services: WebServices) -> web.Application:
        ledger = CountingLedger(services.database, services.clock, "test")
        measuring = Measuring(token=SecretStr(""), ledger=ledger)
        return build_app(replace(services, others={Measuring: measuring}), *PLATFORM_GROUPS, metrics_routes)

    return build


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer", "Bearer x", "Basic eDp4"])
async def test_without_a_token_in_the_settings_there_is_no_such_address(hub: Hub, header: str | None) -> None:
    """An empty token opens nothing, and an administrator's session neither."""
    headers = {"Authorization": header} if header is not None else {}
    answer = await hub.ask("GET", "/metrics", as_role="Administrator", headers=headers)
    assert (answer.status, answer.json["type"]) == (404, "urn:leadhub:problem:not-found")
