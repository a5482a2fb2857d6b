"""Organisations with a connection for tests of mappings."""

import pytest
from mapping_places import Place, make_place

from hub.db.engine import Database


@pytest.fixture
def place(database: Database) -> Place:
    """One organisation with a connection."""
    return database.write_now(make_place)


@pytest.fixture
def other_place(database: Database) -> Place:
    """Somebody else."""
    return database.write_now(make_place)
