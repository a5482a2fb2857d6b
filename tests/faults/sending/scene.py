"""One lead with messages to it, made by rows, so that a sweep needs no intake."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import leads, persons
from hub.core.outbound.models import outgoing_messages
from hub.core.outbound.service import set_quiet_hours
from hub.core.pipelines.queries import list_sources, list_stages
from hub.core.routing.queries import list_queues
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.management.setup import create_organisation
from tests.factories import START, add_connection

PERSON, OWN = "+14155552671", "+15005550006"
LATE = timedelta(days=3650)


@dataclass(frozen=True)
class Scene:
    """Whose messages they are, and through which connection they go."""

    organisation_id: UUID
    connection_id: UUID
    lead_id: UUID

    @classmethod
    def make(cls, database: Database) -> "Scene":
        """A scene without messages."""
        return database.write_now(_make)

    def ask(self, database: Database, number: int) -> None:
        """Queue so many messages."""
        rows = [
            {
                "id": new_id(),
                "organisation_id": self.organisation_id,
                "lead_id": self.lead_id,
                "connection_id": self.connection_id,
                "channel": "sms",
                "sender": OWN,
                "recipient": PERSON,
                "text": f"Message {each}",
                "state": "queued",
                "asked_by": "user:somebody",
                "digest": "",
                "asked_at": START,
                "not_before": START,
                "give_up_at": START + LATE,
            }
            for each in range(number)
        ]
        database.write_now(lambda connection: connection.execute(sa.insert(outgoing_messages), rows))

    def states(self, database: Database) -> dict[str, str]:
        """The state of every message by its id."""
        mine = sa.select(outgoing_messages.c.id, outgoing_messages.c.state).where(
            outgoing_messages.c.organisation_id == self.organisation_id
        )
        return {str(row.id): row.state for row in database.read_now(lambda c: c.execute(mine).all())}


def _make(connection: Connection) -> Scene:
    organisation_id = create_organisation(
        connection, name="Example Spa", country="DE", language="en", time_zone="Europe/Berlin", now=START
    )
    connection_id = add_connection(connection, organisation_id)
    set_quiet_hours(connection, organisation_id, None)
    person_id, lead_id = new_id(), new_id()
    mine: dict[str, Any] = {"organisation_id": organisation_id}
    connection.execute(sa.insert(persons).values(**mine, id=person_id, name="Ada Example", created_at=START))
    stage = list_stages(connection, organisation_id)[0]
    row = {
        "id": lead_id,
        "person_id": person_id,
        "pipeline_id": stage.pipeline_id,
        "stage_id": stage.id,
        "stage_kind": "open",
        "source_id": list_sources(connection, organisation_id)[0].id,
        "queue_id": list_queues(connection, organisation_id)[0][0].id,
        "values": {},
        "origins": {},
        "submitted_at": START,
        "received_at": START,
        "processed_at": START,
        "updated_at": START,
    }
    connection.execute(sa.insert(leads).values(**mine, **row))
    return Scene(organisation_id, connection_id, lead_id)
