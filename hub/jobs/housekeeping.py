"""What has to be done now and then: waiting leads, reminders, held spam, spent tokens."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue

from hub.connector.clock import Clock
from hub.core.accounts.rates import forget_old_windows
from hub.core.accounts.sessions import remove_ended_sessions
from hub.core.connections.forecast import remind
from hub.core.forms.nonces import forget_expired
from hub.core.intake.spam import end_held_spam
from hub.core.leads.waiting import assign_waiting
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.jobs.engine import JobEngine

ASSIGN_EVERY = timedelta(minutes=1)
REMIND_EVERY = timedelta(hours=1)
FORGET_EVERY = timedelta(days=1)
END_SPAM_EVERY = timedelta(days=1)
BATCH = 200


class Housekeeping:
    """Handlers of jobs that come by the clock alone."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def register(self, engine: JobEngine) -> None:
        """Name the jobs, before the engine starts."""
        engine.every(ASSIGN_EVERY, "assign_waiting", self.assign_waiting)
        engine.every(REMIND_EVERY, "remind_of_expiry", self.remind_of_expiry)
        engine.every(FORGET_EVERY, "forget_spent", self.forget_spent)
        engine.every(END_SPAM_EVERY, "end_held_spam", self.end_held_spam)

    async def assign_waiting(self, payload: JsonValue) -> None:
        """Give leads that wait in a queue to people who can take them by now (P-37)."""
        for organisation_id in await self._organisations():
            moved = BATCH
            while moved == BATCH:
                done = await self._database.write(
                    assign_waiting, organisation_id, actor="hub", now=self._clock.now(), limit=BATCH
                )
                moved = done.assigned + done.moved

    async def remind_of_expiry(self, payload: JsonValue) -> None:
        """Tell admins whose authorisation ends in 14, 7, 3 or 1 days; each reminder once (X-06)."""
        await self._database.write(remind, self._clock.now())

    async def forget_spent(self, payload: JsonValue) -> None:
        """Remove spent render tokens, ended sessions and old windows of the sign-in limits."""
        for forget in (forget_expired, remove_ended_sessions, forget_old_windows):
            await self._database.write(forget, self._clock.now())

    async def end_held_spam(self, payload: JsonValue) -> None:
        """Reject what has been held as spam for 30 days, and remove its content (PF-05)."""
        for organisation_id in await self._organisations():
            ended = BATCH
            while ended == BATCH:
                ended = await self._database.write(end_held_spam, organisation_id, self._clock.now(), BATCH)

    async def _organisations(self) -> Sequence[UUID]:
        return await self._database.read(lambda c: c.scalars(sa.select(organisations.c.id)).all())
