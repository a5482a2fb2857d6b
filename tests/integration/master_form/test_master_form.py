"""The one master form of an organisation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Choice, FieldType
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.models import master_fields
from hub.core.master_form.queries import MasterForm, overview, read_version, snapshot
from hub.core.master_form.service import add_field, create_master_form, save_master_form, set_archived
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.models import organisations
from hub.core.organisations.queries import config_version
from hub.db.engine import Database
from hub.db.schema import new_id

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def _drafts(form: MasterForm) -> list[FieldDraft]:
    """The form as the builder sends it back."""
    return [
        FieldDraft(key=field.key, label=field.label, type=field.type, choices=field.choices)
        for field in form.fields
        if not field.is_archived
    ]


def _bare(connection: Connection) -> UUID:
    organisation_id = new_id()
    row = {"name": "Bare", "country": "PT", "language": "pt", "time_zone": "Europe/Lisbon", "created_at": NOW}
    connection.execute(sa.insert(organisations).values(id=organisation_id, **row))
    return organisation_id


@pytest.mark.proves("Z-102")
def test_a_second_master_form_cannot_be_made(database: Database, organisation_id: UUID) -> None:
    """There is one per organisation, and a second is refused with a reason."""
    with pytest.raises(ConflictingChangeError, match="already has"):
        database.write_now(create_master_form, organisation_id, name="Second", drafts=[], now=NOW)
    form = database.read_now(overview, organisation_id)
    assert form is not None
    assert form.name == "Master form"


@pytest.mark.proves("Z-103")
def test_it_can_start_from_an_empty_canvas(database: Database) -> None:
    """Empty at first, then fields are added."""
    organisation_id = database.write_now(_bare)
    assert database.read_now(overview, organisation_id) is None
    assert database.read_now(snapshot, organisation_id) == MasterForm(0, ())
    database.write_now(create_master_form, organisation_id, name="Ours", drafts=[], now=NOW)
    draft = FieldDraft(label="Favourite colour", type=FieldType.TEXT)
    field = database.write_now(add_field, organisation_id, draft, now=LATER)
    assert field.key == "favourite_colour"
    assert database.read_now(snapshot, organisation_id) == MasterForm(2, (field,))


@pytest.mark.proves("Z-105")
def test_the_section_shows_name_count_and_dates(database: Database, organisation_id: UUID) -> None:
    """Fields that are archived are not counted; the edit date moves."""
    before = database.read_now(overview, organisation_id)
    database.write_now(set_archived, organisation_id, "job_title", True, now=LATER)
    after = database.read_now(overview, organisation_id)
    assert before is not None
    assert after is not None
    assert after.field_count == before.field_count - 1
    assert (after.created_at, after.edited_at) == (before.created_at, LATER)


@pytest.mark.proves("Z-108", "D-001")
def test_saving_adds_changes_and_reorders(database: Database, organisation_id: UUID) -> None:
    """Labels, choices and order change; new fields get a key; every save is a version."""
    form = database.read_now(snapshot, organisation_id)
    drafts = _drafts(form)
    drafts[0] = drafts[0].model_copy(update={"label": "Given name"})
    choices = (Choice(value="s", label="Small"), Choice(value="l", label="Large"))
    drafts.insert(0, FieldDraft(label="T-shirt size", type=FieldType.SINGLE_CHOICE, choices=choices))
    saved = database.write_now(save_master_form, organisation_id, drafts=drafts, name="Leads", now=LATER)
    stored = database.read_now(snapshot, organisation_id)
    assert stored == saved
    assert stored.version == 2
    assert (stored.fields[0].key, stored.fields[0].choices) == ("t_shirt_size", choices)
    assert (stored.fields[1].key, stored.fields[1].label) == ("first_name", "Given name")
    assert database.read_now(read_version, organisation_id, 1) == form
    assert database.read_now(read_version, organisation_id, 2) == stored


@pytest.mark.proves("Z-109")
def test_a_field_cannot_be_deleted(database: Database, organisation_id: UUID) -> None:
    """A save that leaves a field out is refused and names it; nothing is lost."""
    form = database.read_now(snapshot, organisation_id)
    drafts = [draft for draft in _drafts(form) if draft.key != "budget"]
    with pytest.raises(RefusedChangeError, match="Budget") as refused:
        database.write_now(save_master_form, organisation_id, drafts=drafts, now=LATER)
    assert refused.value.code == "field_deleted"
    assert database.read_now(snapshot, organisation_id) == form


def test_a_field_is_archived_and_restored_with_its_key(database: Database, organisation_id: UUID) -> None:
    """Archiving hides, it never destroys (decision 24); a save without the archived field keeps it."""
    form = database.write_now(set_archived, organisation_id, "budget", True, now=LATER)
    assert form.by_key["budget"].is_archived
    saved = database.write_now(save_master_form, organisation_id, drafts=_drafts(form), now=LATER)
    assert saved.by_key["budget"].is_archived
    restored = database.write_now(set_archived, organisation_id, "budget", False, now=LATER)
    assert not restored.by_key["budget"].is_archived
    count = sa.select(sa.func.count()).where(
        master_fields.c.organisation_id == organisation_id, master_fields.c.archived_at.is_not(None)
    )
    assert database.read_now(lambda connection: connection.execute(count).scalar()) == 0


@pytest.mark.parametrize("key", ["full_name", "email", "phone", "company"])
def test_fields_that_lists_need_cannot_be_archived(database: Database, organisation_id: UUID, key: str) -> None:
    """Lists and searches would lose their columns."""
    with pytest.raises(RefusedChangeError):
        database.write_now(set_archived, organisation_id, key, True, now=LATER)


def test_a_label_taken_in_the_meantime_blocks_restoring(database: Database, organisation_id: UUID) -> None:
    """Two fields in use never have the same label."""
    database.write_now(set_archived, organisation_id, "budget", True, now=LATER)
    again = database.write_now(add_field, organisation_id, FieldDraft(label="Budget", type=FieldType.NUMBER), now=LATER)
    assert again.key == "budget_2"
    with pytest.raises(ConflictingChangeError):
        database.write_now(set_archived, organisation_id, "budget", False, now=LATER)


def test_all_fifteen_types_can_be_added(database: Database) -> None:
    """Each type is stored and read back."""
    organisation_id = database.write_now(_bare)
    drafts = [FieldDraft(label=f"A {kind.value}", type=kind) for kind in FieldType]
    database.write_now(create_master_form, organisation_id, name="All", drafts=drafts, now=NOW)
    stored = database.read_now(snapshot, organisation_id)
    assert len(drafts) == 15
    assert [field.type for field in stored.fields] == list(FieldType)


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"label": "", "type": "text"}, "label"),
        ({"label": "x" * 201, "type": "text"}, "label"),
        ({"label": "A", "type": "text", "key": "Bad Key"}, "key"),
        ({"label": "A", "type": "text", "choices": [{"value": "a", "label": "A"}]}, "choices"),
        ({"label": "A", "type": "single_choice", "choices": [{"value": "", "label": "A"}]}, "choices.0.value"),
        ({"label": "A", "type": "single_choice", "choices": [{"value": "a", "label": " "}]}, "choices.0.label"),
        (
            {
                "label": "A",
                "type": "multiple_choice",
                "choices": [{"value": "a", "label": "A"}, {"value": "A ", "label": "B"}],
            },
            "choices.1",
        ),
        ({"label": "FIRST NAME", "type": "text"}, "label"),
    ],
)
def test_a_field_that_is_not_well_formed_is_refused(
    database: Database, organisation_id: UUID, draft: dict[str, Any], field: str
) -> None:
    """The error names the field of the form and what is wrong with it."""
    before = database.read_now(snapshot, organisation_id)
    with pytest.raises(RefusedChangeError) as refused:
        database.write_now(add_field, organisation_id, FieldDraft.model_validate(draft), now=NOW)
    assert refused.value.field == f"fields.{len(before.fields)}.{field}"
    assert database.read_now(snapshot, organisation_id) == before


def test_a_type_never_changes(database: Database, organisation_id: UUID) -> None:
    """Stored values would no longer fit; a new field is the way."""
    drafts = _drafts(database.read_now(snapshot, organisation_id))
    drafts[0] = drafts[0].model_copy(update={"type": FieldType.NUMBER})
    with pytest.raises(RefusedChangeError) as refused:
        database.write_now(save_master_form, organisation_id, drafts=drafts, now=NOW)
    assert refused.value.code == "type_changed"


def test_labels_in_any_script_get_keys(database: Database, organisation_id: UUID) -> None:
    """A key is made of what can be written in it, and is never used twice."""
    labels = ["Größe (cm)", "好きな色", "好きな食べ物", "2nd choice", "E-mail?"]
    keys = [
        database.write_now(add_field, organisation_id, FieldDraft(label=label, type=FieldType.TEXT), now=NOW).key
        for label in labels
    ]
    assert keys == ["groe_cm", "field", "field_2", "field_2nd_choice", "e_mail"]


def test_changing_nothing_that_is_unknown(database: Database, organisation_id: UUID) -> None:
    """An unknown key or version is named; without a master form nothing can be added."""
    bare = database.write_now(_bare)
    with pytest.raises(UnknownRecordError):
        database.write_now(set_archived, organisation_id, "no_such_field", True, now=NOW)
    with pytest.raises(UnknownRecordError):
        database.read_now(read_version, organisation_id, 9)
    with pytest.raises(RefusedChangeError, match="create the master form first"):
        database.write_now(add_field, bare, FieldDraft(label="A", type=FieldType.TEXT), now=NOW)


def test_sensitive_fields_are_marked_and_changes_told(database: Database, organisation_id: UUID) -> None:
    """Sensitivity is part of the form; every save moves the configuration version."""
    before = database.read_now(config_version, organisation_id)
    draft = FieldDraft(label="Allergies", type=FieldType.LONG_TEXT, is_sensitive=True)
    field = database.write_now(add_field, organisation_id, draft, now=NOW)
    assert database.read_now(snapshot, organisation_id).by_key["allergies"] == replace(field, is_sensitive=True)
    assert database.read_now(config_version, organisation_id) > before
