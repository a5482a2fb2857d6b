"""Values that are almost right, in every query, path and body of the whole API: taken or refused, never a 5xx."""

from collections import Counter
from typing import Any

import aiohttp
import pytest

from hub.web.app import ROUTES
from tests.judges.objects import make_objects
from tests.judges.running import Running
from tests.judges.test_whole_api import BODIES, address
from tests.web.configuration.bodies import BODIES as MORE_BODIES
from tests.web.configuration.test_hostile_bodies import spoilt

QUERY = (
    "a%00",
    "%ff",
    "%ed%a0%80",
    "%F0%9F%98%80",
    "9" * 30,
    "-1",
    "NaN",
    "",
    "'%22%3B--",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00",
    "0001-01-01",
    "9999-12-31",
    "00000000-0000-0000-0000-000000000000",
    "x" * 300,
)
PLAIN_BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/session"): {"email": "a@example.com", "password": "x"},
    ("POST", "/api/v1/password"): {"token": "x", "password": "four unrelated words"},
    ("POST", "/api/v1/first-run"): {
        "token": "x",
        "organisation": {"name": "A", "country": "DE", "language": "de", "time_zone": "Europe/Berlin"},
        "administrator": {"name": "A", "email": "a@example.com", "password": "four unrelated words"},
    },
    ("POST", "/api/v1/api-keys"): {
        "name": "a",
        "permissions": ["leads:view:own"],
        "expires_at": "2026-02-01T00:00:00Z",
    },
    ("POST", "/api/v1/users"): {"name": "a", "email": "a@example.com", "role_id": "{role_id}", "centre_ids": []},
    ("PATCH", "/api/v1/users/{user_id}"): {"name": "a", "email": "a@example.com", "role_id": "{role_id}"},
    ("POST", "/api/v1/roles"): {"name": "a", "permissions": ["leads:view:own"]},
    ("PATCH", "/api/v1/organisation"): {"name": "a", "country": "DE", "language": "de", "time_zone": "Europe/Berlin"},
    ("POST", "/api/v1/centres"): {"name": "a", "code": "a", "time_zone": "Europe/Berlin"},
    ("PATCH", "/api/v1/centres/{centre_id}"): {"name": "a", "code": "a", "time_zone": "Europe/Berlin"},
    ("PUT", "/api/v1/leads/{lead_id}/stage"): {"stage_id": "{stage_id}", "lost_reason": "a"},
    ("PUT", "/api/v1/leads/{lead_id}/assignee"): {"assignee_id": "{user_id}"},
    ("PATCH", "/api/v1/leads/{lead_id}"): {"values": {"company": "a", "email": "a@example.com"}, "revision": 1},
    ("POST", "/api/v1/receipts/redrive"): {
        "disposition": "quarantined",
        "reason": "a",
        "connection_id": "{connection_id}",
        "received_from": "2026-01-01T00:00:00Z",
        "received_until": "2026-01-02T00:00:00Z",
        "settled_before": "2026-01-02T00:00:00Z",
    },
    ("POST", "/api/v1/apps"): {
        "connector": "meta_ads",
        "name": "a",
        "settings": {"app_id": "123456", "app_secret": "x"},
    },
    ("POST", "/api/v1/authorisations"): {"app_id": "{app_id}", "connection_id": "{connection_id}"},
}
MOMENTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00")
UNTOUCHED = {"/api/v1/session/password"}


@pytest.mark.proves("WH-07")
async def test_no_query_and_no_path_makes_the_hub_fail(running: Running, client: aiohttp.ClientSession) -> None:
    """Every parameter of every route with every odd value."""
    ids = await make_objects(running, client, running.mine)
    assert running.hub.app is not None
    wrong, asked = [], 0
    for route in running.hub.app[ROUTES]:
        if route.method != "GET" or route.events is not None:
            continue
        paths = [f"{address(route, ids)}?{name}={value}" for name in route.query_model.model_fields for value in QUERY]
        paths += [
            address(route, {**ids, name: value}) for name in route.path_model.model_fields for value in QUERY if value
        ]
        for path in paths:
            answer = await running.raw(client, "GET", path)
            asked += 1
            if answer.status >= 500:
                wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)
    assert asked > 800


@pytest.mark.proves("WH-07")
async def test_no_body_makes_the_hub_fail(running: Running, client: aiohttp.ClientSession) -> None:
    """Every body that is read, with each value in it spoilt in each way; a 422 names the field."""
    ids = await make_objects(running, client, running.mine)
    assert running.hub.app is not None
    wrong: list[str] = []
    answers: Counter[int] = Counter()
    for route in sorted(running.hub.app[ROUTES], key=lambda each: "deletion" in each.path):
        if not route.reads_body or route.path in UNTOUCHED:
            continue
        known = {(route.method, path): body for path, body in BODIES.items()} | MORE_BODIES | PLAIN_BODIES
        body = _filled(known.get((route.method, route.path), {}), ids)
        bodies = [
            *spoilt(body),
            *({name: {"a\x00": 1}} for name in body),
            *({**body, name: each} for name in body for each in MOMENTS if "_" in name),
        ]
        for each in bodies:
            answer = await running.ask(client, route.method, address(route, ids), each)
            answers[answer.status] += 1
            if answer.status >= 500 or (answer.status == 422 and not answer.json.get("errors")):
                wrong.append(f"{route.method} {route.path} {each}: {answer.status} {answer.body.decode()[:300]}")
    assert not wrong, "\n".join(wrong)
    assert answers.total() > 400


def _filled(body: Any, ids: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, ids) for name, value in body.items()}
    return body.format_map(ids) if isinstance(body, str) and body.startswith("{") else body
