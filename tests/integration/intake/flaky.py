"""Processes of a hub whose database fails at random, and which die at random: for tests of the intake."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.connector.clock import Clock
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.work_off import Intake
from hub.db.engine import Database, DatabaseUnavailableError
from tests.factories import PlainConnector


class FlakyDatabase:
    """A database as one process sees it: any call may fail before it begins, in its midst, or after its commit.

    ``rate`` is the share of calls that fail. Once ``is_dead``, every call fails, as those of a killed process do: of
    what it had begun, some is committed and some is not.
    """

    def __init__(self, database: Database, chance: random.Random) -> None:
        self._database = database
        self._chance = chance
        self.engine = database.engine
        self.rate = 0.0
        self.is_dead = False

    async def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ``Database.read``."""
        return await self._database.read(self._failing(work), *args, **kwargs)

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ``Database.write``."""
        fate = self._fate()
        return self._answer(fate, await self._database.write(partial(self._run, fate, work), *args, **kwargs))

    async def write_at_once(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ``Database.write_at_once``."""
        fate = self._fate()
        return self._answer(fate, await self._database.write_at_once(partial(self._run, fate, work), *args, **kwargs))

    def read_now(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ``Database.read_now``."""
        return self._database.read_now(self._failing(work), *args, **kwargs)

    def write_now(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ``Database.write_now``."""
        fate = self._fate()
        return self._answer(fate, self._database.write_now(partial(self._run, fate, work), *args, **kwargs))

    def _fate(self) -> str:
        if self.is_dead or self._chance.random() < self.rate:
            return self._chance.choice(["before", "midst", "refused", "after"])
        return "well"

    def _failing(self, work: Callable[..., Any]) -> Callable[..., Any]:
        return work if self._fate() == "well" else partial(self._run, "before", work)

    def _run(self, fate: str, work: Callable[..., Any], connection: sa.Connection, *args: Any, **kwargs: Any) -> Any:
        if fate == "before":
            raise DatabaseUnavailableError("it does not answer")
        answer = work(connection, *args, **kwargs)
        if fate == "midst":
            raise DatabaseUnavailableError("it went away")
        if fate == "refused":
            raise ValueError("the database refuses these rows")
        return answer

    def _answer(self, fate: str, answer: Any) -> Any:
        if fate == "after":
            raise DatabaseUnavailableError("the answer to COMMIT is lost")
        return answer


class Process:
    """A ledger and an intake under one name. ``pointers`` are the thin receipts that it has been told of."""

    def __init__(self, name: str, database: Database, clock: Clock, chance: random.Random) -> None:
        self.name = name
        self.pointers: list[UUID] = []
        self.database = FlakyDatabase(database, chance)
        seen: Any = self.database
        self.intake = Intake(seen, clock, name, {"reference": PlainConnector()}, FormWorks(seen, clock))
        self.intake.on_pointers = lambda rows: self.pointers.extend(row["id"] for row in rows)
        self.ledger = Ledger(seen, clock, name, self.intake.offer, self.intake.look_again)

    async def work_a_little(self) -> None:
        """A few batches, however many fail: what a process does between two looks at it."""
        try:
            await self.intake.drain()
        except Exception:
            await self.intake._begin_anew()

    async def work_to_the_end(self) -> None:
        """Until the database holds nothing for it."""
        await self.intake._begin_anew()
        await self.intake.drain()

    def die(self) -> None:
        """As by kill -9."""
        self.database.is_dead = True
