"""A connection that the server ends in the midst of a transaction is an absent database, not a fault of the rows."""

import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from hub.core.intake.models import refusals
from hub.core.organisations.models import organisations
from hub.core.tables import metadata
from hub.db.bulk import insert_rows, update_rows
from hub.db.engine import Database, DatabaseUnavailableError
from hub.db.schema import new_id
from tests.factories import START


def _pause(connection: sa.Connection) -> None:
    """Stand still for longer than the server allows within a transaction, as a stopped process does."""
    connection.exec_driver_sql("SET idle_in_transaction_session_timeout = '20ms'")
    time.sleep(0.2)


def _insert(connection: sa.Connection) -> None:
    _pause(connection)
    row = {"endpoint": "e", "day": START.date(), "reason": "r", "sender": "s", "requests": 1, "last_at": START}
    insert_rows(connection, refusals, [row])


def _update(connection: sa.Connection) -> None:
    _pause(connection)
    update_rows(connection, organisations, ("id",), [{"id": new_id(), "name": "Other"}])


@pytest.fixture
def server(empty_postgres_url: str) -> Iterator[Database]:
    """A server database; the embedded one has no connection that could be ended."""
    database = Database(empty_postgres_url)
    database.write_now(metadata.create_all)
    yield database
    database.close()


@pytest.mark.proves("OP-04")
@pytest.mark.parametrize("work", [_insert, _update])
def test_a_transaction_ended_by_the_server_may_be_tried_again(
    server: Database, work: Callable[[sa.Connection], None]
) -> None:
    """Whatever statement meets it, the caller is told that the database did not take the work."""
    with pytest.raises(DatabaseUnavailableError):
        server.write_now(work)
    assert server.read_now(lambda c: c.execute(sa.select(sa.literal(1))).scalar()) == 1
