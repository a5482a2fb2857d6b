"""An organisation with a connection, for tests of mappings."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connection_parts, connections
from hub.core.organisations.models import roles, users
from hub.core.organisations.service import make_assignee
from hub.db.schema import new_id
from hub.management.setup import create_organisation

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """An organisation, a connection with the part ``page-1``, and a user who takes leads."""

    organisation_id: UUID
    connection_id: UUID
    user_id: UUID


def make_place(connection: Connection) -> Place:
    """Everything that mappings and defaults refer to."""
    organisation_id = create_organisation(
        connection, name="Example Spa", country="PT", language="pt", time_zone="Europe/Lisbon", now=NOW
    )
    connection_id, role_id, user_id = new_id(), new_id(), new_id()
    account = {
        "id": connection_id,
        "organisation_id": organisation_id,
        "connector": "reference",
        "name": "Reference",
        "missing_rights": [],
        "state": "active",
        "created_at": NOW,
        "state_changed_at": NOW,
    }
    part = {
        "connection_id": connection_id,
        "part_id": "page-1",
        "organisation_id": organisation_id,
        "name": "Our page",
        "missing_rights": [],
    }
    role = {"id": role_id, "organisation_id": organisation_id, "name": "Sales", "permissions": []}
    user = {
        "id": user_id,
        "organisation_id": organisation_id,
        "email": f"{user_id}@example.com",
        "name": "Ada",
        "role_id": role_id,
        "is_active": True,
        "created_at": NOW,
    }
    connection.execute(sa.insert(connections).values(account))
    connection.execute(sa.insert(connection_parts).values(part))
    connection.execute(sa.insert(roles).values(role))
    connection.execute(sa.insert(users).values(user))
    make_assignee(connection, organisation_id, user_id)
    return Place(organisation_id, connection_id, user_id)
