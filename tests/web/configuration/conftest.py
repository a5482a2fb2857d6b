"""The hub with the routes about configuration; on PostgreSQL all tests share one database and leave it empty."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.engine import Connection

from hub.connectors import Registry
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.web.api.configuration import configuration_routes
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.app import build_app
from hub.web.services import WebServices
from plugins.web_forms import WebForms
from tests.web.configuration.office import Office
from tests.web.conftest import Hub


@pytest.fixture(scope="session")
def shared_postgres(postgres_server: str, postgres_template: str) -> Iterator[Database]:
    """A PostgreSQL database for one test after the other: making one takes longer than a test here."""
    name = f"shared_{uuid4().hex[:12]}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    database = Database(sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False))
    yield database
    database.close()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with every table, of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "hub.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        opened = Database(f"sqlite:///{path}")
        yield opened
        opened.close()
        return
    shared: Database = request.getfixturevalue("shared_postgres")
    yield shared
    shared.write_now(_remove_organisations)


def _remove_organisations(connection: Connection) -> None:
    """With everything that belongs to them."""
    connection.execute(sa.delete(organisations))


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
