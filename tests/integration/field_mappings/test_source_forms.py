"""Source forms: found, mapped at once, watched for drift (X-05)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from mapping_places import NOW, Place

from hub.connector.models import Answer, Choice, FieldType, Question, SourceForm, Submission
from hub.core.field_mappings.findings import (
    DriftFinding,
    UnknownAnswers,
    list_findings,
    note_unknown_answers,
    settle_finding,
)
from hub.core.field_mappings.queries import (
    choice_labels,
    in_force,
    list_source_forms,
    load_form_context,
    read_source_form,
    unmapped_questions,
)
from hub.core.field_mappings.source_forms import discover_form, upsert_source_forms
from hub.core.form_defaults.defaults import FormDefaults
from hub.core.form_defaults.queries import load_form_defaults
from hub.core.form_defaults.service import save_part_defaults
from hub.core.master_form.queries import snapshot
from hub.core.organisations.errors import UnknownRecordError
from hub.core.organisations.queries import config_version, list_centres
from hub.db.engine import Database
from mapping.engine import MappedSubmission, MappingContext, apply

LATER = NOW + timedelta(hours=1)
NAME = Question(key="full_name", label="Full name")
EMAIL = Question(key="email", label="E-mail", kind=FieldType.EMAIL)
ODD = Question(key="q7", label="How many windows do you have?")
SIZE = Question(
    key="size",
    label="How large is your garden?",
    kind=FieldType.SINGLE_CHOICE,
    choices=(Choice(value="s", label="Small"), Choice(value="l", label="Large")),
)


def _form(*questions: Question, form_id: str = "form-1", **more: object) -> SourceForm:
    return SourceForm.model_validate({"id": form_id, "name": "Winter offer", "questions": questions, **more})


def _list(database: Database, place: Place, *forms: SourceForm, now: object = NOW) -> list[DriftFinding]:
    return database.write_now(upsert_source_forms, place.organisation_id, place.connection_id, list(forms), now)


def _only(database: Database, place: Place) -> UUID:
    (form,) = database.read_now(list_source_forms, place.organisation_id)
    return form.id


def _map(database: Database, place: Place, answers: dict[str, str], form_id: str = "form-1") -> MappedSubmission:
    """What intake makes of a submission."""
    context = database.read_now(load_form_context, place.organisation_id, place.connection_id, form_id)
    submission = Submission(
        source_id="1",
        form_id=form_id,
        submitted_at=NOW,
        answers=tuple(Answer(key=key, label=key, values=(value,)) for key, value in answers.items()),
    )
    fields = database.read_now(snapshot, place.organisation_id).by_key
    return apply(submission, context.mapping, fields, MappingContext(country="PT"))


@pytest.mark.proves("L-10")
def test_a_new_form_is_found_and_its_first_lead_comes_mapped(database: Database, place: Place) -> None:
    """A finding, a proposed mapping as version 1, and the rest counted as unmapped."""
    (finding,) = _list(database, place, _form(NAME, EMAIL, ODD))
    form = database.read_now(read_source_form, place.organisation_id, finding.source_form_id)
    mapped = _map(database, place, {"full_name": "Ada Example", "email": "ada@example.com", "q7": "three"})
    assert (finding.kind, finding.form_name) == ("new_form", "Winter offer")
    assert (mapped.values["full_name"], mapped.values["email"]) == ("Ada Example", "ada@example.com")
    assert mapped.unmapped == ("q7",)
    assert database.read_now(in_force, place.organisation_id, form.id).version == 1
    assert form.unmapped_count == 1


def test_listing_the_same_again_changes_nothing_but_the_time(database: Database, place: Place) -> None:
    """No finding, no version, and no process has to read its configuration again."""
    _list(database, place, _form(NAME, EMAIL))
    before = database.read_now(config_version, place.organisation_id)
    assert _list(database, place, _form(NAME, EMAIL), now=LATER) == []
    assert database.read_now(config_version, place.organisation_id) == before
    assert database.read_now(read_source_form, place.organisation_id, _only(database, place)).last_seen_at == LATER


@pytest.mark.proves("X-05")
def test_a_question_renamed_in_mid_stream_loses_no_answer(database: Database, place: Place) -> None:
    """Under the new key and under the old one the answer reaches its field (X-05 a)."""
    _list(database, place, _form(NAME, EMAIL))
    renamed = EMAIL.model_copy(update={"key": "email_address_9"})
    (finding,) = _list(database, place, _form(NAME, renamed), now=LATER)
    assert (finding.kind, finding.detail["former_key"]) == ("question_renamed", "email")
    for key in ("email_address_9", "email"):
        mapped = _map(database, place, {"full_name": "Ada", key: "ada@example.com"})
        assert mapped.values["email"] == "ada@example.com"
        assert mapped.unmapped == ()


@pytest.mark.proves("X-05", "L-10")
def test_a_new_form_starts_with_the_defaults_of_its_page(database: Database, place: Place) -> None:
    """Those of the page count whether the form is first seen in a listing or in a delivery (X-05 b)."""
    centre_id = database.read_now(list_centres, place.organisation_id)[0].id
    defaults = FormDefaults(priority="high", centre_id=centre_id, assignee_id=place.user_id)
    database.write_now(save_part_defaults, place.organisation_id, place.connection_id, "page-1", defaults, NOW)
    unheard = database.read_now(load_form_context, place.organisation_id, place.connection_id, "form-1", "page-1")
    (finding,) = _list(database, place, _form(NAME, part_id="page-1"))
    known = database.read_now(load_form_context, place.organisation_id, place.connection_id, "form-1")
    assert (unheard.source_form_id, unheard.defaults) == (None, defaults)
    assert (known.source_form_id, known.defaults, known.part_id) == (finding.source_form_id, defaults, "page-1")
    assert database.read_now(load_form_defaults, place.organisation_id, finding.source_form_id) == defaults


def test_a_form_first_seen_in_a_delivery_is_mapped_from_its_answers(database: Database, place: Place) -> None:
    """Its questions are what was answered; the next listing puts kinds and labels right without losing the mapping."""
    answers = [
        Answer(key="email", label="E-mail", values=("a@b.pt",)),
        Answer(key="full_name", label="", values=("A",)),
    ]
    (finding,) = database.write_now(
        discover_form, place.organisation_id, place.connection_id, "form-1", answers, NOW, part_id="page-1"
    )
    again = database.write_now(discover_form, place.organisation_id, place.connection_id, "form-1", answers, NOW)
    assert (finding.kind, again) == ("new_form", [])
    assert _map(database, place, {"email": "a@b.pt", "full_name": "Ada"}).values["email"] == "a@b.pt"
    _list(database, place, _form(NAME, EMAIL), now=LATER)
    form = database.read_now(read_source_form, place.organisation_id, finding.source_form_id)
    assert (form.name, form.questions) == ("Winter offer", (NAME, EMAIL))
    assert _map(database, place, {"email": "a@b.pt", "full_name": "Ada"}).values["full_name"] == "Ada"


@pytest.mark.proves("X-05")
def test_an_option_removed_still_shows_on_old_leads(database: Database, place: Place) -> None:
    """The texts of every version of the form are kept (X-05 c)."""
    _list(database, place, _form(SIZE))
    smaller = SIZE.model_copy(update={"choices": (Choice(value="l", label="Very large"),)})
    (finding,) = _list(database, place, _form(smaller), now=LATER)
    labels = database.read_now(choice_labels, place.organisation_id, finding.source_form_id)
    assert (finding.kind, finding.detail["removed"]) == ("choices_changed", ["Small"])
    assert labels == {"size": {"s": "Small", "l": "Very large"}}


@pytest.mark.proves("X-05")
def test_the_alert_names_form_question_and_number_of_leads(database: Database, place: Place) -> None:
    """Leads that bring an answer nobody knows are counted on one finding (X-05 d)."""
    _list(database, place, _form(NAME))
    form_id = _only(database, place)
    for leads in (2, 3):
        unknown = {"q9": UnknownAnswers("Do you own pets?", leads)}
        database.write_now(note_unknown_answers, place.organisation_id, form_id, unknown, LATER)
    (finding,) = [
        each for each in database.read_now(list_findings, place.organisation_id) if each.kind == "unknown_answer"
    ]
    assert (finding.form_name, finding.question_key, finding.detail["label"], finding.leads_affected) == (
        "Winter offer",
        "q9",
        "Do you own pets?",
        5,
    )


def test_leads_count_on_the_finding_that_a_question_was_added(database: Database, place: Place) -> None:
    """One finding per question, not a second one about its answers."""
    _list(database, place, _form(NAME))
    (added,) = _list(database, place, _form(NAME, ODD), now=LATER)
    unknown = {"q7": UnknownAnswers(ODD.label, 4)}
    database.write_now(note_unknown_answers, place.organisation_id, added.source_form_id, unknown, LATER)
    found = database.read_now(list_findings, place.organisation_id, source_form_id=added.source_form_id)
    counts = {each.kind.value: each.leads_affected for each in found}
    assert counts == {"new_form": 0, "question_added": 4}


def test_a_listed_question_that_is_merely_unmapped_is_no_news(database: Database, place: Place) -> None:
    """The form says "Unmapped" already."""
    _list(database, place, _form(NAME, ODD))
    form_id = _only(database, place)
    unknown = {"q7": UnknownAnswers(ODD.label, 1)}
    database.write_now(note_unknown_answers, place.organisation_id, form_id, unknown, LATER)
    assert [each.kind for each in database.read_now(list_findings, place.organisation_id)] == ["new_form"]


@pytest.mark.proves("Z-181")
def test_the_questions_still_to_map_are_listed(database: Database, place: Place) -> None:
    """Listed ones and those known only by their answers."""
    _list(database, place, _form(NAME, ODD))
    form = database.read_now(read_source_form, place.organisation_id, _only(database, place))
    unknown = {"q9": UnknownAnswers("Do you own pets?", 1)}
    database.write_now(note_unknown_answers, place.organisation_id, form.id, unknown, LATER)
    fields = database.read_now(snapshot, place.organisation_id).by_key
    unmapped = database.read_now(unmapped_questions, place.organisation_id, form, fields)
    assert [(each.question.key, each.is_listed) for each in unmapped] == [("q7", True), ("q9", False)]


def test_invented_keys_do_not_fill_the_table(database: Database, place: Place) -> None:
    """A sender cannot make the hub write a finding for every key that comes to its mind."""
    _list(database, place, _form(NAME))
    form_id = _only(database, place)
    for batch in range(3):
        invented = {f"x{batch}_{number}\x00": UnknownAnswers("\ud800", 1) for number in range(90)}
        database.write_now(note_unknown_answers, place.organisation_id, form_id, invented, LATER)
    found = database.read_now(list_findings, place.organisation_id)
    assert len([each for each in found if each.kind == "unknown_answer"]) == 200


def test_a_form_listed_without_questions_keeps_those_that_are_known(database: Database, place: Place) -> None:
    """Some sources do not list questions; that does not mean that all were removed."""
    _list(database, place, _form(NAME, EMAIL))
    assert _list(database, place, _form(is_live=False), now=LATER) == []
    form = database.read_now(read_source_form, place.organisation_id, _only(database, place))
    assert (form.questions, form.is_live) == ((NAME, EMAIL), False)


def test_a_finding_is_settled_and_opens_again_when_it_happens_again(database: Database, place: Place) -> None:
    """Removed, added and removed again is news each time."""
    _list(database, place, _form(NAME, ODD))
    (removed,) = _list(database, place, _form(NAME), now=LATER)
    database.write_now(settle_finding, place.organisation_id, removed.id, LATER)
    assert removed.id not in {each.id for each in database.read_now(list_findings, place.organisation_id)}
    _list(database, place, _form(NAME, ODD), now=LATER)
    (again,) = _list(database, place, _form(NAME), now=LATER)
    assert (again.id, again.settled_at) == (removed.id, None)


def test_the_same_listing_twice_at_once_makes_one_form(database: Database, place: Place) -> None:
    """A poll and a delivery that find a form at the same moment do not collide."""

    def find(_: int) -> int:
        return len(_list(database, place, _form(NAME, EMAIL)))

    with ThreadPoolExecutor(4) as workers:
        assert sorted(workers.map(find, range(4))) == [0, 0, 0, 1]
    assert len(database.read_now(list_source_forms, place.organisation_id, place.connection_id)) == 1


def test_forms_of_somebody_else_are_out_of_reach(database: Database, place: Place, other_place: Place) -> None:
    """Neither their connection nor their forms nor their findings."""
    (finding,) = _list(database, other_place, _form(NAME))
    with pytest.raises(UnknownRecordError):
        database.write_now(upsert_source_forms, place.organisation_id, other_place.connection_id, [_form(NAME)], NOW)
    with pytest.raises(UnknownRecordError):
        database.read_now(read_source_form, place.organisation_id, finding.source_form_id)
    with pytest.raises(UnknownRecordError):
        database.write_now(settle_finding, place.organisation_id, finding.id, NOW)
    context = database.read_now(load_form_context, place.organisation_id, other_place.connection_id, "form-1")
    assert context.source_form_id is None
