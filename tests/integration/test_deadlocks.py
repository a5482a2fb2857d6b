"""Two transactions that wait for each other: the database ends one, which is done again and nobody is told no."""

import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from hub.core.organisations.models import organisations
from hub.core.tables import metadata
from hub.db.engine import Database, DatabaseUnavailableError
from tests.factories import add_organisation

LONG = 10.0


@pytest.fixture
def server(empty_postgres_url: str) -> Iterator[Database]:
    """A server database; on the embedded one writers come one after the other."""
    database = Database(empty_postgres_url)
    database.write_now(metadata.create_all)
    yield database
    database.close()


@pytest.mark.proves("OP-04")
def test_the_one_that_was_ended_is_done_again(server: Database) -> None:
    """Both write both rows, in opposite orders, each holding one when it asks for the other: both succeed."""
    ids = sorted(server.write_now(add_organisation, name) for name in ("A", "B"))
    both_hold = threading.Barrier(2, timeout=LONG)
    runs: list[str] = []
    failures: list[Exception] = []

    def write(mark: str, order: list[int]) -> Callable[[sa.Connection], None]:
        def work(connection: sa.Connection) -> None:
            runs.append(mark)
            for place in order:
                change = sa.update(organisations).where(organisations.c.id == ids[place])
                connection.execute(change.values(name=organisations.c.name + mark))
                if runs.count(mark) == 1 and place == order[0]:
                    both_hold.wait()

        return work

    def run(mark: str, order: list[int]) -> None:
        try:
            server.write_now(write(mark, order))
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=args) for args in (("x", [0, 1]), ("y", [1, 0]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not failures
    assert 3 <= len(runs) <= 4, "one of them, or each once, was ended and done again"
    names = server.read_now(lambda c: c.scalars(sa.select(organisations.c.name)).all())
    assert {"".join(sorted(name)) for name in names} == {"Axy", "Bxy"}


def test_what_always_fails_so_is_given_up(server: Database) -> None:
    """It is not tried for ever."""
    runs: list[None] = []

    def work(connection: sa.Connection) -> None:
        runs.append(None)
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")

    with pytest.raises(DatabaseUnavailableError):
        server.write_now(work)
    assert len(runs) == 4
