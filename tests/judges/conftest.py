"""One hub per kind of database and test module, with every connector that is built in."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import aiohttp
import pytest
import sqlalchemy as sa

from hub.db import migrating
from hub.db.engine import Database
from plugins.meta_ads.connector import MetaAds
from plugins.web_forms.connector import WebForms
from tests.conformance.reference.connector import Reference
from tests.judges.running import Running, running_hub

MANY = 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database made by the migrations, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('judged') / 'hub.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"judged_{uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    database = Database(url)
    migrating.upgrade(database)
    database.close()
    yield url
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(scope="module")
def running(migrated_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The hub; nobody is limited, so that a test may be as busy as it likes."""
    folder = tmp_path_factory.mktemp("hub")
    connectors = [MetaAds(), WebForms(), Reference()]
    with running_hub(migrated_url, folder, connectors, form_rate_per_address=MANY, form_rate_per_form=MANY) as found:
        yield found


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps no cookies and unpacks nothing."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session:
        yield session
