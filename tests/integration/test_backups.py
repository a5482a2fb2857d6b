"""A backup holds everything, fits either database, and shows whether somebody touched it."""

import base64
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bench.world import World, furnish
from hub.core.backups import LEFT_OUT, BackupError, read_backup, write_backup
from hub.core.outbox.models import outbox_events
from hub.core.outbox.service import publish
from hub.core.tables import metadata
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id

KEYS = {"k1": os.urandom(32)}


@pytest.fixture
def filled(database: Database) -> tuple[Database, World]:
    """A hub in use: an organisation, people, a connection with a sealed secret, a published form, events."""
    world = furnish(database, KEYS)
    tell(database, world)
    return database, world


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Where it is restored: a new database of either kind."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'new.db'}" if is_sqlite else str(request.getfixturevalue("empty_postgres_url"))
    made = Database(url)
    made.write_now(metadata.create_all)
    yield made
    made.close()


def tell(database: Database, world: World) -> None:
    """One event more."""
    organisation_id = UUID(world.organisation_id)
    now = datetime.now(UTC)
    database.write_now(publish, organisation_id, kind="told", subject_id=new_id(), payload={"n": 1}, now=now)


def rows_of(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    """Everything in a table but the number that only its own server understands."""
    columns = [column for column in table.columns if column.name != "transaction_number"]
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    query = query.execution_options(**{ALL_ORGANISATIONS: "a test compares whole databases"})
    return database.read_now(lambda connection: [dict(row._mapping) for row in connection.execute(query)])


@pytest.mark.proves("DA-09")
def test_every_row_comes_back_on_either_database_and_the_hub_goes_on(
    filled: tuple[Database, World], empty: Database, tmp_path: Path
) -> None:
    """Restored on the same or on the other kind of database, each table is equal, and new events get new numbers."""
    source, world = filled
    file = tmp_path / "hub.backup"
    written = source.read_now(write_backup, file, KEYS)
    assert empty.write_now(read_backup, file, KEYS) == written > 30
    for table in metadata.sorted_tables:
        if table.name not in LEFT_OUT:
            assert sorted(map(repr, rows_of(empty, table))) == sorted(map(repr, rows_of(source, table))), table.name
    before = len(rows_of(empty, outbox_events))
    tell(empty, world)
    tell(empty, world)
    assert len(rows_of(empty, outbox_events)) == before + 2
    assert b"bench_source" not in file.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "bit", "another key", "no backup"])
def test_a_file_that_was_touched_is_refused_and_nothing_is_restored(
    filled: tuple[Database, World], empty: Database, tmp_path: Path, damage: str
) -> None:
    """Each with a text that says so, before a row is committed."""
    source, _ = filled
    file, keys = tmp_path / "hub.backup", KEYS
    source.read_now(write_backup, file, KEYS)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[:-40])
    elif damage == "bit":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "another key":
        keys = {"k1": os.urandom(32)}
    else:
        file.write_bytes(base64.b64encode(content))
    with pytest.raises(BackupError):
        empty.write_now(read_backup, file, keys)
    assert all(rows_of(empty, table) == [] for table in metadata.sorted_tables)


def test_a_database_with_rows_is_left_as_it_is(filled: tuple[Database, World], tmp_path: Path) -> None:
    """A backup never mixes with what is there."""
    source, _ = filled
    file = tmp_path / "hub.backup"
    source.read_now(write_backup, file, KEYS)
    with pytest.raises(BackupError, match="not empty"):
        source.write_now(read_backup, file, KEYS)
