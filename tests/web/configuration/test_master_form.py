"""The master form through HTTP."""

from typing import Any

import pytest
import sqlalchemy as sa

from hub.core.master_form.models import master_fields, master_form_versions, master_forms
from tests.web.configuration.office import Office

DEPOSIT = {"label": "Deposit", "type": "money"}


def drafts(form: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields as the builder sends them back."""
    return [
        {name: value for name, value in field.items() if name not in {"is_archived", "takes"}}
        for field in form["fields"]
        if not field["is_archived"]
    ]


def remove_master_form(office: Office) -> None:
    """As if it had never been made."""

    def remove(connection: sa.Connection) -> None:
        for table in (master_form_versions, master_fields, master_forms):
            connection.execute(sa.delete(table).where(table.c.organisation_id == office.hub.mine.id))

    office.database.write_now(remove)


@pytest.mark.proves("Z-100", "Z-102", "Z-103")
async def test_there_is_one_master_form_made_from_a_template_or_from_fields(office: Office) -> None:
    """None at first, then one, and never a second; a form of the hub needs it."""
    template = (await office.get("/form-templates"))["items"][0]
    remove_master_form(office)
    await office.get("/master-form", status=404)
    await office.ask("PUT", "/master-form", {"fields": []}, status=404)
    await office.ask("POST", "/master-form/fields", DEPOSIT, status=404)
    await office.ask("POST", "/forms", {"title": "A", "description": "B"}, status=409)
    both = {"name": "Leads", "template": "master", "fields": [DEPOSIT]}
    assert list(await office.refused("POST", "/master-form", both)) == ["/template"]
    made = await office.ask("POST", "/master-form", {"name": "Leads", "template": "master"}, status=201)
    assert [field["key"] for field in made["fields"]] == [field["key"] for field in template["fields"]]
    assert (made["name"], made["version"], made["field_count"]) == ("Leads", 1, len(template["fields"]))
    assert list(await office.refused("POST", "/master-form", {"name": "Again"}, status=409)) == ["/name"]
    office.require_audited("master_form_created")


@pytest.mark.proves("Z-101", "Z-105", "Z-108")
async def test_fields_are_added_changed_and_archived_and_every_version_is_kept(office: Office) -> None:
    """Each save is a version that can be read as it was."""
    before = await office.get("/master-form")
    field = await office.ask("POST", "/master-form/fields", DEPOSIT, status=201)
    assert field == {
        "key": "deposit",
        "label": "Deposit",
        "type": "money",
        "choices": [],
        "is_sensitive": False,
        "is_archived": False,
        "takes": ["money"],
    }
    url = f"/master-form/fields/{field['key']}"
    changed = await office.ask("PATCH", url, {"label": "Deposit paid", "is_sensitive": True})
    assert changed == {**field, "label": "Deposit paid", "is_sensitive": True}
    assert (await office.ask("POST", f"{url}/archive"))["is_archived"] is True
    form = await office.get("/master-form")
    assert (form["version"], form["field_count"]) == (before["version"] + 3, before["field_count"])
    assert form["fields"][-1] == {**changed, "is_archived": True}
    assert await office.ask("POST", f"{url}/restore") == changed
    saved = await office.ask(
        "PUT", "/master-form", {"name": "All leads", "fields": drafts(await office.get("/master-form"))[::-1]}
    )
    assert (saved["name"], saved["fields"][0]["key"]) == ("All leads", field["key"])
    page = await office.get("/master-form/versions?limit=3")
    assert [line["version"] for line in page["items"]] == [6, 5, 4]
    rest = await office.get(f"/master-form/versions?limit=3&cursor={page['next_cursor']}")
    assert [line["version"] for line in rest["items"]] == [3, 2, 1]
    assert rest["next_cursor"] is None
    assert page["items"][0]["saved_by"] == str(office.hub.mine.user_ids["Administrator"])
    assert (await office.get("/master-form/versions/1"))["fields"] == before["fields"]
    await office.get("/master-form/versions/99", status=404)
    office.require_audited(
        "master_field_created",
        "master_field_changed",
        "master_field_archived",
        "master_field_restored",
        "master_form_changed",
    )


@pytest.mark.proves("Z-109")
async def test_no_field_is_deleted_and_each_refusal_names_its_field(office: Office) -> None:
    """A field left out, another type, a label used twice; the same for requests about one field."""
    form = await office.get("/master-form")
    fields = drafts(form)
    assert list(await office.refused("PUT", "/master-form", {"fields": fields[1:]})) == ["/fields"]
    retyped = [{**fields[0], "type": "date", "choices": []}, *fields[1:]]
    assert list(await office.refused("PUT", "/master-form", {"fields": retyped})) == ["/fields/0/type"]
    twice = [*fields, {"label": fields[0]["label"], "type": "text"}]
    refused = await office.refused("PUT", "/master-form", {"fields": twice}, status=409)
    assert list(refused) == [f"/fields/{len(fields)}/label"]
    assert "rename" in refused[f"/fields/{len(fields)}/label"]
    same = {"label": fields[0]["label"], "type": "text"}
    assert list(await office.refused("POST", "/master-form/fields", same, status=409)) == ["/label"]
    known = {"key": fields[0]["key"], "label": "Other", "type": "text"}
    assert list(await office.refused("POST", "/master-form/fields", known, status=409)) == ["/key"]
    unknown = {"label": "A", "type": "colour"}
    assert list(await office.refused("POST", "/master-form/fields", unknown)) == ["/type"]
    label = {"label": fields[0]["label"]}
    url = f"/master-form/fields/{fields[1]['key']}"
    assert list(await office.refused("PATCH", url, label, status=409)) == ["/label"]
    listed = await office.refused("POST", "/master-form/fields/email/archive")
    assert "every list" in listed["/key"]
    await office.ask("PATCH", "/master-form/fields/nothing", {"label": "A"}, status=404)
    await office.ask("POST", "/master-form/fields/nothing/restore", status=404)
    assert await office.get("/master-form") == form
