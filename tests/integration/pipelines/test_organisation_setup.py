"""What a new organisation starts with."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import FieldType
from hub.core.master_form.queries import snapshot
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.models import roles, users
from hub.core.organisations.queries import list_centres, organisation
from hub.core.organisations.service import create_centre, make_assignee, update_centre
from hub.core.pipelines.queries import list_pipelines, list_sources, list_stages, list_types
from hub.core.routing.queries import list_assignees, list_queues, routing_strategy
from hub.core.routing.team import Strategy
from hub.core.tables import metadata
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.management.setup import create_organisation, furnish_organisation

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)
CODES = {
    "manual",
    "web_forms",
    "meta_ads",
    "google_ads",
    "ai_receptionist",
    "sms",
    "voice",
    "whatsapp",
    "chat_bot_sms",
    "chat_bot_voice",
    "chat_bot_web",
}


@pytest.mark.proves("Z-053", "C-005")
def test_the_first_pipeline_has_the_four_stages(database: Database, organisation_id: UUID) -> None:
    """New 1, Contacted 2, Won 3 and Lost 3, in the default pipeline."""
    (pipeline,) = database.read_now(list_pipelines, organisation_id)
    stages = database.read_now(list_stages, organisation_id, pipeline.id)
    assert pipeline.is_default
    assert [(stage.name, stage.position, stage.kind.value) for stage in stages] == [
        ("New", 1, "open"),
        ("Contacted", 2, "open"),
        ("Won", 3, "won"),
        ("Lost", 3, "lost"),
    ]


@pytest.mark.proves("Z-062")
def test_the_built_in_sources_exist(database: Database, organisation_id: UUID) -> None:
    """One per way in which enquiries come, under stable codes."""
    sources = database.read_now(list_sources, organisation_id)
    assert {source.code for source in sources} == {source.built_in_code for source in sources} == CODES
    assert all(source.is_active for source in sources)


@pytest.mark.proves("Z-101", "Z-103")
def test_the_master_form_comes_from_its_template(database: Database, organisation_id: UUID) -> None:
    """All fields that lists use are there, every key once, and each kind of field but the free ones."""
    form = database.read_now(snapshot, organisation_id)
    assert form.version == 1
    assert {"full_name", "email", "phone", "company"} <= set(form.by_key)
    assert len(form.by_key) == len(form.fields)
    assert {field.type for field in form.fields} == set(FieldType)


def test_routing_is_ready(database: Database, organisation_id: UUID) -> None:
    """Least loaded, and a default queue with a clock."""
    assert database.read_now(routing_strategy, organisation_id) is Strategy.LEAST_LOADED
    ((queue, is_default),) = database.read_now(list_queues, organisation_id)
    assert is_default
    assert queue.claim_within_minutes > 0


def test_setting_up_again_changes_nothing(database: Database, organisation_id: UUID) -> None:
    """Every piece is made only where it is missing."""
    before = database.read_now(_everything)
    database.write_now(furnish_organisation, organisation_id, NOW)
    assert database.read_now(_everything) == before


def test_two_organisations_have_everything_each(database: Database, organisation_id: UUID) -> None:
    """Codes and names are unique per organisation, not in the deployment."""
    other = database.write_now(
        create_organisation, name="Other", country="de", language="de-AT", time_zone="Europe/Vienna", now=NOW
    )
    assert database.read_now(organisation, other).country == "DE"
    assert len(database.read_now(list_types, other)) == len(database.read_now(list_types, organisation_id)) > 0
    assert [centre.time_zone for centre in database.read_now(list_centres, other)] == ["Europe/Vienna"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"country": "XX"}, "country"),
        ({"language": "klingon-9"}, "language"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
    ],
)
def test_wrong_first_values_are_refused(database: Database, change: dict[str, str], field: str) -> None:
    """Each value is checked before anything is made."""
    values = {"name": "Spa", "country": "PT", "language": "pt", "time_zone": "Europe/Lisbon", **change}
    with pytest.raises(RefusedChangeError) as refused:
        database.write_now(create_organisation, now=NOW, **values)
    assert refused.value.field == field


def test_centres_can_be_added_changed_and_switched_off(database: Database, organisation_id: UUID) -> None:
    """Name, code, zone and status; the code is unique."""
    centre_id = database.write_now(
        create_centre, organisation_id, name="Porto", code="OPO", time_zone="Europe/Lisbon", now=NOW
    )
    database.write_now(update_centre, organisation_id, centre_id, name="Porto Foz", code="FOZ", is_active=False)
    changed = next(each for each in database.read_now(list_centres, organisation_id) if each.id == centre_id)
    assert (changed.name, changed.code, changed.is_active) == ("Porto Foz", "FOZ", False)
    with pytest.raises(ConflictingChangeError):
        database.write_now(update_centre, organisation_id, centre_id, code="main")
    with pytest.raises(UnknownRecordError):
        database.write_now(update_centre, organisation_id, new_id(), name="X")


def test_users_that_exist_take_leads_after_the_set_up(database: Database, organisation_id: UUID) -> None:
    """The first administrator is an assignee without further ado; making one twice changes nothing."""
    user_id = database.write_now(_add_user, organisation_id)
    database.write_now(furnish_organisation, organisation_id, NOW)
    database.write_now(make_assignee, organisation_id, user_id, capacity=5)
    (state,) = database.read_now(list_assignees, organisation_id)
    assert (state.user_id, state.capacity, state.open_leads) == (user_id, None, 0)


def _add_user(connection: Connection, organisation_id: UUID) -> UUID:
    role_id, user_id = new_id(), new_id()
    role = {"id": role_id, "organisation_id": organisation_id, "name": "Administrator", "permissions": []}
    connection.execute(sa.insert(roles).values(role))
    user = {
        "id": user_id,
        "organisation_id": organisation_id,
        "email": "ada@example.com",
        "name": "Ada",
        "role_id": role_id,
        "is_active": True,
        "created_at": NOW,
    }
    connection.execute(sa.insert(users).values(user))
    return user_id


def _everything(connection: Connection) -> dict[str, list[str]]:
    reason = {ALL_ORGANISATIONS: "the test compares every row"}
    return {
        table.name: sorted(map(repr, connection.execute(sa.select(table), execution_options=reason)))
        for table in metadata.sorted_tables
    }
