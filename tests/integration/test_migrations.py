"""Migrations, both ways on both databases, end where the code's tables are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.core.tables import metadata
from hub.db import migrating
from hub.db.engine import Database


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'empty.db'}" if is_sqlite else request.getfixturevalue("empty_postgres_url")
    database = Database(url)
    yield database
    database.close()


@pytest.mark.proves("DA-09")
def test_forth_back_and_forth_again(empty: Database) -> None:
    """Up gives exactly the tables of the code, down gives an empty database, up works again."""
    migrating.upgrade(empty)
    assert empty.read_now(migrating.differences) == []
    migrating.check(empty)
    migrating.downgrade(empty, "base")
    left = empty.read_now(lambda c: set(sa.inspect(c).get_table_names()) & set(metadata.tables))
    assert not left
    migrating.upgrade(empty)
    migrating.check(empty)


def test_an_older_database_is_named_with_what_to_do(empty: Database) -> None:
    """A process that meets another schema says which, and which command helps."""
    with pytest.raises(migrating.SchemaError, match="leadhub migrate"):
        migrating.check(empty)


def test_the_journey_is_protected_by_the_migration_too(empty: Database) -> None:
    """The triggers that keep the journey append-only come with the first revision."""
    migrating.upgrade(empty)
    if empty.is_sqlite:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journey_steps'"
        expected = 2
    else:
        query = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'journey_steps'::regclass AND NOT tgisinternal"
        expected = 1
    assert empty.read_now(lambda c: c.exec_driver_sql(query).scalar()) == expected
