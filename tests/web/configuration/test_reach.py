"""Who reaches the routes about configuration, and whose objects they find; and the audit record."""

from uuid import uuid4

import pytest

from hub.core.accounts.permissions import Permission
from hub.web.api.configuration import configuration_routes
from hub.web.api.routing import Route
from tests.web.configuration.bodies import BODIES
from tests.web.configuration.objects import objects_of
from tests.web.configuration.office import Office

VOCABULARY = {"lead_sources", "lead_stages", "lead_types", "pipelines", "master_form"}
MAY = {
    "Manager": {(resource, "view") for resource in (*VOCABULARY, "forms", "routing")},
    "Viewer": {(resource, "view") for resource in VOCABULARY},
    "Sales": {(resource, "view") for resource in VOCABULARY},
}
"""Written by hand: what the built-in roles may do here; the Administrator may do everything."""


def routes() -> list[Route]:
    return [route for group in configuration_routes() for route in group]


@pytest.mark.proves("AD-01")
async def test_roles_reach_exactly_what_they_may(office: Office) -> None:
    """Every route for every role: 403 where it is not in the list above, and never elsewhere."""
    wrong: list[str] = []
    sessions = {role: office.hub.token_of(office.hub.mine.user_ids[role]) for role in MAY}
    for route in routes():
        url = route.path.format(**{name: uuid4() for name in route.path_model.model_fields})
        for role, allowed in MAY.items():
            body = {} if route.reads_body else None
            answer = await office.hub.ask(route.method, url, session=sessions[role], body=body)
            may = (route.permission.resource, route.permission.action) in allowed
            if (answer.status == 403) is may or answer.status >= 500:
                wrong.append(f"{route.method} {route.path} as {role}: {answer.status}")
    assert not wrong


@pytest.mark.proves("AD-02")
async def test_objects_of_another_organisation_do_not_exist(office: Office) -> None:
    """Every route with an id answers 404 for one that belongs elsewhere, whatever the body."""
    ids = office.database.write_now(objects_of, office.hub.other)
    checked = 0
    for route in routes():
        if not set(route.path_model.model_fields) & (set(ids) - {"version", "key"}):
            continue
        url = route.path.format(**ids).removeprefix("/api/v1")
        query = "?position=1" if url.endswith("/stage-moves") else ""
        body = BODIES.get((route.method, route.path), {}) if route.reads_body else None
        await office.ask(route.method, url + query, body, status=404)
        checked += 1
    assert checked >= 40
    assert (await office.get(f"/source-forms?connection_id={ids['connection_id']}"))["items"] == []
    assert (await office.get(f"/drift-findings?source_form_id={ids['source_form_id']}"))["items"] == []
    await office.get(f"/stages?pipeline_id={ids['pipeline_id']}", status=404)


async def test_a_new_master_field_takes_the_permission_for_the_master_form(office: Office) -> None:
    """Who may only map cannot widen the schema by adopting a question."""
    grants = ["mappings:view:organisation", "mappings:edit:organisation", "master_form:view:organisation"]
    role = await office.ask("POST", "/roles", {"name": "Mapper", "permissions": grants}, status=201)
    await office.ask("PATCH", f"/users/{office.hub.mine.user_ids['Sales']}", {"role_id": role["id"]})
    url = f"/source-forms/{office.source_form_id}/adoptions"
    new = {"question_key": "treatment", "new_field": {"label": "Treatment", "type": "text"}}
    denied = await office.ask("POST", url, new, status=403, as_role="Sales")
    assert str(Permission("master_form", "edit")) in denied["detail"]
    await office.ask("POST", url, {"question_key": "treatment", "field_key": "message"}, as_role="Sales")


async def test_the_audit_record_is_read_page_by_page_and_filtered(office: Office) -> None:
    """The newest first; by actor, action, subject and time; nothing of the other organisation."""
    made = [
        await office.ask("POST", "/lead-types", {"name": f"Type {number}", "code": f"t{number}"}, status=201)
        for number in range(5)
    ]
    page = await office.get("/audit-records?action=lead_type_created&limit=3")
    rest = await office.get(f"/audit-records?action=lead_type_created&limit=3&cursor={page['next_cursor']}")
    shown = [each["subject"] for each in (*page["items"], *rest["items"])]
    assert shown == [f"lead_type:{each['id']}" for each in reversed(made)]
    assert rest["next_cursor"] is None
    assert page["items"][0]["detail"] == {"name": "Type 4"}
    one = (await office.get(f"/audit-records?subject=lead_type:{made[0]['id']}&actor={office.admin}"))["items"]
    assert [each["action"] for each in one] == ["lead_type_created"]
    assert (await office.get("/audit-records?until=2026-01-01T00:00:00Z"))["items"] == []
    assert len((await office.get("/audit-records?since=2026-01-01T00:00:00Z"))["items"]) >= 5
    assert list(await office.refused("GET", "/audit-records?since=yesterday", status=400)) == ["query/since"]
    assert list(await office.refused("GET", "/audit-records?cursor=x", status=400)) == ["query/cursor"]
