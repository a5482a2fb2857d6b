"""Source forms, mappings, defaults and drift through HTTP."""

from typing import Any

import pytest
from sqlalchemy.engine import Connection

from hub.connector.models import FieldType, Question, SourceForm
from hub.core.field_mappings.findings import UnknownAnswers, note_unknown_answers
from hub.core.field_mappings.source_forms import upsert_source_forms
from tests.factories import START
from tests.web.configuration.office import PART, QUESTIONS, Office

NAME = {"field": "full_name", "questions": ["full_name"]}
EMAIL = {"field": "email", "questions": ["email"], "transform": {"kind": "email"}}
MESSAGE = {"field": "message", "questions": ["treatment"]}
NOTHING = dict.fromkeys(
    ("pipeline_id", "stage_id", "type_id", "source_id", "priority", "centre_id", "assignee_id"), None
)


def stated(rules: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(rule["field"], rule["questions"]) for rule in rules]


@pytest.mark.proves("Z-180", "Z-181", "Z-182", "Z-184")
async def test_questions_are_mapped_until_none_is_left(office: Office) -> None:
    """The mark "Unmapped" stands beside a form until every question has a rule."""
    url = f"/source-forms/{office.source_form_id}"
    line = (await office.get(f"/source-forms?connection_id={office.connection_id}"))["items"][0]
    assert (line["name"], line["question_count"], line["unmapped_count"], line["mark"]) == ("Spring", 3, 1, "Unmapped")
    shown = await office.get(url)
    assert [each["key"] for each in shown["questions"]] == ["full_name", "email", "treatment"]
    assert [(each["question"]["key"], each["is_listed"]) for each in shown["unmapped"]] == [("treatment", True)]
    proposed = await office.get(f"{url}/mapping/suggestions")
    best = {each["question_key"]: each for each in proposed["items"]}
    assert (best["email"]["field_key"], best["email"]["confidence"]) == ("email", 0.98)
    assert best["email"]["reason"]
    in_force = await office.get(f"{url}/mapping")
    assert stated(in_force["rules"]) == stated(proposed["rules"])
    rules = [NAME, EMAIL, MESSAGE]
    assert await office.ask("POST", f"{url}/mapping/check", {"rules": rules}) == {"can_be_saved": True, "problems": []}
    saved = await office.ask("PUT", f"{url}/mapping", {"rules": rules, "based_on": in_force["version"]})
    assert (saved["version"], saved["warnings"]) == (in_force["version"] + 1, [])
    assert (await office.get(f"{url}/mapping"))["rules"] == saved["rules"]
    assert await office.get(f"{url}/mapping/versions/{in_force['version']}") == in_force
    await office.get(f"{url}/mapping/versions/77", status=404)
    line = (await office.get("/source-forms"))["items"][0]
    assert (line["unmapped_count"], line["mark"]) == (0, None)
    office.require_audited("mapping_saved")


@pytest.mark.proves("Z-143", "Z-144")
async def test_a_mapping_with_errors_is_refused_rule_by_rule(office: Office) -> None:
    """Every error names its rule and the part to change; the check says the same without saving."""
    url = f"/source-forms/{office.source_form_id}/mapping"
    before = await office.get(url)
    rules = [
        {"field": "phone", "questions": ["email"]},
        {"field": "nowhere", "questions": ["full_name"]},
        {"field": "email", "questions": ["gone", "email"]},
        {"field": "company", "transform": {"kind": "formula", "expression": "1 +"}, "questions": []},
    ]
    refused = await office.refused("PUT", url, {"rules": rules})
    assert list(refused) == ["/rules/0/questions", "/rules/1/field", "/rules/3/transform"]
    assert "Choose another field" in refused["/rules/0/questions"]
    checked = await office.ask("POST", f"{url}/check", {"rules": rules})
    assert checked["can_be_saved"] is False
    found = {(each["pointer"], each["severity"], each["code"]) for each in checked["problems"]}
    assert ("/rules/2/questions", "warning", "unknown_question") in found
    assert {pointer for pointer, severity, _ in found if severity == "error"} == set(refused)
    stale = {"rules": [NAME], "based_on": before["version"] + 5}
    assert list(await office.refused("PUT", url, stale, status=409)) == ["/based_on"]
    misspelt = {"rules": [{**NAME, "polcy": "append"}]}
    assert list(await office.refused("PUT", url, misspelt)) == ["/rules/0/polcy"]
    assert await office.get(url) == before


