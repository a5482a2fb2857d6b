"""Servers for tests with several processes: real PostgreSQL, real ``leadhub`` commands, on loopback ports."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import QUICK_FOLDER
from tests.hosts.postgres import PostgresServer, postgres_server
from tests.hosts.relay import Relay
from tests.hosts.site import Site, open_site


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be stopped and started."""
    with postgres_server(below=QUICK_FOLDER) as server:
        yield server


@dataclass
class Related:
    """A site whose first serving process reaches the database through a relay that can cut it off."""

    site: Site
    postgres: PostgresServer
    relay: Relay


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def related(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Related]:
    """Two serving processes and a worker on PostgreSQL, for all tests that leave it working."""
    folder: Path = tmp_path_factory.mktemp("related")
    own_postgres.make_database("related")
    async with Relay(("127.0.0.1", own_postgres.port)) as relay:
        ways = {"alpha": own_postgres.url("related", port=relay.port)}
        url = own_postgres.url("related")
        async with open_site(folder, url, serving=("alpha", "beta"), workers=("gamma",), ways=ways) as site:
            yield Related(site, own_postgres, relay)
