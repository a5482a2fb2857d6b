"""What a benchmarked hub holds before the load: an organisation with people, a published form, a connected source."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretBytes
from sqlalchemy.engine import Connection

from bench.source import KEY, BenchSource
from hub.connector.clock import SystemClock
from hub.connector.models import FieldType
from hub.core.accounts.first_run import NewOrganisation, NewPerson, create_organisation
from hub.core.accounts.models import api_keys
from hub.core.accounts.secrets import fingerprint, new_secret
from hub.core.connections.apps import create_app
from hub.core.connections.keyring import MasterKeyring
from hub.core.connections.models import connections
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import create_connection
from hub.core.connections.state import ConnectionState
from hub.core.forms.definition import FormDefinition, FormField
from hub.core.forms.service import create_form, publish_form
from hub.core.organisations.models import roles, users
from hub.core.organisations.service import make_assignee
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.management.setup import furnish_organisation

WEBHOOK_SECRET = "benchmark-secret-benchmark-secret"
PEOPLE = 8


@dataclass(frozen=True)
class World:
    """Where to send, and as whom to read."""

    organisation_id: str
    connection_id: str
    endpoint: str
    form_path: str
    api_key: str

    def save(self, folder: Path) -> None:
        """Keep it beside the database."""
        (folder / "world.json").write_text(json.dumps(asdict(self)))


def furnish(database: Database, master_keys: dict[str, bytes]) -> World:
    """Make the world in an empty database."""
    sealer = Sealer(MasterKeyring({name: SecretBytes(key) for name, key in master_keys.items()}), SystemClock())
    return database.write_now(_furnish, sealer, datetime.now(UTC))


def _furnish(connection: Connection, sealer: Sealer, now: datetime) -> World:
    organisation_id, admin_id = create_organisation(
        connection,
        NewOrganisation("Benchmark", "DE", "en", "Europe/Berlin"),
        NewPerson("Administrator", "admin@example.com", None),
        now=now,
        set_up=(furnish_organisation,),
    )
    _hire(connection, organisation_id, now)
    values = {"webhook_secret": WEBHOOK_SECRET}
    app = create_app(
        connection, sealer, BenchSource(), organisation_id, name="Benchmark", values=values, actor="hub", now=now
    )
    connection_id = create_connection(
        connection,
        organisation_id,
        connector=KEY,
        app_id=app.id,
        name="Benchmark",
        state=ConnectionState.ACTIVE,
        needs_grant=False,
        now=now,
    )
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(account_id="bench")
    )
    return World(
        organisation_id=str(organisation_id),
        connection_id=str(connection_id),
        endpoint=f"/hooks/{KEY}/{app.endpoint_key}",
        form_path=_publish_form(connection, organisation_id, now),
        api_key=_api_key(connection, organisation_id, admin_id, now),
    )


def _hire(connection: Connection, organisation_id: UUID, now: datetime) -> None:
    """People who take leads, so that routing has a choice."""
    role_id = connection.execute(
        sa.select(roles.c.id).where(roles.c.organisation_id == organisation_id, roles.c.name == "Sales")
    ).scalar_one()
    for number in range(PEOPLE):
        user_id = new_id()
        row: dict[str, Any] = {
            "id": user_id,
            "organisation_id": organisation_id,
            "email": f"person{number}@example.com",
            "name": f"Person {number}",
            "role_id": role_id,
            "is_active": True,
            "created_at": now,
        }
        connection.execute(sa.insert(users).values(row))
        make_assignee(connection, organisation_id, user_id)


def _publish_form(connection: Connection, organisation_id: UUID, now: datetime) -> str:
    fields = (
        FormField(key="full_name", label="Name", kind=FieldType.TEXT, maps_to="full_name", required=True),
        FormField(key="email", label="E-mail", kind=FieldType.EMAIL, maps_to="email", required=True),
        FormField(key="phone", label="Phone", kind=FieldType.PHONE, maps_to="phone"),
    )
    definition = FormDefinition(title="Trial lesson", description="Book a trial lesson", fields=fields)
    form = create_form(connection, organisation_id, definition, actor="hub", now=now)
    publish_form(connection, organisation_id, form.id, connector="web_forms", actor="hub", now=now)
    return f"/f/{form.public_key}"


def _api_key(connection: Connection, organisation_id: UUID, user_id: UUID, now: datetime) -> str:
    """A key that may read every lead."""
    key = new_secret("lh_")
    connection.execute(
        sa.insert(api_keys).values(
            id=new_id(),
            organisation_id=organisation_id,
            user_id=user_id,
            name="benchmark",
            hint=key[:8],
            key_sha256=fingerprint(key),
            permissions=["leads:view:organisation", "lead_contacts:view:organisation"],
            created_at=now,
            expires_at=now + timedelta(days=30),
        )
    )
    return key