@pytest.mark.proves("X-05", "Z-145")
async def test_what_changed_at_the_source_is_listed_settled_and_adopted(office: Office) -> None:
    """A finding names form, question and leads affected; adopting maps the question, to a new field if need be."""
    colour = Question(key="colour", label="Favourite colour", kind=FieldType.TEXT)

    def change(connection: Connection) -> None:
        form = SourceForm(id="form-1", name="Spring", questions=(*QUESTIONS, colour), part_id=PART)
        upsert_source_forms(connection, office.hub.mine.id, office.connection_id, [form], START)
        unknown = {"shoe_size": UnknownAnswers(label="Shoe size", leads=4)}
        note_unknown_answers(connection, office.hub.mine.id, office.source_form_id, unknown, START)

    office.database.write_now(change)
    listed = (await office.get("/drift-findings"))["items"]
    found = {(each["kind"], each["question_key"]): each for each in listed}
    assert set(found) == {("new_form", ""), ("question_added", "colour"), ("unknown_answer", "shoe_size")}
    unknown = found["unknown_answer", "shoe_size"]
    assert (unknown["form_name"], unknown["leads_affected"]) == ("Spring", 4)
    await office.ask("POST", f"/drift-findings/{found['new_form', '']['id']}/settle", status=204)
    url = f"/source-forms/{office.source_form_id}/adoptions"
    new = {"question_key": "shoe_size", "new_field": {"label": "Shoe size", "type": "text"}}
    adopted = await office.ask("POST", url, new)
    assert ("shoe_size", ["shoe_size"]) in stated(adopted["rules"])
    adopted = await office.ask("POST", url, {"question_key": "colour", "field_key": "message"})
    assert ("message", ["colour"]) in stated(adopted["rules"])
    assert (await office.get(f"/drift-findings?source_form_id={office.source_form_id}"))["items"] == []
    everything = (await office.get("/drift-findings?is_open=false"))["items"]
    assert all(each["settled_at"] for each in everything)
    assert len(everything) == 3
    office.require_audited("drift_finding_settled", "question_adopted", "question_adopted")


async def test_an_adoption_that_cannot_be_names_its_field(office: Office) -> None:
    """Neither or both targets, an unknown question or field, a label in use, an unfit type."""
    url = f"/source-forms/{office.source_form_id}/adoptions"
    size = {"label": "Size", "type": "text"}
    treatment = {"question_key": "treatment"}
    assert "either" in (await office.refused("POST", url, treatment))[""].lower()
    assert list(await office.refused("POST", url, {**treatment, "field_key": "a", "new_field": size})) == [""]
    unknown = {"question_key": "email", "field_key": "message"}
    assert list(await office.refused("POST", url, unknown)) == ["/question_key"]
    assert list(await office.refused("POST", url, {**treatment, "field_key": "nowhere"})) == ["/field_key"]
    assert list(await office.refused("POST", url, {**treatment, "field_key": "phone"})) == ["/field_key"]
    taken = {**treatment, "new_field": {"label": "e-mail", "type": "text"}}
    labels = {field["label"].casefold() for field in (await office.get("/master-form"))["fields"]}
    taken["new_field"]["label"] = sorted(labels)[0]
    assert list(await office.refused("POST", url, taken, status=409)) == ["/new_field/label"]


@pytest.mark.proves("Z-183")
async def test_defaults_of_forms_and_of_account_parts_are_saved_and_checked(office: Office) -> None:
    """What a form gives to its leads; every unfit value is named, and nothing of another organisation is taken."""
    of_form = f"/source-forms/{office.source_form_id}/defaults"
    of_part = f"/connections/{office.connection_id}/parts/{PART}/defaults"
    pipeline = (await office.get("/pipelines"))["items"][0]
    new, _, won, _ = pipeline["stages"]
    chosen = {
        "stage_id": new["id"],
        "type_id": (await office.get("/lead-types"))["items"][0]["id"],
        "source_id": (await office.get("/lead-sources"))["items"][0]["id"],
        "priority": "high",
        "centre_id": str(office.hub.mine.centre_ids[0]),
        "assignee_id": str(office.hub.mine.user_ids["Sales"]),
    }
    for url in (of_form, of_part):
        assert await office.get(url) == NOTHING
        saved = await office.ask("PUT", url, chosen)
        assert saved == {**chosen, "pipeline_id": pipeline["id"]}
        assert await office.get(url) == saved
        assert await office.ask("PUT", url, {}) == NOTHING
    office.require_audited("form_defaults_saved", "form_defaults_saved", "part_defaults_saved", "part_defaults_saved")
    foreign = {"centre_id": str(office.hub.other.centre_ids[0])}
    assert list(await office.refused("PUT", of_form, foreign)) == ["/centre_id"]
    assert list(await office.refused("PUT", of_part, foreign)) == ["/centre_id"]
    assert "closing" in (await office.refused("PUT", of_form, {"stage_id": won["id"]}))["/stage_id"]
    assert list(await office.refused("PUT", of_form, {"priority": "urgent"})) == ["/priority"]
    await office.ask("PATCH", f"/lead-types/{chosen['type_id']}", {"is_active": False})
    assert "inactive" in (await office.refused("PUT", of_form, {"type_id": chosen["type_id"]}))["/type_id"]
    await office.get(f"/connections/{office.connection_id}/parts/nowhere/defaults", status=404)
