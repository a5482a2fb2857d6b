"""What a form sets is set for each of its leads, whichever way they come."""

from typing import Any

import pytest

from tests.integration.hub.conftest import Served
from tests.integration.hub.test_whole_hub import QUESTIONS, connect, until

FIELDS = [
    {"key": "full_name", "label": "Your name", "kind": "text", "maps_to": "full_name"},
    {"key": "email", "label": "E-mail", "kind": "email", "maps_to": "email"},
]


async def chosen_defaults(served: Served) -> dict[str, Any]:
    """Values of which none is what a lead would have anyway."""
    pipeline = (await served.ask("GET", "/api/v1/pipelines"))["items"][0]
    contacted = next(stage for stage in pipeline["stages"] if stage["name"] == "Contacted")
    centre = (await served.ask("GET", "/api/v1/centres"))["items"][0]
    ada = (await served.ask("GET", "/api/v1/users"))["items"][0]
    source = next(each for each in (await served.ask("GET", "/api/v1/lead-sources"))["items"] if each["code"] == "sms")
    return {
        "pipeline_id": pipeline["id"],
        "stage_id": contacted["id"],
        "type_id": (await served.ask("GET", "/api/v1/lead-types"))["items"][-1]["id"],
        "source_id": source["id"],
        "priority": "critical",
        "centre_id": centre["id"],
        "assignee_id": ada["id"],
    }


async def set_defaults(served: Served, name: str, chosen: dict[str, Any]) -> None:
    """Save them for the form of this name."""
    forms = (await served.ask("GET", "/api/v1/source-forms"))["items"]
    (form,) = [each for each in forms if each["name"] == name]
    await served.ask("PUT", f"/api/v1/source-forms/{form['id']}/defaults", chosen)


def assert_set(leads: list[Any], chosen: dict[str, Any]) -> None:
    """Every lead has every value."""
    for lead in leads:
        assert {name: lead[name] for name in chosen} == chosen, lead["name"]


@pytest.mark.proves("Z-149")
async def test_each_lead_of_an_own_form_gets_the_forms_defaults(served: Served) -> None:
    """Stage, type, source, priority, centre and assignee, for one post after the other; another form keeps its own."""
    chosen = await chosen_defaults(served)
    keys = []
    for title in ("Book a trial", "Ask us"):
        content = {"title": title, "description": "We call you back.", "fields": FIELDS}
        form = await served.ask("POST", "/api/v1/forms", content, expect=201)
        keys.append((await served.ask("POST", f"/api/v1/forms/{form['id']}/publish"))["public_key"])
    await set_defaults(served, "Book a trial", chosen)
    for number in range(8):
        values = {"full_name": f"Form {number}", "email": f"form{number}@example.com"}
        key = keys[number % 4 == 3]
        async with served.client.post(f"{served.url}/f/{key}", data=values) as answer:
            assert answer.status == 200
    # Posts without the page's token are held; whoever releases them gets the leads.
    await served.ask("POST", "/api/v1/receipts/redrive", {"disposition": "spam"})
    leads = await until(served, 8)
    others = [lead for lead in leads if lead["name"] in ("Form 3", "Form 7")]
    assert_set([lead for lead in leads if lead not in others], chosen)
    assert len(others) == 2
    assert not {lead["priority"] for lead in others} & {"critical"}


@pytest.mark.proves("Z-149")
async def test_each_lead_of_a_platform_form_gets_the_forms_defaults(served: Served) -> None:
    """By webhook and by pull alike."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Before"], "email": ["before@example.com"]})
    app, connection = await connect(served)
    await until(served, 1)
    chosen = await chosen_defaults(served)
    await set_defaults(served, "Spring offer", chosen)
    delivered = [
        served.simulator.add_submission(form, {"full_name": [f"Sent {n}"], "email": [f"s{n}@example.com"]})
        for n in range(3)
    ]
    await served.simulator.send(app["webhook_url"], delivered)
    await until(served, 4)
    served.simulator.add_submission(form, {"full_name": ["Listed"], "email": ["listed@example.com"]})
    await served.ask("POST", f"/api/v1/connections/{connection['id']}/pull", expect=202)
    leads = [lead for lead in await until(served, 5) if lead["name"] != "Before"]
    assert {lead["name"] for lead in leads} == {"Sent 0", "Sent 1", "Sent 2", "Listed"}
    assert_set(leads, chosen)
