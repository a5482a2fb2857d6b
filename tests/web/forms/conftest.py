"""A hub that serves nothing but public forms, on a real database with the real ledger."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.web.forms.desk import FormDesk


@pytest.fixture
async def desk(database: Database, clock: VirtualClock) -> AsyncIterator[FormDesk]:
    """An organisation with a master form; forms are published with one call."""
    desk = FormDesk(database, clock)
    yield desk
    await desk.ledger.close()


@pytest.fixture
async def visitor(desk: FormDesk) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """A browser without scripts at the public address."""
    async with TestClient(TestServer(desk.app())) as client:
        yield client
