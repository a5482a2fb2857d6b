"""One of everything that an address of the API can name, in each of the two organisations."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Choice, FieldType, Question, SourceForm
from hub.core.accounts.models import api_keys, sessions
from hub.core.connections.models import connection_parts
from hub.core.conversions.models import conversion_rules
from hub.core.field_mappings.findings import list_findings
from hub.core.field_mappings.queries import list_source_forms
from hub.core.field_mappings.source_forms import upsert_source_forms
from hub.core.intake.models import receipts
from hub.core.organisations.models import centres, roles
from hub.core.outbound.models import outgoing_messages
from hub.core.pipelines.queries import list_pipelines, list_sources, list_stages, list_types
from hub.core.routing.queries import list_queues
from hub.core.routing.rulebook import create_rule, parse_rule
from hub.db.schema import new_id
from tests.factories import START, add_connection
from tests.judges.apps import add_app
from tests.judges.running import Organisation, Running

PART = "page-1"
KEY_LIFE = timedelta(days=30)
FIELDS = [
    {"key": "full_name", "label": "Your name", "kind": "text", "maps_to": "full_name"},
    {"key": "email", "label": "E-mail", "kind": "email", "maps_to": "email"},
]
QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(
        key="treatment",
        label="Which treatment do you fancy?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="a", label="Massage"), Choice(value="b", label="Sauna")),
    ),
)


async def publish_form(
    running: Running, client: aiohttp.ClientSession, owner: Organisation | None = None, **changes: Any
) -> dict[str, Any]:
    """A form that collects, as the API shows it."""
    content = {"title": "Book a trial", "description": "We call you back.", "fields": FIELDS, **changes}
    form = await running.made(client, "/api/v1/forms", content, owner=owner)
    shown: dict[str, Any] = await running.made(client, f"/api/v1/forms/{form['id']}/publish", None, owner=owner)
    return shown


async def make_objects(running: Running, client: aiohttp.ClientSession, owner: Organisation) -> dict[str, str]:
    """Ids by the name of the path parameter, all of things that ``owner`` has."""
    form = await publish_form(running, client, owner)
    values = {"full_name": f"Ada of {owner.id}", "email": f"ada@{owner.id}.example.com"}
    posted = await running.post(client, f"/f/{form['public_key']}", _encoded(values), _FORM)
    assert posted.status == 200
    await running.settled()
    until = (running.hub.clock.now() + KEY_LIFE).isoformat()
    key = {"name": "far", "permissions": ["leads:view:own"], "expires_at": until}
    await running.made(client, "/api/v1/api-keys", key, owner=owner)
    receipt = running.rows(receipts, receipts.c.organisation_id == owner.id)[-1]
    found = running.hub.database.write_now(_rest, owner)
    message_id = running.hub.database.write_now(_sent_message, owner, receipt.lead_id, found["connection_id"])
    named = {
        **found,
        "app_id": (await add_app(running, client, owner)).id,
        "form_id": form["id"],
        "lead_id": receipt.lead_id,
        "receipt_id": receipt.id,
        "message_id": message_id,
        "part_id": PART,
        "version": "1",
        "key": "company",
    }
    return {name: str(value) for name, value in named.items()}


def _rest(connection: Connection, owner: Organisation) -> dict[str, UUID]:
    connection_id = add_connection(connection, owner.id)
    part = {"connection_id": connection_id, "part_id": PART, "organisation_id": owner.id, "name": "Our page"}
    connection.execute(sa.insert(connection_parts).values(missing_rights=[], **part))
    form = SourceForm(id="form-1", name="Spring", questions=QUESTIONS, part_id=PART)
    upsert_source_forms(connection, owner.id, connection_id, [form], START)
    stage_id = list_stages(connection, owner.id)[0].id
    conversion_rule = {
        "id": new_id(),
        "organisation_id": owner.id,
        "connection_id": connection_id,
        "target_id": "data-set",
        "target_name": "Data set",
        "stage_id": stage_id,
        "event_name": "Qualified",
        "since_transaction": 0,
        "since_number": 0,
        "created_at": START,
        "edited_at": START,
    }
    connection.execute(sa.insert(conversion_rules).values(conversion_rule))
    target = {"kind": "user", "user_id": str(owner.user_ids["Sales"])}
    rule = parse_rule({"name": f"Everything {new_id()}", "conditions": {"all": []}, "target": target})
    listed = [each for each in list_source_forms(connection, owner.id) if each.connection_id == connection_id]
    return {
        "connection_id": connection_id,
        "source_form_id": listed[0].id,
        "finding_id": list_findings(connection, owner.id)[0].id,
        "rule_id": create_rule(connection, owner.id, rule),
        "queue_id": list_queues(connection, owner.id)[0][0].id,
        "pipeline_id": list_pipelines(connection, owner.id)[0].id,
        "stage_id": stage_id,
        "conversion_rule_id": conversion_rule["id"],
        "source_id": list_sources(connection, owner.id)[0].id,
        "type_id": list_types(connection, owner.id)[0].id,
        "user_id": owner.user_ids["Sales"],
        **{
            name: connection.scalars(sa.select(table.c.id).where(table.c.organisation_id == owner.id)).all()[-1]
            for name, table in (
                ("role_id", roles),
                ("centre_id", centres),
                ("session_id", sessions),
                ("key_id", api_keys),
            )
        },
    }


def _sent_message(connection: Connection, owner: Organisation, lead_id: UUID, connection_id: UUID) -> UUID:
    message_id = new_id()
    row = {
        "id": message_id,
        "organisation_id": owner.id,
        "lead_id": lead_id,
        "connection_id": connection_id,
        "channel": "sms",
        "sender": "+15005550006",
        "recipient": "+14155552671",
        "text": f"Hello at {owner.id}",
        "state": "sent",
        "asked_by": "user:somebody",
        "digest": "",
        "asked_at": START,
        "not_before": START,
        "give_up_at": START,
    }
    connection.execute(sa.insert(outgoing_messages).values(**row))
    return message_id


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _encoded(values: dict[str, str]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in values.items()).encode()
