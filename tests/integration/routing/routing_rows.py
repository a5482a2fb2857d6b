"""An organisation with people and leads, for routing tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import lead_submissions, leads, persons
from hub.core.organisations.models import roles, users
from hub.core.organisations.service import make_assignee
from hub.core.pipelines.queries import first_stage, source_by_code
from hub.core.routing.decide import Decision
from hub.core.routing.models import assignees, assignments
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.management.setup import create_organisation

NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Office:
    """An organisation whose people are numbered from 0."""

    organisation_id: UUID
    people: list[UUID]


def open_office(connection: Connection, people: int = 3) -> Office:
    """An organisation with everything set up and some people who take leads."""
    organisation_id = create_organisation(
        connection, name="Example Spa", country="PT", language="pt", time_zone="Europe/Lisbon", now=NOON
    )
    role_id = new_id()
    role = {"id": role_id, "organisation_id": organisation_id, "name": "Sales", "permissions": []}
    connection.execute(sa.insert(roles).values(role))
    staff = [add_person(connection, organisation_id, role_id) for _ in range(people)]
    return Office(organisation_id, staff)


def add_person(connection: Connection, organisation_id: UUID, role_id: UUID, **more: Any) -> UUID:
    """A user who takes leads."""
    user_id = new_id()
    user = {
        "id": user_id,
        "organisation_id": organisation_id,
        "email": f"{user_id}@example.com",
        "name": f"Person {user_id}",
        "role_id": role_id,
        "is_active": True,
        "created_at": NOON,
    }
    connection.execute(sa.insert(users).values(user))
    make_assignee(connection, organisation_id, user_id, **more)
    return user_id


def add_lead(connection: Connection, office: Office, at: datetime, **more: Any) -> UUID:
    """An open lead that came at a moment; in a queue or with a person as ``more`` says."""
    stage = first_stage(connection, office.organisation_id)
    person_id, lead_id = more.pop("person_id", None) or new_id(), new_id()
    language = more.pop("language", "pt")
    person = {"id": person_id, "organisation_id": office.organisation_id, "name": "Ada", "created_at": at}
    if connection.execute(sa.select(persons.c.id).where(*_person(office, person_id))).first() is None:
        connection.execute(sa.insert(persons).values(person))
    row = {
        "id": lead_id,
        "organisation_id": office.organisation_id,
        "person_id": person_id,
        "pipeline_id": stage.pipeline_id,
        "stage_id": stage.id,
        "stage_kind": "open",
        "source_id": source_by_code(connection, office.organisation_id, "manual"),
        "values": {},
        "origins": {},
        "submitted_at": at,
        "received_at": at,
        "processed_at": at,
        "updated_at": at,
    }
    connection.execute(sa.insert(leads).values({**row, **more}))
    submission = {
        "id": new_id(),
        "organisation_id": office.organisation_id,
        "lead_id": lead_id,
        "receipt_id": new_id(),
        "mapping_version": 0,
        "path": "webhook",
        "answers": [],
        "unmapped": [],
        "problems": [],
        "language": language,
        "submitted_at": at,
        "received_at": at,
    }
    connection.execute(sa.insert(lead_submissions).values(submission))
    return lead_id


def apply(connection: Connection, office: Office, lead_id: UUID, decision: Decision, at: datetime) -> None:
    """Write a decision onto its lead, as the lead's own code does."""
    mine = (leads.c.organisation_id == office.organisation_id, leads.c.id == lead_id)
    place = {
        "assignee_id": decision.assignee_id,
        "queue_id": decision.queue_id,
        "claim_until": decision.claim_until,
    }
    connection.execute(sa.update(leads).where(*mine).values(place))
    row = {
        "id": new_id(),
        "organisation_id": office.organisation_id,
        "lead_id": lead_id,
        "assignee_id": decision.assignee_id,
        "queue_id": decision.queue_id,
        "decided_by": decision.decided_by,
        "trace": decision.trace,
        "assigned_at": at,
    }
    connection.execute(sa.insert(assignments).values(row))


def open_leads(database: Database, office: Office) -> list[int]:
    """How many open leads each person has by the counters."""

    def read(connection: Connection) -> list[int]:
        mine = assignees.c.organisation_id == office.organisation_id
        statement = sa.select(assignees.c.user_id, assignees.c.open_leads).where(mine)
        counts = {row.user_id: row.open_leads for row in connection.execute(statement)}
        return [counts[user_id] for user_id in office.people]

    return database.read_now(read)


def minutes(count: float) -> datetime:
    """A moment that many minutes after noon."""
    return NOON + timedelta(minutes=count)


def _person(office: Office, person_id: UUID) -> tuple[Any, ...]:
    return persons.c.organisation_id == office.organisation_id, persons.c.id == person_id
