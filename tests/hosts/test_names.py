"""A process's name and its receipts, where database and network leave them in doubt."""

import asyncio
import socket

import pytest
import sqlalchemy as sa

from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.processes import service
from hub.core.processes.identity import take_name
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.jobs.sweeping import Sweeping
from hub.testing.clock import VirtualClock
from tests.factories import add_connection, add_organisation, delivery, raw
from tests.hosts.conftest import Related
from tests.hosts.postgres import PostgresServer
from tests.hosts.relay import Relay

ALL = {ALL_ORGANISATIONS: "a test looks at everything"}
END_HOLDERS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.mark.proves("OP-04")
async def test_a_name_is_kept_although_the_server_still_holds_the_broken_session(own_postgres: PostgresServer) -> None:
    """The network broke without a word to the server: the old session is ended, and the name taken again."""
    async with Relay(("127.0.0.1", own_postgres.port)) as relay:
        database = Database(own_postgres.url("postgres", port=relay.port))
        held = await asyncio.to_thread(take_name, database, "host", "names")
        relay.cut_clients()
        await asyncio.to_thread(held.confirm)
        other = await asyncio.to_thread(take_name, database, "host", "names")
        assert (held.name, other.name) == ("host-names-1", "host-names-2")
        for each in (held, other, database):
            await asyncio.to_thread(each.close)


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.timeout(240)
async def test_a_process_whose_name_another_one_has_ends_by_itself(related: Related) -> None:
    """It stops in good order and tells its supervisor, by its exit code, that this was no orderly stop."""
    worker, database = related.site.workers[0], related.site.books.database
    with database.engine.connect() as connection:
        connection.exec_driver_sql(END_HOLDERS)
    taken = await asyncio.to_thread(take_name, database, socket.gethostname(), worker.name)
    assert taken.name.endswith(worker.holder)
    assert await worker.ended(within=30) == 2
    assert "Another process is called" in worker.log.read_text()
    await asyncio.to_thread(taken.close)
    worker.start()
    await worker.until_ready()


@pytest.mark.proves("DG-06")
async def test_receipts_of_a_name_that_nobody_has_are_taken_over(database: Database, clock: VirtualClock) -> None:
    """A process committed a receipt after its work was released, and was gone then; a living one keeps its own."""
    organisation_id = database.write_now(add_organisation)
    connection_id = database.write_now(add_connection, organisation_id)
    for name in ("gone-1", "living-1"):
        await Ledger(database, clock, name).accept(delivery(organisation_id, connection_id, [raw(name)]))
    database.write_now(service.register, "living-1", "first", clock.now())
    await Sweeping(database, clock, "sweeping-1", lambda: None).sweep()
    query = sa.select(receipts.c.source_id, receipts.c.lease_owner, receipts.c.lease_generation)
    found = database.read_now(lambda connection: connection.execute(query.execution_options(**ALL)).all())
    assert set(map(tuple, found)) == {("gone-1", "sweeping-1", 1), ("living-1", "living-1", 0)}
