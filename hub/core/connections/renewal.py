"""Renewal of grants: one request per expiry, whatever the number of callers, tasks and processes.

The lock is a lease on the grant's row, taken with one conditional update; whoever does not get it waits and reads.
The request leaves outside any transaction; before it an intent is stored, after it the new grant and the end of the
lease in one transaction (TK-01, TK-02). Platforms that rotate refresh tokens may revoke the whole family when an
old one is used twice, so a renewal whose answer was lost is tried once more with the old token after each crash,
and the platform's refusal ends in one request to sign in again, never in a loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.connector.errors import ConnectorError, ReauthorizationNeededError, RetryableError
from hub.connector.models import Grant
from hub.core.connections import grants
from hub.core.connections.grants import StoredGrant
from hub.core.connections.health import LONGEST_LIMIT, record_failure, wait
from hub.core.connections.models import grants as grant_rows
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import lock_facts, lose_grant
from hub.db.engine import Database, DatabaseUnavailableError
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id

Renew = Callable[[Grant], Awaitable[Grant]]

LEASE = timedelta(seconds=30)
RENEWAL_LIMIT_SECONDS = 25.0
"""A renewal that takes longer is given up, so that it ends before its lease may be taken over."""

RENEW_EARLY = timedelta(minutes=15)
SKEW = timedelta(minutes=5)
_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 0.5
_STORE_AGAIN_AFTER = (0.1, 0.5, 2.0, 5.0)
_SIBLING_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class _Wish:
    """What a caller asks for. ``refused_generation`` is that of a grant which the platform no longer took."""

    organisation_id: UUID
    connection_id: UUID
    renew_early: timedelta
    is_forced: bool
    refused_generation: int | None


@dataclass(frozen=True)
class _Running:
    """The one renewal of a connection that goes on in this process."""

    wish: _Wish
    task: "asyncio.Task[StoredGrant]"


class GrantRenewer:
    """Hands out grants that are fresh enough to use; one per process.

    ``process_name`` marks the leases of this process, so that they can be freed when it is known to be dead
    (``free_leases_of``).
    """

    def __init__(
        self, database: Database, sealer: Sealer, clock: Clock, process_name: str, *, random: Random | None = None
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._process_name = process_name
        self._random = random or Random()
        self._running: dict[UUID, _Running] = {}

    async def fresh_grant(
        self,
        connection_id: UUID,
        organisation_id: UUID,
        renew: Renew,
        *,
        force: bool = False,
        used_generation: int | None = None,
        renew_early: timedelta = RENEW_EARLY,
    ) -> Grant:
        """A grant to use now; see ``fresh``."""
        stored = await self.fresh(
            connection_id,
            organisation_id,
            renew,
            force=force,
            used_generation=used_generation,
            renew_early=renew_early,
        )
        return stored.grant

    async def fresh(
        self,
        connection_id: UUID,
        organisation_id: UUID,
        renew: Renew,
        *,
        force: bool = False,
        used_generation: int | None = None,
        renew_early: timedelta = RENEW_EARLY,
    ) -> StoredGrant:
        """The stored grant, renewed by ``renew`` first where it is about to expire.

        ``force`` renews although it is not due, because the platform refused it; ``used_generation`` says which
        one was refused, and a newer one is returned as it is. A renewal that fails for the moment is no failure
        while the old grant still lives.

        Raises ``ReauthorizationNeededError`` where an admin must sign in (the state is changed already), else what
        the renewal raised.
        """
        wish = _Wish(organisation_id, connection_id, renew_early, force, used_generation)
        stored = await self._load(wish)
        first_generation = stored.generation
        while self._is_wanted(wish, stored, first_generation):
            running = self._running.get(connection_id)
            if running is not None and running.wish != wish:
                await asyncio.wait({running.task})
                stored = await self._load(wish)
                continue
            if running is None:
                running = self._start(wish, first_generation, renew)
            # A caller that is cancelled must not cancel a request whose answer holds the only valid refresh token.
            return await asyncio.shield(running.task)
        return stored

    def _start(self, wish: _Wish, first_generation: int, renew: Renew) -> "_Running":
        running = _Running(wish, asyncio.create_task(self._renewed(wish, first_generation, renew)))
        self._running[wish.connection_id] = running
        running.task.add_done_callback(lambda done: self._forget(wish.connection_id, done))
        return running

    def _forget(self, connection_id: UUID, done: "asyncio.Task[StoredGrant]") -> None:
        self._running.pop(connection_id, None)
        if not done.cancelled():
            done.exception()  # marks it as seen where every caller has gone away

    async def _load(self, wish: _Wish) -> StoredGrant:
        stored = await self._database.read(grants.load, self._sealer, wish.organisation_id, wish.connection_id)
        if stored is None:
            raise ReauthorizationNeededError("This connection is not authorised. Sign in.", code="never_granted")
        return stored

    def _is_wanted(self, wish: _Wish, stored: StoredGrant, first_generation: int) -> bool:
        if stored.generation > first_generation:
            return False
        if wish.is_forced:
            return wish.refused_generation is None or stored.generation <= wish.refused_generation
        return is_due(stored, self._clock.now(), wish.renew_early)

    async def _renewed(self, wish: _Wish, first_generation: int, renew: Renew) -> StoredGrant:
        watched, watched_seconds, poll = None, 0.0, _POLL_SECONDS
        while True:
            stored = await self._load(wish)
            if not self._is_wanted(wish, stored, first_generation):
                return stored
            if stored.lease_owner is None and self._is_cooling_down(stored):
                return self._living_or_raise(wish, stored, _still_waiting())
            if stored.lease_owner is None or watched_seconds >= LEASE.total_seconds():
                lease = f"{self._process_name}/{new_id().hex}"
                if await self._database.write(_take_lease, wish, stored, lease, self._clock.now()):
                    found = await self._hold(wish, lease, renew)
                    if found is not None:
                        return found
            # Another's lease ends when *we* have watched it for its whole length: its clock may differ from ours.
            if stored.lease_owner != watched:
                watched, watched_seconds, poll = stored.lease_owner, 0.0, _POLL_SECONDS
            await self._clock.sleep(poll)
            watched_seconds += poll
            poll = min(poll * 1.5, _LONGEST_POLL_SECONDS)

    async def _hold(self, wish: _Wish, lease: str, renew: Renew) -> StoredGrant | None:
        """Renew while holding the lease; None where it was lost to another before the request left."""
        stored = await self._database.write(_note_intent, self._sealer, wish, lease, self._clock.now())
        if stored is None:
            return None
        try:
            async with asyncio.timeout(RENEWAL_LIMIT_SECONDS):
                renewed = await renew(stored.grant)
        except ReauthorizationNeededError as refused:
            return await self._refused(wish, lease, stored, refused)
        except ConnectorError as failure:
            return await self._failed(wish, lease, stored, failure)
        except TimeoutError:
            slow = RetryableError("The platform did not answer in time.", code="timeout")
            return await self._failed(wish, lease, stored, slow)
        except Exception as bug:
            await self._database.write(self._note_failure, wish, lease, stored, bug)
            raise
        return await self._store(wish, stored, grants.merged(stored.grant, renewed))

    async def _store(self, wish: _Wish, stored: StoredGrant, grant: Grant) -> StoredGrant | None:
        """Commit the new grant before anybody uses it; the old one is worth nothing any more, so try hard."""
        for pause in (*_STORE_AGAIN_AFTER, None):
            try:
                await self._database.write(_replace, self._sealer, wish, grant, self._clock.now(), stored.generation)
            except DatabaseUnavailableError:
                if pause is None:
                    raise
                await self._clock.sleep(pause)
            else:
                break
        return await self._load(wish)

    async def _refused(
        self, wish: _Wish, lease: str, stored: StoredGrant, refused: ReauthorizationNeededError
    ) -> StoredGrant | None:
        """First look whether a sibling rotated the token, or is about to, while we were asking (TK-03).

        Storing a grant ends every lease, so that a lease that is no longer ours says both; then look again.
        """
        waited = 0.0
        while True:
            now_stored = await self._load(wish)
            if now_stored.lease_owner != lease:
                return None
            if stored.intent_at is None or waited >= _SIBLING_GRACE_SECONDS:
                break
            # An open intent of somebody else: its answer may still be on the way to the database.
            await self._clock.sleep(_LONGEST_POLL_SECONDS)
            waited += _LONGEST_POLL_SECONDS
        is_lost = await self._database.write(
            lose_grant,
            wish.organisation_id,
            wish.connection_id,
            reason=refused.code,
            user_message=refused.user_message,
            now=self._clock.now(),
            generation=stored.generation,
            detail={"after_interrupted_renewal": stored.intent_at is not None},
        )
        if not is_lost:
            return await self._load(wish)
        raise refused

    async def _failed(self, wish: _Wish, lease: str, stored: StoredGrant, failure: ConnectorError) -> StoredGrant:
        await self._database.write(self._note_failure, wish, lease, stored, failure)
        return self._living_or_raise(wish, stored, failure)

    def _note_failure(
        self, connection: Connection, wish: _Wish, lease: str, stored: StoredGrant, failure: Exception
    ) -> None:
        """Free the lease and say when to try again. The intent stays where no answer came."""
        now = self._clock.now()
        failures = stored.renewal_failures + 1
        no_answer = not isinstance(failure, ConnectorError) or failure.code in ("timeout", "connection", "garbage")
        lock_facts(connection, wish.organisation_id, wish.connection_id)
        connection.execute(
            sa.update(grant_rows)
            .where(*_row(wish), grant_rows.c.lease_owner == lease)
            .values(
                lease_owner=None,
                lease_until=None,
                intent_at=stored.intent_at or (now if no_answer else None),
                renewal_failures=failures,
                retry_at=now + wait(failure, failures, self._random),
            )
        )
        record_failure(connection, wish.organisation_id, wish.connection_id, failure, now, self._random)

    def _is_cooling_down(self, stored: StoredGrant) -> bool:
        if stored.retry_at is None:
            return False
        # Later than any wait we ever set: the clock was ahead when it was written.
        return timedelta(0) < stored.retry_at - self._clock.now() <= LONGEST_LIMIT

    def _living_or_raise(self, wish: _Wish, stored: StoredGrant, failure: ConnectorError) -> StoredGrant:
        expires_at = stored.grant.expires_at
        if wish.is_forced:
            raise failure
        if expires_at is None or expires_at > self._clock.now():
            return stored
        raise failure


def is_due(stored: StoredGrant, now: datetime, renew_early: timedelta = RENEW_EARLY) -> bool:
    """Whether a grant is to be renewed: min(``renew_early``, 20 % of its life) before it expires (TK-06).

    Without a date it is never due; the platform's refusal will tell. A grant stored in the future shows that the
    clock was set back, so that nobody knows how much of its life is left.
    """
    expires_at = stored.grant.expires_at
    if expires_at is None:
        return False
    life = max(expires_at - stored.stored_at, timedelta(0))
    return now >= expires_at - min(renew_early, life / 5) or stored.stored_at > now + SKEW


def free_leases_of(connection: Connection, process_name: str) -> int:
    """Free the leases of a process known to be dead, so that nobody waits for them; returns how many.

    Its intents stay: what it asked for may have happened.
    """
    freed = connection.execute(
        sa.update(grant_rows)
        .where(grant_rows.c.lease_owner.startswith(f"{process_name}/", autoescape=True))
        .values(lease_owner=None, lease_until=None)
        .execution_options(**{ALL_ORGANISATIONS: "a dead process worked for all of them"})
    )
    return freed.rowcount


def _take_lease(connection: Connection, wish: _Wish, seen: StoredGrant, lease: str, now: datetime) -> bool:
    # "IS NOT DISTINCT FROM": equal, or both absent.
    taken = connection.execute(
        sa.update(grant_rows)
        .where(
            *_row(wish),
            grant_rows.c.generation == seen.generation,
            grant_rows.c.lease_owner.is_not_distinct_from(seen.lease_owner),
        )
        .values(lease_owner=lease, lease_until=now + LEASE)
    )
    return bool(taken.rowcount)


def _note_intent(connection: Connection, sealer: Sealer, wish: _Wish, lease: str, now: datetime) -> StoredGrant | None:
    """Read the grant again under the lease and note that a request is about to leave; the row as it was before."""
    noted = connection.execute(sa.select(grant_rows.c.intent_at).where(*_row(wish)).with_for_update()).first()
    stored = grants.load(connection, sealer, wish.organisation_id, wish.connection_id)
    if noted is None or stored is None or stored.lease_owner != lease:
        return None
    connection.execute(sa.update(grant_rows).where(*_row(wish)).values(intent_at=now))
    return stored


def _replace(connection: Connection, sealer: Sealer, wish: _Wish, grant: Grant, now: datetime, generation: int) -> None:
    lock_facts(connection, wish.organisation_id, wish.connection_id)
    grants.replace(connection, sealer, wish.organisation_id, wish.connection_id, grant, now, generation=generation)


def _row(wish: _Wish) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return grant_rows.c.organisation_id == wish.organisation_id, grant_rows.c.connection_id == wish.connection_id


def _still_waiting() -> RetryableError:
    return RetryableError(
        "Renewing the authorisation failed a short while ago and is tried again later.", code="renewal_waiting"
    )
