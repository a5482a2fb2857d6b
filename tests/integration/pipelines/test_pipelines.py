"""Pipelines, stages, sources and types as admins change them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import leads, persons
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.queries import config_version
from hub.core.pipelines.catalogue import create_source, create_type, source_for, update_source, update_type
from hub.core.pipelines.queries import (
    Stage,
    first_stage,
    list_pipelines,
    list_sources,
    list_stages,
    list_types,
    source_by_code,
)
from hub.core.pipelines.service import (
    StageDraft,
    create_pipeline,
    create_stage,
    delete_stage,
    stages_that_move,
    update_pipeline,
    update_stage,
)
from hub.core.pipelines.stage_order import StageKind
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.management.setup import create_organisation

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)
DRAFTS = [
    StageDraft("First call", 1, "CALL", "#112233", "Nobody called yet"),
    StageDraft("Sold", 2, "SOLD", "#112233", "Paid", StageKind.WON),
    StageDraft("Gone", 2, "GONE", "#112233", "Not pursued", StageKind.LOST),
]


def _stages(database: Database, organisation_id: UUID) -> list[Stage]:
    default = database.read_now(list_pipelines, organisation_id)[0]
    return database.read_now(list_stages, organisation_id, default.id)


def _order(database: Database, organisation_id: UUID) -> list[tuple[int, str]]:
    return [(stage.position, stage.code) for stage in _stages(database, organisation_id)]


def _by_code(database: Database, organisation_id: UUID, code: str) -> Stage:
    return next(stage for stage in _stages(database, organisation_id) if stage.code == code)


def _other(database: Database) -> UUID:
    return database.write_now(
        create_organisation, name="Other", country="DE", language="de", time_zone="Europe/Berlin", now=NOW
    )


@pytest.mark.proves("Z-046", "Z-050", "Z-054")
def test_a_stage_inserted_in_the_middle_moves_the_following(database: Database, organisation_id: UUID) -> None:
    """What the form says before saving is what happens."""
    pipeline_id = database.read_now(list_pipelines, organisation_id)[0].id
    draft = StageDraft("Qualified", 2, "QUALIFIED", "#abcdef", "Worth pursuing")
    said = database.read_now(stages_that_move, organisation_id, pipeline_id, position=2, kind=StageKind.OPEN)
    database.write_now(create_stage, organisation_id, pipeline_id, draft)
    assert [stage.code for stage in said] == ["CONTACTED", "WON", "LOST"]
    assert _order(database, organisation_id) == [
        (1, "NEW"),
        (2, "QUALIFIED"),
        (3, "CONTACTED"),
        (4, "WON"),
        (4, "LOST"),
    ]


@pytest.mark.proves("Z-051", "Z-052", "C-002", "C-003")
def test_a_stage_can_be_changed_and_moved(database: Database, organisation_id: UUID) -> None:
    """Name, order, code, colour and description; the others close up."""
    new = _by_code(database, organisation_id, "NEW")
    database.write_now(
        update_stage,
        organisation_id,
        new.id,
        name="Fresh",
        code="FRESH",
        color="#00ff00",
        description="Just in",
        position=2,
    )
    fresh = _by_code(database, organisation_id, "FRESH")
    assert (fresh.name, fresh.color, fresh.description) == ("Fresh", "#00FF00", "Just in")
    assert _order(database, organisation_id) == [(1, "CONTACTED"), (2, "FRESH"), (3, "WON"), (3, "LOST")]
    assert database.read_now(first_stage, organisation_id).code == "CONTACTED"


@pytest.mark.proves("Z-048")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"code": ""}, "code"),
        ({"code": "new"}, "code"),
        ({"color": "green"}, "color"),
        ({"description": "  "}, "description"),
        ({"position": 0}, "position"),
        ({"position": 5}, "position"),
    ],
)
def test_a_stage_with_a_missing_or_wrong_field_is_refused(
    database: Database, organisation_id: UUID, change: dict[str, Any], field: str
) -> None:
    """All five fields are required, a code is unique in its pipeline."""
    pipeline_id = database.read_now(list_pipelines, organisation_id)[0].id
    draft = {"name": "X", "position": 1, "code": "X", "color": "#123456", "description": "x", **change}
    before = _order(database, organisation_id)
    with pytest.raises(RefusedChangeError) as refused:
        database.write_now(create_stage, organisation_id, pipeline_id, StageDraft(**draft))
    assert refused.value.field == field
    assert _order(database, organisation_id) == before


def test_a_stage_in_use_or_the_last_of_its_kind_stays(database: Database, organisation_id: UUID) -> None:
    """Leads are never left without a stage, and a pipeline never without a way to end."""
    contacted = _by_code(database, organisation_id, "CONTACTED")
    database.write_now(_add_lead, organisation_id, contacted)
    with pytest.raises(ConflictingChangeError):
        database.write_now(delete_stage, organisation_id, contacted.id)
    with pytest.raises(RefusedChangeError):
        database.write_now(delete_stage, organisation_id, _by_code(database, organisation_id, "WON").id)
    database.write_now(delete_stage, organisation_id, _by_code(database, organisation_id, "NEW").id)
    assert _order(database, organisation_id) == [(1, "CONTACTED"), (2, "WON"), (2, "LOST")]


@pytest.mark.proves("C-001", "C-004", "C-006", "C-007")
def test_pipelines_stand_side_by_side(database: Database, organisation_id: UUID) -> None:
    """As many as wanted, each with its own stages and codes; one is the default."""
    for number in range(12):
        database.write_now(create_pipeline, organisation_id, name=f"Product {number}", drafts=DRAFTS, now=NOW)
    known = database.read_now(list_pipelines, organisation_id)
    assert len(known) == 13
    assert [pipeline.name for pipeline in known if pipeline.is_default] == ["Sales"]
    extra = known[-1]
    for number in range(30):
        draft = StageDraft(f"Step {number}", 1, f"S{number}", "#123456", "A step")
        database.write_now(create_stage, organisation_id, extra.id, draft)
    assert len(database.read_now(list_stages, organisation_id, extra.id)) == 33


def test_another_pipeline_can_become_the_default(database: Database, organisation_id: UUID) -> None:
    """There is exactly one, and new leads start in its first open stage."""
    pipeline_id = database.write_now(create_pipeline, organisation_id, name="Events", drafts=DRAFTS, now=NOW)
    database.write_now(update_pipeline, organisation_id, pipeline_id, name="Parties", is_default=True)
    known = database.read_now(list_pipelines, organisation_id)
    assert [(pipeline.name, pipeline.is_default) for pipeline in known] == [("Parties", True), ("Sales", False)]
    assert database.read_now(first_stage, organisation_id).code == "CALL"
    with pytest.raises(RefusedChangeError):
        database.write_now(update_pipeline, organisation_id, pipeline_id, is_default=False)


def test_a_pipeline_without_an_end_is_refused(database: Database, organisation_id: UUID) -> None:
    """It needs an open, a won and a lost stage; and a name of its own."""
    with pytest.raises(RefusedChangeError, match="lost"):
        database.write_now(create_pipeline, organisation_id, name="Endless", drafts=DRAFTS[:2], now=NOW)
    with pytest.raises(ConflictingChangeError):
        database.write_now(create_pipeline, organisation_id, name="sales", drafts=DRAFTS, now=NOW)
    assert len(database.read_now(list_pipelines, organisation_id)) == 1


@pytest.mark.proves("Z-063")
def test_a_source_without_a_code_gets_the_next_number(database: Database, organisation_id: UUID) -> None:
    """Generated codes count on from the highest, also one that was typed in."""
    for name in ("Radio", "Fair"):
        database.write_now(create_source, organisation_id, name=name, color="#123456")
    database.write_now(create_source, organisation_id, name="Old", color="#123456", code="LS000472")
    database.write_now(create_source, organisation_id, name="Next", color="#123456")
    codes = {source.name: source.code for source in database.read_now(list_sources, organisation_id)}
    assert (codes["Radio"], codes["Fair"], codes["Next"]) == ("LS000001", "LS000002", "LS000473")


@pytest.mark.proves("Z-059", "Z-060", "Z-061")
def test_a_source_can_be_added_changed_and_switched_off(database: Database, organisation_id: UUID) -> None:
    """Code, name, description, colour and status; a connector finds its source under a new code too."""
    source_id = database.read_now(source_by_code, organisation_id, "web_forms")
    assert source_id is not None
    database.write_now(
        update_source,
        organisation_id,
        source_id,
        code="FORMS",
        name="Our forms",
        description="On our pages",
        color="#00aa00",
        is_active=False,
    )
    changed = next(each for each in database.read_now(list_sources, organisation_id) if each.id == source_id)
    assert (changed.code, changed.name, changed.color, changed.is_active) == ("FORMS", "Our forms", "#00AA00", False)
    assert database.read_now(source_by_code, organisation_id, "web_forms") == source_id
    with pytest.raises(ConflictingChangeError):
        database.write_now(update_source, organisation_id, source_id, code="MANUAL")


@pytest.mark.proves("Z-064")
def test_leads_of_a_new_connector_have_a_source(database: Database, organisation_id: UUID) -> None:
    """The source of a connector that is new here is made once, even when people took its code."""
    database.write_now(create_source, organisation_id, name="Fair stand", color="#123456", code="fair_app")
    made = database.write_now(source_for, organisation_id, "fair_app", "Fair app")
    assert database.write_now(source_for, organisation_id, "fair_app", "Fair app") == made
    names = {source.name: source.code for source in database.read_now(list_sources, organisation_id)}
    assert names["Fair stand"] == "fair_app"
    assert names["Fair app"] == "LS000001"


@pytest.mark.proves("Z-040", "Z-041", "Z-042", "Z-043")
def test_types_can_be_added_changed_and_switched_off(database: Database, organisation_id: UUID) -> None:
    """Name, code, description and status of a team's own types."""
    type_id = database.write_now(create_type, organisation_id, name="Gift card purchase", code="GIFT")
    database.write_now(
        update_type, organisation_id, type_id, name="Gift cards", description="Vouchers", is_active=False
    )
    changed = next(each for each in database.read_now(list_types, organisation_id) if each.id == type_id)
    assert (changed.name, changed.code, changed.description, changed.is_active) == (
        "Gift cards",
        "GIFT",
        "Vouchers",
        False,
    )
    with pytest.raises(ConflictingChangeError):
        database.write_now(create_type, organisation_id, name="Another", code="gift")


