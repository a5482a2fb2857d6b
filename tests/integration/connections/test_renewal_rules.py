"""Renewal in one process: races, failures, cool-down, and what is told to whom."""

import asyncio
import os
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from hub.connector.errors import (
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.models import Grant
from hub.core.connections import grants, renewal
from hub.core.connections.models import connections
from hub.core.connections.renewal import GrantRenewer, free_leases_of
from hub.core.connections.sealing import Sealer
from hub.core.outbox.models import outbox_events
from hub.db.engine import Database, DatabaseUnavailableError
from hub.testing.clock import VirtualClock
from tests.oauth.harness import Place, add_grant, add_place, expire, keyring

RACES = int(os.environ.get("LEADHUB_RENEWAL_RACES", "60"))


class UnhurriedClock(VirtualClock):
    """Gives others time to work while virtual time passes."""

    async def sleep(self, seconds: float) -> None:
        """Pass the time, and really a moment of it."""
        self.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0.004)


class Bench:
    """A connection with an expired grant, and renewers around it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = UnhurriedClock()
        self.sealer = Sealer(keyring(), self.clock)
        self.place: Place = database.write_now(add_place, self.sealer, self.clock.now())
        self.give("token-1", "refresh-1")
        self.expire()

    def give(self, access: str, refresh: str | None, life: timedelta | None = timedelta(hours=1)) -> None:
        """As if an admin had signed in."""
        self.database.write_now(add_grant, self.sealer, self.place, access, refresh, self.clock.now(), life)

    def expire(self) -> None:
        """Let the stored grant be past its time."""
        self.database.write_now(expire, self.sealer, self.place, self.clock.now())

    def renewer(self, name: str = "p1") -> GrantRenewer:
        """One process's renewer."""
        return GrantRenewer(self.database, self.sealer, self.clock, name)

    async def fresh(self, renewer: GrantRenewer, renew, **options) -> str:
        """The access token that a caller gets."""
        grant = await renewer.fresh_grant(self.place.connection_id, self.place.organisation_id, renew, **options)
        return grant.access_token.get_secret_value()

    def row(self) -> sa.Row:
        """The connection as stored."""
        statement = sa.select(connections).where(
            connections.c.organisation_id == self.place.organisation_id, connections.c.id == self.place.connection_id
        )
        return self.database.read_now(lambda connection: connection.execute(statement).one())

    def notices(self) -> int:
        """How often the admins were told that the grant is lost."""
        statement = sa.select(sa.func.count()).where(
            outbox_events.c.organisation_id == self.place.organisation_id,
            outbox_events.c.kind == "connection_grant_lost",
        )
        return self.database.read_now(lambda connection: connection.scalar(statement))

    def stored(self) -> grants.StoredGrant | None:
        """The grant as stored."""
        return self.database.read_now(grants.load, self.sealer, self.place.organisation_id, self.place.connection_id)


@pytest.fixture
def bench(database: Database) -> Bench:
    """A fresh bench on each database."""
    return Bench(database)


def answer(access: str, refresh: str | None = None, life: timedelta = timedelta(hours=1), clock=None) -> Grant:
    """What a platform gives."""
    return Grant(
        access_token=SecretStr(access),
        refresh_token=None if refresh is None else SecretStr(refresh),
        expires_at=clock.now() + life,
    )


INVALID = ReauthorizationNeededError("Sign in again.", code="invalid_grant")


async def test_many_callers_in_one_process_share_one_renewal(bench: Bench) -> None:
    """The renewal runs once and everybody gets its token."""
    calls = 0

    async def renew(grant: Grant) -> Grant:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        return answer("token-2", clock=bench.clock)

    renewer = bench.renewer()
    tokens = await asyncio.gather(*(bench.fresh(renewer, renew) for _ in range(50)))
    assert set(tokens) == {"token-2"}
    assert calls == 1


@pytest.mark.proves("TK-02")
async def test_lease_and_intent_stand_in_the_database_while_the_request_is_under_way(bench: Bench) -> None:
    """Whoever looks after a crash sees that the token may have been used; afterwards nothing is left open."""
    before, during = bench.stored(), []

    async def renew(grant: Grant) -> Grant:
        during.append(bench.stored())
        return answer("token-2", clock=bench.clock)

    await bench.fresh(bench.renewer("p7"), renew)
    assert (before.intent_at, during[0].intent_at, bench.stored().intent_at) == (None, bench.clock.now(), None)
    assert during[0].lease_owner.startswith("p7/")
    assert bench.stored().lease_owner is None


