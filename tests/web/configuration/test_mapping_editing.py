"""What the page for mapping asks for: targets, answers to try on, a trial, versions."""

from hub.connector.models import FieldType
from mapping.compatibility import is_compatible
from mapping.transforms import Email
from tests.web.configuration.office import Office
from tests.web.configuration.test_source_forms import EMAIL, NAME


async def test_each_question_names_the_fields_it_may_go_to_and_why_not_the_others(office: Office) -> None:
    """Compatible fields come with their transforms and the one to begin with, all others with a reason."""
    found = (await office.get(f"/source-forms/{office.source_form_id}/mapping/targets"))["items"]
    by_question = {each["question_key"]: {one["field_key"]: one for one in each["targets"]} for each in found}
    assert list(by_question) == ["full_name", "email", "treatment"]
    email = by_question["email"]
    assert email["email"]["transforms"] == ["identity", "email"]
    assert email["email"]["proposed"] == {"kind": "email"}
    assert email["phone"]["transforms"] == []
    assert "can only be mapped to a field of type email" in email["phone"]["reason"]
    assert is_compatible(FieldType.TEXT, FieldType.EMAIL, Email())
    assert by_question["full_name"]["email"]["proposed"] == {"kind": "email"}
    assert by_question["full_name"]["email"]["reason"] is None
    fields = (await office.get("/master-form"))["fields"]
    assert all(len(targets) == len(fields) for targets in by_question.values())


async def test_rules_are_tried_on_answers_without_saving(office: Office) -> None:
    """Values, answers left over and what is wrong with a value, as a lead would have them."""
    url = f"/source-forms/{office.source_form_id}/mapping"
    example = await office.get(f"{url}/example")
    assert (example["origin"], example["lead_id"]) == ("made_up", None)
    made_up = {"full_name": ["Ada Maria Lovelace"], "email": ["ada@customer.example"], "treatment": ["a"]}
    assert example["answers"] == made_up
    before = await office.get(url)
    company = {"field": "company", "transform": {"kind": "fixed", "value": "Acme"}}
    answers = {"full_name": ["Ada Lovelace"], "email": ["ada at home"], "treatment": ["a"]}
    tried = await office.ask("POST", f"{url}/trial", {"rules": [NAME, EMAIL, company], "answers": answers})
    assert tried["values"]["full_name"] == "Ada Lovelace"
    assert tried["values"]["company"] == "Acme"
    assert tried["unmapped"] == ["treatment"]
    assert [(each["code"], each["field"]) for each in tried["problems"]] == [("not_an_email", "email")]
    assert await office.get(url) == before


async def test_versions_tell_who_saved_them_and_the_list_of_forms_tells_their_state(office: Office) -> None:
    """The hub's own proposal has nobody's name and is not confirmed; saving it makes it a person's."""
    url = f"/source-forms/{office.source_form_id}/mapping"
    (line,) = (await office.get("/source-forms"))["items"]
    assert (line["mapping_version"], line["is_confirmed"], line["open_findings"]) == (1, False, 1)
    assert [each["saved_by"] for each in (await office.get(f"{url}/versions"))["items"]] == [None]
    await office.ask("PUT", url, {"rules": [NAME, EMAIL], "based_on": 1})
    newest, first = (await office.get(f"{url}/versions"))["items"]
    assert (newest["version"], newest["rule_count"], first["version"]) == (2, 2, 1)
    assert newest["saved_by"] is not None
    (line,) = (await office.get("/source-forms"))["items"]
    assert (line["mapping_version"], line["is_confirmed"], line["open_findings"]) == (2, True, 0)
