"""The hub's own forms through HTTP."""

import pytest

from tests.web.configuration.office import Office, form_content

COMPANY = {"key": "company", "label": "Company", "kind": "text"}


@pytest.mark.proves("Z-112", "Z-119", "Z-120", "Z-121", "Z-124", "Z-127", "Z-152")
async def test_a_form_is_drafted_published_switched_and_shared(office: Office) -> None:
    """Draft, Active, Inactive and Active again; only an Active one gives link and codes."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}"
    assert (form["status"], form["published_version"], form["has_changes"]) == ("draft", None, True)
    assert "publish" in (await office.ask("GET", f"{url}/share", status=409))["detail"]
    await office.ask("POST", f"{url}/activate", status=409)
    await office.ask("POST", f"{url}/deactivate", status=409)
    active = await office.ask("POST", f"{url}/publish")
    assert (active["status"], active["published_version"], active["has_changes"]) == ("active", 1, False)
    shared = await office.get(f"{url}/share")
    assert shared["link"] == f"https://leads.example.com/f/{form['public_key']}"
    assert shared["link"] in shared["iframe"]
    assert shared["script"] == f'<script async src="{shared["link"]}/embed.js"></script>'
    assert (await office.ask("POST", f"{url}/deactivate"))["status"] == "inactive"
    await office.ask("GET", f"{url}/share", status=409)
    assert (await office.ask("POST", f"{url}/activate"))["status"] == "active"
    line = (await office.get("/forms"))["items"][0]
    assert (line["title"], line["status"], line["field_count"], line["unmapped"]) == ("Book a trial", "active", 2, [])
    for title in ("Second", "Third"):
        await office.ask("POST", "/forms", form_content(title=title), status=201)
    page = await office.get("/forms?limit=2")
    assert [each["title"] for each in page["items"]] == ["Third", "Second"]
    rest = await office.get(f"/forms?limit=2&cursor={page['next_cursor']}")
    assert ([each["title"] for each in rest["items"]], rest["next_cursor"]) == (["Book a trial"], None)
    office.require_audited(
        "form.created", "form.published", "form.deactivated", "form.activated", "form.created", "form.created"
    )


@pytest.mark.proves("Z-118", "Z-122", "Z-137", "Z-138", "Z-142")
async def test_an_active_form_is_edited_as_a_draft_and_an_unmapped_field_stops_publishing(office: Office) -> None:
    """The published version stays as it was until the draft is whole."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}"
    await office.ask("POST", f"{url}/publish")
    fields = [*form_content()["fields"], COMPANY]
    edited = await office.ask("PUT", url, form_content(title="Book now", fields=fields))
    assert (edited["status"], edited["has_changes"], edited["unmapped"]) == ("active", True, ["company"])
    assert edited["draft"]["title"] == "Book now"
    refused = await office.refused("POST", f"{url}/publish")
    assert "not connected" in refused["/fields/2/maps_to"]
    preview = await office.get(f"{url}/preview")
    assert [each["status"] for each in preview["fields"]] == ["Connected", "Connected", "Not connected"]
    assert [(each["pointer"], each["code"]) for each in preview["problems"]] == [("/fields/2/maps_to", "not_connected")]
    assert (await office.get(f"{url}/versions/1"))["definition"]["title"] == "Book a trial"
    await office.get(f"{url}/versions/2", status=404)
    fields[2] = {**COMPANY, "maps_to": "company"}
    await office.ask("PUT", url, form_content(title="Book now", fields=fields))
    assert (await office.ask("POST", f"{url}/publish"))["published_version"] == 2
    assert (await office.get(url))["title"] == "Book now"


@pytest.mark.proves("Z-132", "Z-133", "Z-134", "Z-146")
async def test_a_form_that_cannot_be_is_refused_place_by_place(office: Office) -> None:
    """Title and description, labels used twice, a way to reach the person, and a redirect to an unlisted host."""
    refused = await office.refused("POST", "/forms", {"title": " ", "fields": []})
    assert set(refused) == {"/title", "/description"}
    assert refused["/title"] == "title is required"
    name = form_content()["fields"][0]
    twice = form_content(fields=[name, {**name, "key": "other"}], redirect_url="https://elsewhere.example.com/thanks")
    refused = await office.refused("POST", "/forms", twice)
    assert set(refused) == {"/fields/1/label", "/redirect_url"}
    assert "rename" in refused["/fields/1/label"]
    assert list(await office.refused("POST", "/forms", form_content(colour="red"))) == ["/colour"]
    assert list(await office.refused("POST", "/forms", form_content(fields=5))) == ["/fields"]
    unreachable = await office.ask("POST", "/forms", form_content(fields=[name]), status=201)
    refused = await office.refused("POST", f"/forms/{unreachable['id']}/publish")
    assert "e-mail or a phone" in refused["/fields"]


@pytest.mark.proves("Z-114")
async def test_a_form_is_tried_before_it_is_shared(office: Office) -> None:
    """What a visitor would have to correct, and nothing stored."""
    form = await office.ask("POST", "/forms", form_content(), status=201)
    url = f"/forms/{form['id']}/preview"
    tried = await office.ask("POST", url, {"values": {"email": ["ada@"]}})
    assert tried == {
        "is_accepted": False,
        "faults": [{"key": "full_name", "fault": "required"}, {"key": "email", "fault": "not_an_email"}],
    }
    fine = {"values": {"full_name": ["Ada"], "email": ["ada@example.com"]}}
    assert await office.ask("POST", url, fine) == {"is_accepted": True, "faults": []}
    office.require_audited("form.created")