async def test_a_renewal_that_takes_too_long_is_given_up_before_its_lease_ends(bench: Bench, monkeypatch) -> None:
    """Else a sibling would ask a second time; the intent stays, because no answer came."""
    assert timedelta(seconds=renewal.RENEWAL_LIMIT_SECONDS) < renewal.LEASE
    monkeypatch.setattr(renewal, "RENEWAL_LIMIT_SECONDS", 0.02)

    async def renew(grant: Grant) -> Grant:
        await asyncio.sleep(2)
        return grant

    with pytest.raises(RetryableError, match="timeout"):
        await bench.fresh(bench.renewer(), renew)
    assert bench.stored().lease_owner is None
    assert bench.stored().intent_at is not None


async def test_the_old_refresh_token_stays_where_none_came_back(bench: Bench) -> None:
    """RFC 6749 section 6: without a new refresh token the old one goes on; so do the scopes."""

    async def renew(grant: Grant) -> Grant:
        return answer("token-2", clock=bench.clock)

    await bench.fresh(bench.renewer(), renew)
    stored = bench.stored()
    assert stored is not None
    assert stored.generation == 3
    assert stored.grant.refresh_token == SecretStr("refresh-1")
    assert stored.grant.scopes == ("leads", "forms")


async def test_a_caller_that_goes_away_does_not_stop_the_renewal(bench: Bench) -> None:
    """The answer of a request under way holds the only valid refresh token: it must be stored."""
    asked, may_answer, calls = asyncio.Event(), asyncio.Event(), []

    async def renew(grant: Grant) -> Grant:
        calls.append(grant)
        asked.set()
        await may_answer.wait()
        return answer("token-2", "refresh-2", clock=bench.clock)

    renewer = bench.renewer()
    impatient = asyncio.create_task(bench.fresh(renewer, renew))
    await asked.wait()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    may_answer.set()
    assert await bench.fresh(renewer, renew) == "token-2"
    assert len(calls) == 1


@pytest.mark.proves("TK-03")
async def test_a_refusal_after_a_sibling_rotated_kills_nothing(bench: Bench) -> None:
    """Two holders of a lease race; the loser's invalid_grant is answered with the winner's token."""
    for race in range(RACES):
        first, second = bench.renewer("p1"), bench.renewer("p2")
        loser_asked, winner_asked = asyncio.Event(), asyncio.Event()
        winner_comes_first = race % 2 == 0

        async def lose(grant: Grant, asked=loser_asked, wait=winner_asked) -> Grant:
            asked.set()
            await wait.wait()
            raise INVALID

        async def win(grant: Grant, asked=winner_asked, race=race, late=not winner_comes_first) -> Grant:
            asked.set()
            if late:
                await asyncio.sleep(0.01)
            return answer(f"token-{race}", f"refresh-{race}", clock=bench.clock)

        losing = asyncio.create_task(bench.fresh(first, lose))
        await loser_asked.wait()
        # The loser stalled beyond its lease, and the sibling took over.
        bench.database.write_now(free_leases_of, "p1")
        assert await bench.fresh(second, win) == f"token-{race}"
        assert await losing == f"token-{race}"
        bench.expire()
    assert bench.notices() == 0
    assert bench.row().state == "active"


@pytest.mark.proves("TK-03")
async def test_a_late_answer_saves_the_grant_from_the_takeover_that_was_refused(bench: Bench) -> None:
    """The process taken over had rotated the token already; its answer is stored before the grant is given up."""
    asked, refused = asyncio.Event(), asyncio.Event()

    async def slow(grant: Grant) -> Grant:
        asked.set()
        await refused.wait()
        await asyncio.sleep(0.01)
        return answer("token-2", "refresh-2", clock=bench.clock)

    async def too_late(grant: Grant) -> Grant:
        refused.set()
        raise INVALID

    slowly = asyncio.create_task(bench.fresh(bench.renewer("p1"), slow))
    await asked.wait()
    bench.database.write_now(free_leases_of, "p1")
    assert await bench.fresh(bench.renewer("p2"), too_late) == "token-2"
    assert await slowly == "token-2"
    assert bench.notices() == 0


async def test_a_lease_is_taken_over_only_after_it_was_watched_for_its_length(bench: Bench) -> None:
    """Another clock's opinion about when a lease ends does not count."""
    with bench.database.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE grants SET lease_owner = 'dead/1'"),
        )

    async def renew(grant: Grant) -> Grant:
        return answer("token-2", clock=bench.clock)

    before = bench.clock.now()
    assert await bench.fresh(bench.renewer(), renew) == "token-2"
    assert timedelta(seconds=30) <= bench.clock.now() - before < timedelta(seconds=32)


