"""Many leads with everything that hangs on them, written straight into the tables: an old hub in a minute or two."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bench.world import World
from hub.core.intake.models import receipts
from hub.core.leads.models import journey_steps, lead_keys, lead_submissions, leads, person_contacts, persons
from hub.core.pipelines.models import lead_sources, stages
from hub.core.routing.models import assignees, assignments
from hub.db.bulk import insert_rows
from hub.db.engine import Database
from hub.db.schema import new_id

AT_ONCE = 5_000
DAYS = 700
Row = dict[str, Any]


def fill(database: Database, world: World, number: int, *, present: int = 0) -> None:
    """Add so many leads, spread over two years, stages, people and sources, and tell the planner about them.

    ``present`` is how many were added before.
    """
    organisation_id, connection_id = UUID(world.organisation_id), UUID(world.connection_id)
    choices = database.read_now(_choices, organisation_id)
    made = _leads(organisation_id, connection_id, choices, range(present, present + number))
    while batch := list(islice(made, AT_ONCE)):
        database.write_now(_store, batch)
    database.write_now(_analyse)


def _analyse(connection: Connection) -> None:
    connection.exec_driver_sql("ANALYZE")


def _choices(connection: Connection, organisation_id: UUID) -> dict[str, list[Any]]:
    def of(table: sa.Table, *columns: Any) -> list[Any]:
        return list(connection.execute(sa.select(*columns).where(table.c.organisation_id == organisation_id)))

    return {
        "stages": of(stages, stages.c.id, stages.c.pipeline_id, stages.c.kind),
        "people": of(assignees, assignees.c.user_id),
        "sources": of(lead_sources, lead_sources.c.id),
    }


def _store(connection: Connection, batch: list[dict[str, Row]]) -> None:
    tables = (persons, person_contacts, leads, lead_keys, lead_submissions, journey_steps, assignments, receipts)
    for table in tables:
        insert_rows(connection, table, [each[table.name] for each in batch])


def _leads(
    organisation_id: UUID, connection_id: UUID, choices: dict[str, list[Any]], places: range
) -> Iterator[dict[str, Row]]:
    chance = random.Random(places.start)
    start = datetime.now(UTC) - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / len(places)
    for turn, place in enumerate(places):
        yield _lead(organisation_id, connection_id, choices, chance, place, start + turn * step)


def _lead(
    organisation_id: UUID,
    connection_id: UUID,
    choices: dict[str, list[Any]],
    chance: random.Random,
    place: int,
    now: datetime,
) -> dict[str, Row]:
    person_id, lead_id, receipt_id = new_id(), new_id(), new_id()
    stage, owner = chance.choice(choices["stages"]), chance.choice(choices["people"]).user_id
    name, email = f"Alexandra Example {place}", f"old{place}@example.com"
    own: Row = {"organisation_id": organisation_id}
    answers = [
        {"key": "full_name", "label": "Name", "values": [name]},
        {"key": "email", "label": "", "values": [email]},
    ]
    return {
        "persons": {"id": person_id, **own, "name": name, "created_at": now},
        "person_contacts": {**own, "kind": "email", "value": email, "person_id": person_id},
        "leads": {
            "id": lead_id,
            **own,
            "person_id": person_id,
            "pipeline_id": stage.pipeline_id,
            "stage_id": stage.id,
            "stage_kind": stage.kind,
            "source_id": chance.choice(choices["sources"]).id,
            "priority": chance.choice((None, "low", "high")),
            "assignee_id": owner,
            "name": name,
            "email": email,
            "values": {"full_name": name, "email": email},
            "origins": {},
            "submitted_at": now,
            "received_at": now,
            "processed_at": now,
            "updated_at": now,
        },
        "lead_keys": {
            **own,
            "scope": "bench_source",
            "source_id": f"old-{place}",
            "lead_id": lead_id,
            "receipt_id": receipt_id,
            "digest": "",
        },
        "lead_submissions": {
            "id": new_id(),
            **own,
            "lead_id": lead_id,
            "receipt_id": receipt_id,
            "connection_id": connection_id,
            "mapping_version": 1,
            "path": "webhook",
            "answers": answers,
            "unmapped": [],
            "problems": [],
            "submitted_at": now,
            "received_at": now,
        },
        "journey_steps": {
            "id": new_id(),
            **own,
            "lead_id": lead_id,
            "kind": "created",
            "actor": "hub",
            "detail": {},
            "happened_at": now,
        },
        "assignments": {
            "id": new_id(),
            **own,
            "lead_id": lead_id,
            "assignee_id": owner,
            "decided_by": "least_loaded",
            "trace": {},
            "assigned_at": now,
        },
        "receipts": _receipt(organisation_id, connection_id, receipt_id, lead_id, place, now),
    }


def _receipt(
    organisation_id: UUID, connection_id: UUID, receipt_id: UUID, lead_id: UUID, place: int, now: datetime
) -> Row:
    return {
        "id": receipt_id,
        "organisation_id": organisation_id,
        "connection_id": connection_id,
        "connector": "bench_source",
        "path": "webhook",
        "delivery_id": receipt_id,
        "position": 0,
        "form_id": "form-1",
        "source_id": f"old-{place}",
        "is_pointer": False,
        "raw": b"{}",
        "headers": {},
        "payload": {"id": f"old-{place}"},
        "digest": "",
        "received_at": now,
        "disposition": "lead_created",
        "lead_id": lead_id,
        "settled_at": now,
    }
