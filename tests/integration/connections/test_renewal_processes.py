"""Renewal across real processes: one request per expiry, and a kill at each step."""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connector.clock import SystemClock
from hub.connector.errors import ReauthorizationNeededError
from hub.core.audit.models import audit_records
from hub.core.connections.models import grants
from hub.core.connections.renewal import free_leases_of
from hub.core.connections.sealing import Sealer
from hub.core.outbox.models import outbox_events
from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.oauth.harness import Place, add_grant, add_place, expire, keyring, open_hub
from tests.oauth.processes import STEPS, answer_rounds, renew_and_die
from tests.oauth.strict_server import Family, StrictServer

PROCESSES = 4
CALLERS = 50
ROUNDS = int(os.environ.get("LEADHUB_RENEWAL_ROUNDS", "20"))
CLOCK = SystemClock()
SEALER = Sealer(keyring(), CLOCK)


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    """A server that forks processes in which everything is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.oauth.processes"])
    return context


def prepare(database: Database, family: Family) -> Place:
    """A connection with a grant that expired a minute ago."""
    place = database.write_now(add_place, SEALER, CLOCK.now())
    database.write_now(add_grant, SEALER, place, family.access, family.refresh, CLOCK.now())
    database.write_now(expire, SEALER, place, CLOCK.now())
    return place


@pytest.mark.proves("TK-01")
async def test_one_expiry_makes_one_request_over_all_processes(
    database: Database, database_url: str, processes: ForkServerContext
) -> None:
    """Four processes with fifty callers each, against a server that revokes the family on reuse."""
    async with StrictServer(latency=0.01) as server:
        family = server.give()
        place = prepare(database, family)
        pipes, running = [], []
        for number in range(PROCESSES):
            ours, theirs = processes.Pipe()
            arguments = (database_url, server.url, place.organisation_id, place.connection_id, f"p{number}", theirs)
            process = processes.Process(target=answer_rounds, args=arguments, daemon=True)
            process.start()
            pipes.append(ours)
            running.append(process)
        await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in pipes))
        for round_number in range(1, ROUNDS + 1):
            for pipe in pipes:
                pipe.send(CALLERS)
            answers = await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in pipes))
            tokens = [token for answer in answers for token in answer]
            assert len(tokens) == PROCESSES * CALLERS
            assert set(tokens) == {family.access}
            assert server.refreshes == round_number
            await database.write(expire, SEALER, place, CLOCK.now())
        for pipe in pipes:
            pipe.send(0)
        for process in running:
            await asyncio.to_thread(process.join, 10)
        assert not family.is_revoked


async def die(processes: ForkServerContext, *arguments: Any) -> None:
    """Run the dying process to its end."""
    process = processes.Process(target=renew_and_die, args=arguments)
    process.start()
    await asyncio.to_thread(process.join, 30)
    assert process.exitcode == -9


@pytest.mark.proves("TK-02")
@pytest.mark.parametrize("is_graceful", [False, True], ids=["strict", "grace"])
async def test_a_kill_at_any_step_never_ends_in_a_loop(
    database: Database, database_url: str, processes: ForkServerContext, is_graceful: bool
) -> None:
    """After a crash the old token is tried once; then there is a new grant, or one request to sign in again."""
    async with StrictServer(is_graceful=is_graceful, latency=0.3) as server:
        for step in STEPS:
            server.requests.clear()
            family = server.give()
            place = prepare(database, family)
            await die(processes, database_url, server.url, place.organisation_id, place.connection_id, step)
            server.latency = 0.0
            outcome = await recover(database, server, place)
            server.latency = 0.3
            was_sent = step in ("during request", "after request", "before write 3")
            if was_sent and not is_graceful:
                assert outcome == "sign in again", step
            else:
                assert outcome == family.access, step
            assert server.refreshes <= 2, step


async def recover(database: Database, server: StrictServer, place: Place) -> str:
    """What the hub comes to after the crash; asked three times, it answers the same and asks the server once."""
    before = server.refreshes
    outcomes = set()
    async with open_hub(database, VirtualClock(CLOCK.now()), server.url, "after") as hub:
        for _ in range(3):
            try:
                access = await hub.access.open(place.organisation_id, place.connection_id)
                outcomes.add(access.token().get_secret_value())
            except ReauthorizationNeededError:
                outcomes.add("sign in again")
    assert len(outcomes) == 1
    assert server.refreshes - before <= 1
    outcome = outcomes.pop()
    open_ends, notices, records = database.read_now(_traces, place)
    assert open_ends == 0
    assert notices == records == (1 if outcome == "sign in again" else 0)
    return outcome


def _traces(connection: sa.Connection, place: Place) -> tuple[int, int, int]:
    """Leases and intents still open; notices to the admins; audit records."""
    ends = sa.select(sa.func.count()).where(
        grants.c.organisation_id == place.organisation_id,
        sa.or_(grants.c.lease_owner.is_not(None), grants.c.intent_at.is_not(None)),
    )
    told = sa.select(sa.func.count()).where(
        outbox_events.c.organisation_id == place.organisation_id, outbox_events.c.kind == "connection_grant_lost"
    )
    noted = sa.select(sa.func.count()).where(
        audit_records.c.organisation_id == place.organisation_id,
        audit_records.c.action == "connection_grant_lost",
    )
    return connection.scalar(ends) or 0, connection.scalar(told) or 0, connection.scalar(noted) or 0


async def test_leases_of_a_dead_process_are_freed_with_it(
    database: Database, database_url: str, processes: ForkServerContext
) -> None:
    """Whoever takes over a dead process's work need not wait for its lease to end."""
    async with StrictServer() as server:
        family = server.give()
        place = prepare(database, family)
        await die(processes, database_url, server.url, place.organisation_id, place.connection_id, "after write 1")
        assert database.write_now(free_leases_of, "dyin") == 0
        assert database.write_now(free_leases_of, "dying") == 1
        clock = VirtualClock(CLOCK.now())
        async with open_hub(database, clock, server.url, "after") as hub:
            await hub.access.open(place.organisation_id, place.connection_id)
            assert hub.clock.now() - CLOCK.now() < timedelta(seconds=1)
