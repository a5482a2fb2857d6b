"""An organisation for tests of pipelines and set-up."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from hub.db.engine import Database
from hub.management.setup import create_organisation


@pytest.fixture
def organisation_id(database: Database) -> UUID:
    """An organisation as the first run makes it."""
    return database.write_now(
        create_organisation,
        name="Example Spa",
        country="PT",
        language="pt",
        time_zone="Europe/Lisbon",
        now=datetime(2026, 1, 7, tzinfo=UTC),
    )