async def test_a_dead_grant_is_told_once_and_asked_about_once(bench: Bench) -> None:
    """Fifty callers find out; one notice is written, the grant is erased and the server is left alone."""
    calls = 0

    async def renew(grant: Grant) -> Grant:
        nonlocal calls
        calls += 1
        raise INVALID

    first, second = bench.renewer("p1"), bench.renewer("p2")
    outcomes = await asyncio.gather(
        *(bench.fresh(renewer, renew) for renewer in (first, second) for _ in range(25)), return_exceptions=True
    )
    assert all(isinstance(outcome, ReauthorizationNeededError) for outcome in outcomes)
    assert calls == 1
    assert bench.notices() == 1
    assert bench.stored() is None
    assert (bench.row().state, bench.row().reason) == ("authorization_needed", "invalid_grant")


@pytest.mark.proves("TK-04")
async def test_no_other_failure_asks_anybody_to_sign_in(bench: Bench) -> None:
    """Transient, limited and operator errors and bugs change health facts and leave state and grant alone."""
    failures = (
        RetryableError("No answer.", code="timeout"),
        RateLimitedError("Slow down.", retry_after=timedelta(minutes=3)),
        PermanentError("Check the secret.", code="invalid_client"),
        ValueError("a bug"),
    )
    for number, failure in enumerate(failures, 1):

        async def renew(grant: Grant, failure=failure) -> Grant:
            raise failure

        with pytest.raises(type(failure)):
            await bench.fresh(bench.renewer(), renew)
        row, stored = bench.row(), bench.stored()
        assert (row.state, row.failures_in_row) == ("active", number)
        assert "a bug" not in row.last_error
        assert stored is not None
        assert stored.lease_owner is None
        bench.clock.advance(timedelta(hours=1))
    assert bench.notices() == 0


async def test_a_failed_renewal_is_not_repeated_by_the_next_caller(bench: Bench) -> None:
    """Until its time has come again, callers get the failure without a request leaving."""
    calls = 0

    async def renew(grant: Grant) -> Grant:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RetryableError("No answer.", code="timeout")
        return answer("token-2", clock=bench.clock)

    renewer = bench.renewer()
    for _ in range(5):
        with pytest.raises(RetryableError):
            await bench.fresh(renewer, renew)
    assert calls == 1
    bench.clock.advance(timedelta(minutes=1))
    assert await bench.fresh(renewer, renew) == "token-2"


async def test_an_early_renewal_that_fails_leaves_the_living_grant_in_use(bench: Bench) -> None:
    """A token with ten minutes to live serves while its renewal fails."""
    bench.give("token-9", "refresh-9")
    bench.clock.advance(timedelta(minutes=50))

    async def renew(grant: Grant) -> Grant:
        raise RetryableError("No answer.")

    assert await bench.fresh(bench.renewer(), renew) == "token-9"
    assert bench.row().failures_in_row == 1


@pytest.mark.proves("TK-06")
async def test_a_refused_grant_is_renewed_although_it_is_not_due(bench: Bench) -> None:
    """After a clock jump backwards the token looks alive; whoever was refused gets a new one, once for all."""
    bench.give("token-5", "refresh-5")
    generation = bench.stored().generation
    calls = 0

    async def renew(grant: Grant) -> Grant:
        nonlocal calls
        calls += 1
        return answer("token-6", "refresh-6", clock=bench.clock)

    renewers = [bench.renewer("p1"), bench.renewer("p2")]
    tokens = await asyncio.gather(
        *(
            bench.fresh(renewer, renew, force=True, used_generation=generation)
            for renewer in renewers
            for _ in range(10)
        )
    )
    assert set(tokens) == {"token-6"}
    assert calls == 1


async def test_a_new_grant_is_stored_although_the_database_falters(bench: Bench, monkeypatch) -> None:
    """The old token is worth nothing after the answer, so storing is tried again."""
    real, failures = bench.database.write, 2

    async def faltering(work, *args, **kwargs):
        nonlocal failures
        if work.__name__ == "_replace" and failures:
            failures -= 1
            raise DatabaseUnavailableError("the database did not take the work")
        return await real(work, *args, **kwargs)

    monkeypatch.setattr(bench.database, "write", faltering)

    async def renew(grant: Grant) -> Grant:
        return answer("token-2", "refresh-2", clock=bench.clock)

    assert await bench.fresh(bench.renewer(), renew) == "token-2"
    assert failures == 0
