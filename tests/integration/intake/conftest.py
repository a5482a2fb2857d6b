"""A small office with an intake that works for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.intake.receipts import Accepted, Path
from hub.core.intake.work_off import Intake
from hub.core.leads.models import leads
from hub.core.organisations.models import roles, users
from hub.core.organisations.service import make_assignee
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.management.setup import create_organisation
from hub.testing.clock import VirtualClock
from tests.factories import START, PlainConnector, add_connection, delivery, raw

PROCESS = "test-0"


@dataclass
class Office:
    """An organisation with one connection, two people who take leads, a ledger and an intake."""

    database: Database
    clock: VirtualClock
    organisation_id: UUID
    connection_id: UUID
    people: tuple[UUID, ...]
    ledger: Ledger
    intake: Intake

    async def send(self, *bodies: tuple[str | None, Any], path: Path = Path.WEBHOOK, **more: Any) -> Accepted:
        """One delivery with these (source id, body) pairs, worked off."""
        accepted = await self.store(*bodies, path=path, **more)
        await self.intake.drain()
        return accepted

    async def store(
        self,
        *bodies: tuple[str | None, Any],
        path: Path = Path.WEBHOOK,
        form_id: str | None = "form-1",
        **more: Any,
    ) -> Accepted:
        """One delivery with these (source id, body) pairs, not worked off."""
        submissions = [raw(source_id, body, form_id) for source_id, body in bodies]
        return await self.ledger.accept(
            delivery(
                self.organisation_id,
                self.connection_id,
                submissions,
                path=path,
                received_at=self.clock.now(),
                **more,
            )
        )

    def rows(self, table: sa.Table, *conditions: Any) -> Sequence[Any]:
        """All rows of a table of this organisation."""
        query = sa.select(table).where(table.c.organisation_id == self.organisation_id, *conditions)
        if "id" in table.c:
            query = query.order_by(table.c.id)
        return self.database.read_now(lambda c: c.execute(query).all())

    def dispositions(self) -> list[str]:
        """The disposition of each receipt, oldest first."""
        return [row.disposition for row in self.rows(receipts)]

    def leads(self) -> Sequence[Any]:
        """Every lead, oldest first."""
        return self.rows(leads)


def add_people(connection: sa.Connection, organisation_id: UUID, number: int) -> tuple[UUID, ...]:
    """People who take leads."""
    role_id = new_id()
    connection.execute(
        sa.insert(roles).values(id=role_id, organisation_id=organisation_id, name="sales", permissions=[])
    )
    people = tuple(new_id() for _ in range(number))
    for place, user_id in enumerate(people):
        connection.execute(
            sa.insert(users).values(
                id=user_id,
                organisation_id=organisation_id,
                email=f"person{place}-{organisation_id}@example.com",
                name=f"Person {place}",
                role_id=role_id,
                created_at=START,
            )
        )
        make_assignee(connection, organisation_id, user_id)
    return people


@pytest.fixture
def office(database: Database, clock: VirtualClock) -> Office:
    """The office, opened."""

    def furnish(connection: sa.Connection) -> tuple[UUID, UUID, tuple[UUID, ...]]:
        organisation_id = create_organisation(
            connection, name="Example Spa", country="DE", language="en", time_zone="Europe/Berlin", now=START
        )
        people = add_people(connection, organisation_id, 2)
        return organisation_id, add_connection(connection, organisation_id), people

    organisation_id, connection_id, people = database.write_now(furnish)
    intake = Intake(database, clock, PROCESS, {"reference": PlainConnector()}, FormWorks(database, clock))
    ledger = Ledger(database, clock, PROCESS, intake.offer)
    return Office(database, clock, organisation_id, connection_id, people, ledger, intake)
