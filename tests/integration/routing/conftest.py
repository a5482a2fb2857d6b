"""An office for routing tests."""

import pytest
from routing_rows import Office, open_office

from hub.db.engine import Database


@pytest.fixture
def office(database: Database) -> Office:
    """An organisation with three people who take leads."""
    return database.write_now(open_office)
