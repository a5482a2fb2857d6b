"""Listing forms: all Pages, all kinds of questions, and what changes."""

import pytest

from hub.connector.models import FieldType, Question
from plugins.meta_ads.forms import source_form
from plugins.meta_ads.payloads import Form
from plugins.meta_ads.simulator.world import NORTH, SOUTH
from plugins.meta_ads.tests.conftest import QUESTIONS, Meta


async def test_forms_of_all_pages_are_listed_with_their_page(connected: Meta) -> None:
    """Each form names its Page; archived ones are listed as not live."""
    north, south = connected.publish(NORTH), connected.publish(SOUTH)
    old = connected.simulator.add_form("Old", QUESTIONS, is_live=False)
    found = {form.id: (form.part_id, form.is_live) for form in await connected.connector.list_forms(connected.access)}
    assert found == {north.id: (NORTH, True), south.id: (SOUTH, True), old: (NORTH, False)}


async def test_questions_keep_key_label_kind_and_choices(connected: Meta) -> None:
    """What arrives with a lead is what is listed, the consent box too."""
    form = connected.publish()
    found = next(each for each in await connected.connector.list_forms(connected.access) if each.id == form.id)
    assert found.questions == QUESTIONS


async def test_drift_is_seen_on_the_next_listing(connected: Meta) -> None:
    """A new form, a new question, a new option, a renamed label: all show when forms are listed again."""
    form = connected.publish()
    before = await connected.connector.list_forms(connected.access)
    choice = QUESTIONS[2]
    renamed = QUESTIONS[0].model_copy(update={"label": "Your name"})
    wider = choice.model_copy(update={"choices": choice.choices[:1]})
    added = Question(key="budget", label="Budget")
    connected.simulator.add_form(form.name, (renamed, wider, added), form_id=form.id, part_id=form.part_id)
    fresh = connected.publish(SOUTH, "Second form")
    after = {each.id: each for each in await connected.connector.list_forms(connected.access)}
    assert [each.id for each in before] == [form.id]
    assert set(after) == {form.id, fresh.id}
    assert after[form.id].questions == (renamed, wider, added)


async def test_page_that_refuses_does_not_hide_the_others(connected: Meta) -> None:
    """Forms of the living Page are listed although the other Page's role was lost, and the hub learns which was left
    out."""
    north = connected.publish(NORTH)
    connected.publish(SOUTH)
    connected.simulator.lose_page_role(SOUTH)
    access = connected.access
    assert [form.id for form in await connected.connector.list_forms(access)] == [north.id]
    assert {part: error.code for part, error in access.skipped_parts.items()} == {SOUTH: "page_role_lost"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("EMAIL", FieldType.EMAIL),
        ("WORK_EMAIL", FieldType.EMAIL),
        ("PHONE", FieldType.PHONE),
        ("WORK_PHONE_NUMBER", FieldType.PHONE),
        ("WEBSITE", FieldType.URL),
        ("DOB", FieldType.DATE),
        ("DATE_TIME", FieldType.DATE_TIME),
        ("FULL_NAME", FieldType.TEXT),
        ("ID_CPF", FieldType.TEXT),
        ("A_TYPE_OF_TOMORROW", FieldType.TEXT),
        (None, FieldType.TEXT),
    ],
)
def test_question_types_pass_through(kind: str | None, expected: FieldType) -> None:
    """Known types get their kind, unknown ones stay text."""
    form = Form.model_validate({"id": 1, "questions": [{"key": "k", "label": "L", "type": kind}]})
    assert [(each.key, each.kind) for each in source_form(form, "9").questions] == [("k", expected)]


def test_odd_questions_are_listed_as_far_as_they_go() -> None:
    """No key: the type stands in. Conditional fields, tracking values and consent boxes have keys of their own."""
    wire = {
        "id": "1",
        "questions": [
            {"type": "FULL_NAME"},
            {"key": "city", "type": "CUSTOM", "options": [{"value": "Bern"}, {}]},
            {
                "key": "car",
                "label": "Car",
                "dependent_conditional_questions": [{"field_key": "car_model", "name": "Model"}, {}],
            },
            {},
        ],
        "tracking_parameters": [{"key": "utm_source", "value": "autumn"}],
        "legal_content": {"custom_disclaimer": {"checkboxes": [{"key": "c1", "text": "Yes", "is_required": True}]}},
    }
    found = source_form(Form.model_validate(wire), "9")
    assert [each.key for each in found.questions] == ["full_name", "city", "car", "car_model", "utm_source", "c1"]
    assert found.questions[1].choices[0].value == "Bern"
    assert (found.questions[-1].kind, found.questions[-1].required) == (FieldType.CONSENT, True)