def test_records_of_somebody_else_are_unknown(database: Database, organisation_id: UUID) -> None:
    """No change reaches into another organisation."""
    other = _other(database)
    pipeline = database.read_now(list_pipelines, other)[0]
    stage = database.read_now(list_stages, other)[0]
    source = database.read_now(source_by_code, other, "manual")
    kind = database.read_now(list_types, other)[0]
    attempts: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
        (update_pipeline, (pipeline.id,), {"name": "Mine"}),
        (create_stage, (pipeline.id, DRAFTS[0]), {}),
        (update_stage, (stage.id,), {"name": "Mine"}),
        (delete_stage, (stage.id,), {}),
        (update_source, (source,), {"name": "Mine"}),
        (update_type, (kind.id,), {"name": "Mine"}),
    ]
    for change, values, named in attempts:
        with pytest.raises(UnknownRecordError):
            database.write_now(change, organisation_id, *values, **named)


def test_changes_are_told_to_every_process(database: Database, organisation_id: UUID) -> None:
    """The configuration version grows with each, and stays when a change is refused."""
    before = database.read_now(config_version, organisation_id)
    database.write_now(create_type, organisation_id, name="One", code="ONE")
    after = database.read_now(config_version, organisation_id)
    with pytest.raises(ConflictingChangeError):
        database.write_now(create_type, organisation_id, name="One", code="ONE")
    assert before < after == database.read_now(config_version, organisation_id)


def _add_lead(connection: Connection, organisation_id: UUID, stage: Stage) -> None:
    person_id = new_id()
    person = {"id": person_id, "organisation_id": organisation_id, "name": "Ada", "created_at": NOW}
    connection.execute(sa.insert(persons).values(person))
    moments = dict.fromkeys(("submitted_at", "received_at", "processed_at", "updated_at"), NOW)
    queue_id = connection.execute(sa.text("SELECT id FROM queues")).scalar_one()
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "person_id": person_id,
        "pipeline_id": stage.pipeline_id,
        "stage_id": stage.id,
        "stage_kind": "open",
        "source_id": source_by_code(connection, organisation_id, "manual"),
        "queue_id": queue_id if isinstance(queue_id, UUID) else UUID(queue_id),
        "values": {},
        "origins": {},
        **moments,
    }
    connection.execute(sa.insert(leads).values(row))
