"""Mappings and form defaults as admins save them."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from mapping_places import NOW, Place

from hub.connector.models import FieldType, Question, SourceForm
from hub.core.connections.models import connection_parts
from hub.core.field_mappings.findings import UnknownAnswers, list_findings, note_unknown_answers
from hub.core.field_mappings.queries import in_force, load_form_context, mapping_version, read_source_form
from hub.core.field_mappings.service import MappingRefusedError, adopt, archive_master_field, save_mapping
from hub.core.field_mappings.source_forms import upsert_source_forms
from hub.core.form_defaults.defaults import NO_DEFAULTS, FormDefaults
from hub.core.form_defaults.queries import load_form_defaults
from hub.core.form_defaults.service import save_form_defaults, save_part_defaults
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.queries import snapshot
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.queries import config_version, list_centres
from hub.core.organisations.service import create_centre, update_centre
from hub.core.pipelines.queries import list_stages, list_types, source_by_code
from hub.db.engine import Database
from mapping.rules import FieldRule
from mapping.transforms import Email

QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="contact", label="Where do we reach you?", kind=FieldType.EMAIL),
    Question(key="number", label="Call me at", kind=FieldType.PHONE),
    Question(key="q7", label="How many windows do you have?"),
)


def _form(database: Database, place: Place) -> UUID:
    form = SourceForm(id="form-1", name="Winter offer", questions=QUESTIONS, part_id="page-1")
    (found,) = database.write_now(upsert_source_forms, place.organisation_id, place.connection_id, [form], NOW)
    return found.source_form_id


def _save(database: Database, place: Place, form_id: UUID, *rules: FieldRule, **more: Any) -> Any:
    return database.write_now(
        save_mapping, place.organisation_id, form_id, rules, saved_by=place.user_id, now=NOW, **more
    )


def _rule(field: str, *questions: str, **more: Any) -> FieldRule:
    return FieldRule(field=field, questions=questions, **more)


@pytest.mark.proves("Z-180", "Z-184", "D-002")
def test_a_saved_mapping_is_a_new_version_in_force(database: Database, place: Place) -> None:
    """The old version stays readable, the form counts what is left, every process is told."""
    form_id = _form(database, place)
    before = database.read_now(config_version, place.organisation_id)
    rules = (_rule("full_name", "full_name"), _rule("email", "contact"), _rule("phone", "number"))
    saved = _save(database, place, form_id, *rules)
    assert (saved.mapping.version, saved.mapping.rules, saved.warnings) == (2, rules, ())
    assert database.read_now(in_force, place.organisation_id, form_id) == saved.mapping
    assert database.read_now(mapping_version, place.organisation_id, form_id, 1).version == 1
    assert database.read_now(read_source_form, place.organisation_id, form_id).unmapped_count == 1
    assert database.read_now(config_version, place.organisation_id) > before


@pytest.mark.proves("Z-143", "Z-144")
@pytest.mark.parametrize(
    "rule",
    [
        _rule("phone", "contact"),
        _rule("email", "number"),
        _rule("birth_date", "number"),
        _rule("no_such_field", "q7"),
        _rule("email", "full_name"),
    ],
)
def test_a_mapping_with_an_error_is_refused_as_a_whole(database: Database, place: Place, rule: FieldRule) -> None:
    """Types that do not fit, and fields that do not exist; e-mail only to e-mail, phone only to phone."""
    form_id = _form(database, place)
    before = database.read_now(in_force, place.organisation_id, form_id)
    with pytest.raises(MappingRefusedError) as refused:
        _save(database, place, form_id, _rule("full_name", "full_name"), rule)
    assert refused.value.field == "rules.1"
    assert refused.value.problems
    assert database.read_now(in_force, place.organisation_id, form_id) == before


def test_a_mapping_may_keep_questions_that_are_gone(database: Database, place: Place) -> None:
    """A warning, not an error: platform forms change."""
    form_id = _form(database, place)
    saved = _save(database, place, form_id, _rule("message", "gone"))
    assert [problem.code for problem in saved.warnings] == ["unknown_question"]


def test_two_people_do_not_overwrite_each_other(database: Database, place: Place) -> None:
    """Who edited an older version is told."""
    form_id = _form(database, place)
    _save(database, place, form_id, _rule("full_name", "full_name"), based_on=1)
    with pytest.raises(ConflictingChangeError) as refused:
        _save(database, place, form_id, _rule("message", "q7"), based_on=1)
    assert refused.value.code == "stale"


def test_saving_settles_what_it_answers(database: Database, place: Place) -> None:
    """The finding about the new form and those about questions that are mapped now."""
    form_id = _form(database, place)
    unknown = {"q8": UnknownAnswers("Pets?", 2), "q9": UnknownAnswers("Cars?", 1)}
    database.write_now(note_unknown_answers, place.organisation_id, form_id, unknown, NOW)
    _save(database, place, form_id, _rule("message", "q7", "q8", transform={"kind": "join"}))
    open_keys = [each.question_key for each in database.read_now(list_findings, place.organisation_id)]
    assert open_keys == ["q9"]


@pytest.mark.proves("Z-145")
def test_an_unknown_question_is_adopted_with_a_new_field(database: Database, place: Place) -> None:
    """One step: the master form gets the field, the mapping the rule, the finding is settled."""
    form_id = _form(database, place)
    unknown = {"q9": UnknownAnswers("Do you own pets?", 3)}
    database.write_now(note_unknown_answers, place.organisation_id, form_id, unknown, NOW)
    draft = FieldDraft(label="Pets", type=FieldType.TEXT)
    saved = database.write_now(adopt, place.organisation_id, form_id, "q9", draft, saved_by=place.user_id, now=NOW)
    assert saved.mapping.rules[-1] == _rule("pets", "q9")
    assert "pets" in database.read_now(snapshot, place.organisation_id).by_key
    assert [each for each in database.read_now(list_findings, place.organisation_id) if each.question_key] == []


def test_a_question_is_adopted_into_a_field_that_is_there(database: Database, place: Place) -> None:
    """With the transform that reads it, or behind the questions of a rule that exists."""
    form_id = _form(database, place)
    _save(database, place, form_id, _rule("message", "full_name", transform={"kind": "join"}))
    database.write_now(adopt, place.organisation_id, form_id, "q7", "message", saved_by=place.user_id, now=NOW)
    saved = database.write_now(
        adopt, place.organisation_id, form_id, "contact", "email", saved_by=place.user_id, now=NOW
    )
    rules = {rule.field: rule for rule in saved.mapping.rules}
    assert rules["message"].questions == ("full_name", "q7")
    assert rules["email"].transform == Email()
    with pytest.raises(RefusedChangeError):
        database.write_now(adopt, place.organisation_id, form_id, "number", "website", saved_by=place.user_id, now=NOW)
    with pytest.raises(UnknownRecordError):
        database.write_now(adopt, place.organisation_id, form_id, "contact", "email", saved_by=place.user_id, now=NOW)


def test_archiving_a_master_field_makes_its_forms_unmapped(database: Database, place: Place) -> None:
    """A rule that aims at a hidden field maps nothing; restoring it puts things right."""
    form_id = _form(database, place)
    rules = (_rule("full_name", "full_name"), _rule("email", "contact"), _rule("phone", "number"))
    _save(database, place, form_id, *rules, _rule("job_title", "q7"))
    counts = []
    for is_archived in (True, False):
        database.write_now(
            archive_master_field, place.organisation_id, "job_title", is_archived, saved_by=place.user_id, now=NOW
        )
        counts.append(database.read_now(read_source_form, place.organisation_id, form_id).unmapped_count)
    assert counts == [1, 0]


def _all_defaults(database: Database, place: Place) -> FormDefaults:
    stage = next(each for each in database.read_now(list_stages, place.organisation_id) if each.code == "CONTACTED")
    return FormDefaults(
        pipeline_id=stage.pipeline_id,
        stage_id=stage.id,
        type_id=database.read_now(list_types, place.organisation_id)[0].id,
        source_id=database.read_now(source_by_code, place.organisation_id, "sms"),
        priority="critical",
        centre_id=database.read_now(list_centres, place.organisation_id)[0].id,
        assignee_id=place.user_id,
    )


@pytest.mark.proves("Z-148", "Z-183", "D-003")
def test_defaults_are_saved_and_reach_intake(database: Database, place: Place) -> None:
    """Stage, type, source, priority, centre and assignee; saved again they are replaced."""
    form_id = _form(database, place)
    wanted = _all_defaults(database, place)
    assert database.read_now(load_form_defaults, place.organisation_id, form_id) == NO_DEFAULTS
    database.write_now(save_form_defaults, place.organisation_id, form_id, wanted, NOW)
    context = database.read_now(load_form_context, place.organisation_id, place.connection_id, "form-1")
    assert context.defaults == wanted
    database.write_now(save_form_defaults, place.organisation_id, form_id, NO_DEFAULTS, NOW)
    assert database.read_now(load_form_defaults, place.organisation_id, form_id) == NO_DEFAULTS


def test_a_stage_alone_brings_its_pipeline(database: Database, place: Place) -> None:
    """The two never disagree."""
    form_id = _form(database, place)
    wanted = _all_defaults(database, place)
    alone = FormDefaults(stage_id=wanted.stage_id)
    saved = database.write_now(save_form_defaults, place.organisation_id, form_id, alone, NOW)
    assert saved.pipeline_id == wanted.pipeline_id


def test_the_centre_of_the_page_counts_where_the_form_names_none(database: Database, place: Place) -> None:
    """A page that belongs to a centre gives it to its forms."""
    _form(database, place)
    centre_id = database.read_now(list_centres, place.organisation_id)[0].id
    statement = sa.update(connection_parts).where(connection_parts.c.organisation_id == place.organisation_id)
    database.write_now(lambda connection: connection.execute(statement.values(centre_id=centre_id)).rowcount)
    context = database.read_now(load_form_context, place.organisation_id, place.connection_id, "form-1")
    assert context.defaults == FormDefaults(centre_id=centre_id)


@pytest.mark.parametrize("name", ["pipeline_id", "stage_id", "type_id", "source_id", "centre_id", "assignee_id"])
def test_defaults_cannot_name_what_belongs_to_somebody_else(
    database: Database, place: Place, other_place: Place, name: str
) -> None:
    """Each reference is checked against the organisation, for forms and for pages."""
    form_id = _form(database, place)
    foreign = FormDefaults(**{name: getattr(_all_defaults(database, other_place), name)})
    with pytest.raises(UnknownRecordError):
        database.write_now(save_form_defaults, place.organisation_id, form_id, foreign, NOW)
    with pytest.raises(UnknownRecordError):
        database.write_now(save_part_defaults, place.organisation_id, place.connection_id, "page-1", foreign, NOW)


def test_defaults_that_cannot_work_are_refused(database: Database, place: Place) -> None:
    """A closing stage, an unknown priority, something inactive, a part that is not there."""
    form_id = _form(database, place)
    won = next(each for each in database.read_now(list_stages, place.organisation_id) if each.code == "WON")
    centre_id = database.write_now(
        create_centre, place.organisation_id, name="Old", code="OLD", time_zone="UTC", now=NOW
    )
    database.write_now(update_centre, place.organisation_id, centre_id, is_active=False)
    for wrong, field in (
        (FormDefaults(stage_id=won.id), "stage_id"),
        (FormDefaults(priority="urgent"), "priority"),
        (FormDefaults(centre_id=centre_id), "centre_id"),
    ):
        with pytest.raises(RefusedChangeError) as refused:
            database.write_now(save_form_defaults, place.organisation_id, form_id, wrong, NOW)
        assert refused.value.field == field
    with pytest.raises(UnknownRecordError):
        database.write_now(save_part_defaults, place.organisation_id, place.connection_id, "page-9", NO_DEFAULTS, NOW)
