"""What the form builder asks for besides the draft: defaults of a draft, the page as it would be, versions, codes."""

import pytest

from tests.web.configuration.office import Office, form_content

NOTHING = dict.fromkeys(
    ("pipeline_id", "stage_id", "type_id", "source_id", "priority", "centre_id", "assignee_id"),
)


async def test_a_draft_has_defaults_before_it_is_published_and_keeps_them_after(office: Office) -> None:
    """Its source form is made for them, is not live, and becomes the one that collects."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}"
    assert await office.get(f"{url}/defaults") == NOTHING
    stage = (await office.get("/pipelines"))["items"][0]["stages"][1]
    wish = {"stage_id": stage["id"], "priority": "high"}
    saved = await office.ask("PUT", f"{url}/defaults", wish)
    assert (saved["stage_id"], saved["priority"], saved["type_id"]) == (stage["id"], "high", None)
    source_forms = [each for each in (await office.get("/source-forms"))["items"] if each["form_id"] == form["id"]]
    assert [(each["name"], each["is_live"]) for each in source_forms] == [("Book a trial", False)]
    assert (await office.get(url))["status"] == "draft"
    await office.ask("POST", f"{url}/publish")
    assert await office.get(f"{url}/defaults") == saved
    (live,) = [each for each in (await office.get("/source-forms"))["items"] if each["form_id"] == form["id"]]
    assert (live["id"], live["is_live"]) == (source_forms[0]["id"], True)
    refused = await office.refused("PUT", f"{url}/defaults", {"type_id": form["id"]})
    assert list(refused) == ["/type_id"]
    await office.get("/forms/00000000-0000-7000-8000-000000000000/defaults", status=404)
    await office.ask("PUT", "/forms/00000000-0000-7000-8000-000000000000/defaults", wish, status=404)


async def test_published_versions_are_listed_the_newest_first(office: Office) -> None:
    """One line per version; publishing an unchanged draft adds none."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}"
    assert (await office.get(f"{url}/versions"))["items"] == []
    await office.ask("POST", f"{url}/publish")
    await office.ask("POST", f"{url}/publish")
    await office.ask("PUT", url, form_content(title="Book now"))
    await office.ask("POST", f"{url}/publish")
    page = await office.get(f"{url}/versions?limit=1")
    rest = await office.get(f"{url}/versions?cursor={page['next_cursor']}")
    assert [each["version"] for each in [*page["items"], *rest["items"]]] == [2, 1]


@pytest.mark.proves("Z-114")
async def test_the_page_is_drawn_and_tried_while_it_is_being_built(office: Office) -> None:
    """Without script, escaped, with the faults of tried answers beside their fields; nothing is stored."""
    content = form_content(title="<b>Trial</b>", thank_you_text="See you soon.")
    drawn = await office.ask("POST", "/form-previews", {"definition": content})
    assert "&lt;b&gt;Trial" in drawn["html"]
    assert "<script" not in drawn["html"]
    assert drawn["is_accepted"] is None
    tried = await office.ask("POST", "/form-previews", {"definition": content, "values": {"email": ["ada@"]}})
    assert (tried["is_accepted"], [each["key"] for each in tried["faults"]]) == (False, ["full_name", "email"])
    assert 'value="ada@"' in tried["html"]
    fine = {"full_name": ["Ada"], "email": ["ada@example.com"]}
    sent = await office.ask("POST", "/form-previews", {"definition": content, "values": fine})
    assert sent["is_accepted"]
    assert "See you soon." in sent["html"]
    assert "/title" in await office.refused("POST", "/form-previews", {"definition": {**content, "title": ""}})
    assert (await office.get("/forms"))["items"] == []


async def test_the_plain_html_of_a_form_is_that_of_its_published_version(office: Office) -> None:
    """Field keys as names, the hub's address as target; a draft that is newer does not show yet."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}"
    await office.ask("POST", f"{url}/publish")
    fields = [*form_content()["fields"], {"key": "company", "label": "Company", "kind": "text", "maps_to": "company"}]
    await office.ask("PUT", url, form_content(fields=fields))
    html = (await office.get(f"{url}/share"))["html"]
    assert f'action="https://leads.example.com/f/{form["public_key"]}"' in html
    assert '<input name="email" type="email"' in html
    assert "company" not in html
