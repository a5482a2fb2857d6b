"""The number of open leads that routing goes by is the number of open leads there are, whatever people do."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.leads import service
from hub.core.leads.models import leads
from hub.core.leads.service import Author
from hub.core.leads.waiting import assign_waiting
from hub.core.organisations.errors import ServiceError
from hub.core.pipelines.models import stages
from hub.core.routing.models import assignees
from hub.core.routing.staffing import set_absence, set_capacity
from tests.factories import START, answers
from tests.integration.leads.conftest import Office

ME = Author("user:00000000-0000-0000-0000-000000000001")
STEPS = 60


def counted(office: Office) -> dict[UUID, int]:
    """Open leads by person, as routing believes."""
    return {row.user_id: row.open_leads for row in office.rows(assignees)}


def found(office: Office) -> dict[UUID, int]:
    """Open leads by person, as the leads say; test leads are nobody's work."""
    owned = Counter(row.assignee_id for row in office.leads() if row.stage_kind == "open" and not row.is_test)
    return {user_id: owned[user_id] for user_id in office.people}


class Day:
    """A day of people at work, from a seed."""

    def __init__(self, office: Office, seed: int) -> None:
        self._office = office
        self._random = random.Random(seed)
        self._sent = 0

    async def step(self) -> None:
        """Something happens."""
        self._office.clock.advance(timedelta(minutes=1))
        if self._random.random() < 0.3 or not self._office.leads():
            await self._receive()
            return
        action = self._random.choice([self._give, self._take, self._move, self._delete, self._staff, self._wait])
        self._office.database.write_now(_allowed, action)

    async def _receive(self) -> None:
        bodies = []
        for _ in range(self._random.randint(1, 4)):
            self._sent += 1
            email = f"p{self._random.randint(0, 8)}@gmail.com"
            bodies.append((f"lead-{self._sent}", answers(email=email, test=self._random.random() < 0.3)))
        await self._office.send(*bodies)

    def _any(self, table: sa.Table, connection: sa.Connection) -> Any:
        query = sa.select(table).where(table.c.organisation_id == self._office.organisation_id).order_by(table.c.id)
        return self._random.choice(connection.execute(query).all())

    def _give(self, connection: sa.Connection) -> None:
        lead, person = self._any(leads, connection), self._random.choice(self._office.people)
        service.assign_lead(connection, self._office.organisation_id, lead.id, person, author=ME, now=START)

    def _take(self, connection: sa.Connection) -> None:
        lead = self._any(leads, connection)
        service.assign_lead(connection, self._office.organisation_id, lead.id, None, author=ME, now=START)

    def _move(self, connection: sa.Connection) -> None:
        lead, stage = self._any(leads, connection), self._any(stages, connection)
        organisation_id = self._office.organisation_id
        service.move_stage(connection, organisation_id, lead.id, stage.id, author=ME, now=START, lost_reason="Price")

    def _delete(self, connection: sa.Connection) -> None:
        lead = self._any(leads, connection)
        service.delete_lead(connection, self._office.organisation_id, lead.id, author=ME, now=START)

    def _staff(self, connection: sa.Connection) -> None:
        person, organisation_id = self._random.choice(self._office.people), self._office.organisation_id
        set_capacity(connection, organisation_id, person, self._random.choice([None, 1, 3]))
        until = self._office.clock.now() + timedelta(minutes=self._random.randint(1, 9))
        set_absence(connection, organisation_id, person, start=None, end=until)

    def _wait(self, connection: sa.Connection) -> None:
        assign_waiting(connection, self._office.organisation_id, actor=ME.actor, now=self._office.clock.now())


def _allowed(connection: sa.Connection, action: Callable[[sa.Connection], None]) -> None:
    with connection.begin_nested() as part:
        try:
            action(connection)
        except ServiceError:
            part.rollback()


@pytest.mark.parametrize("seed", range(4))
async def test_open_leads_are_counted_right_whatever_happens(office: Office, seed: int) -> None:
    """Received, given, taken, moved, reopened, deleted, test or not: the counts agree after every step."""
    day = Day(office, seed)
    for _ in range(STEPS):
        await day.step()
        assert counted(office) == found(office)
