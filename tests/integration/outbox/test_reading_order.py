"""Events are read once each, in an order that no late commit can break."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.outbox.models import outbox_events
from hub.core.outbox.queries import BATCH, Position, events_after, position_after
from hub.core.outbox.service import publish
from hub.db.engine import Database
from hub.db.schema import new_id
from tests.factories import START, add_organisation


@pytest.fixture
def home(database: Database) -> UUID:
    """An organisation to which nothing happened."""
    return database.write_now(add_organisation)


def tell(connection: sa.Connection, organisation_id: UUID, kind: str) -> None:
    """Something happens."""
    publish(connection, organisation_id, kind=kind, subject_id=new_id(), payload={}, now=START)


class Reader:
    """Reads as the stream does, and remembers the kinds."""

    def __init__(self, database: Database, organisation_id: UUID, text: str | None = None) -> None:
        self._database = database
        self._organisation_id = organisation_id
        self.last: Position = database.read_now(position_after, organisation_id, text)
        self.kinds: list[str] = []

    def read(self) -> list[str]:
        """What is new."""
        rows = self._database.read_now(events_after, self._organisation_id, self.last)
        for row in rows:
            self.last = Position.of(row)
        self.kinds += [row.kind for row in rows]
        return [row.kind for row in rows]


@contextmanager
def open_transaction(database: Database) -> Iterator[sa.Connection]:
    """A writing transaction as another process holds it open."""
    with database._writing_engine.begin() as connection:
        yield connection


def test_an_event_that_commits_late_is_not_passed_over(database: Database, home: UUID) -> None:
    """An event written first and committed last is read, although younger events were there before it."""
    reader = Reader(database, home)
    quick = threading.Thread(target=database.write_now, args=(tell, home, "quick"))
    with open_transaction(database) as slow:
        tell(slow, home, "slow")
        quick.start()
        if not database.is_sqlite:
            quick.join()
        reader.read()
    quick.join()
    database.write_now(tell, home, "later")
    reader.read()
    assert sorted(reader.kinds) == ["later", "quick", "slow"]


def test_two_writers_at_once_and_a_reader_in_between_lose_nothing(database: Database, home: UUID) -> None:
    """Whoever commits first, a reader that looks all the time sees each event once."""
    reader = Reader(database, home)
    numbers = range(60)

    def write(name: str) -> None:
        for number in numbers:
            with database._writing_engine.begin() as connection:
                tell(connection, home, f"{name} {number} a")
                tell(connection, home, f"{name} {number} b")

    writers = [threading.Thread(target=write, args=(name,)) for name in "xyz"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        reader.read()
    for writer in writers:
        writer.join()
    while reader.read():
        pass
    assert len(reader.kinds) == len(set(reader.kinds)) == 3 * 2 * len(numbers)
    for name in "xyz":
        own = [kind for kind in reader.kinds if kind.startswith(name)]
        assert own == [f"{name} {number} {part}" for number in numbers for part in "ab"]


def test_an_event_with_an_older_id_is_read_when_it_comes(database: Database, home: UUID) -> None:
    """The clock of another host, or one that was set back, makes ids that sort before what was read already."""
    old = new_id()
    reader = Reader(database, home)
    database.write_now(tell, home, "first")
    assert reader.read() == ["first"]
    database.write_now(tell, home, "second")
    change = sa.update(outbox_events).where(outbox_events.c.organisation_id == home, outbox_events.c.kind == "second")
    database.write_now(lambda c: c.execute(change.values(id=old)))
    assert reader.read() == ["second"]


def test_what_is_given_up_is_never_told(database: Database, home: UUID) -> None:
    """A transaction that fails leaves no event, and holds up nobody afterwards."""
    reader = Reader(database, home)

    def fail(connection: sa.Connection) -> None:
        tell(connection, home, "never")
        raise ValueError

    with pytest.raises(ValueError):
        database.write_now(fail)
    database.write_now(tell, home, "after")
    assert reader.read() == ["after"]


def test_a_reader_goes_on_where_it_was_and_reads_batch_by_batch(database: Database, home: UUID) -> None:
    """The position as text leads to the next event, across batches and from the middle of a transaction."""
    reader = Reader(database, home)

    def many(connection: sa.Connection) -> None:
        for number in range(BATCH + 5):
            tell(connection, home, str(number))

    database.write_now(many)
    assert len(reader.read()) == BATCH
    again = Reader(database, home, str(reader.last))
    assert again.read() == [str(number) for number in range(BATCH, BATCH + 5)]


@pytest.mark.parametrize("text", [None, "", "0190-x", "9" * 18 + "-1", "019fbf52-7c1e-7a43-9c0d-5f8e2b7a6d10"])
def test_without_a_usable_position_reading_begins_behind_everything(
    database: Database, home: UUID, text: str | None
) -> None:
    """No position, an unreadable one and one from the future: what comes next is read, what was is not."""
    database.write_now(tell, home, "before")
    reader = Reader(database, home, text)
    assert reader.read() == []
    database.write_now(tell, home, "next")
    assert reader.read() == ["next"]


def test_reading_begins_before_what_is_still_being_written(database: Database, home: UUID) -> None:
    """Somebody who connects while a transaction runs is told what that brings."""
    with open_transaction(database) as slow:
        tell(slow, home, "slow")
        reader = Reader(database, home)
    assert reader.read() == ["slow"]


def test_another_organisations_events_are_not_read(database: Database, home: UUID) -> None:
    """Everybody reads their own."""
    other = database.write_now(add_organisation, "Other")
    reader = Reader(database, home)
    database.write_now(tell, other, "theirs")
    assert reader.read() == []
