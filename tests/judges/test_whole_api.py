"""Every route of the whole hub: who may, whose objects, what GET leaves behind, which headers every answer has."""

import asyncio
import itertools
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from hub.core.accounts.built_in_roles import BUILT_IN_ROLES
from hub.core.accounts.permissions import PermissionSet
from hub.core.jobs.models import job_schedules, jobs
from hub.core.tables import metadata
from hub.web.api.routing import Route
from hub.web.app import ROUTES
from tests.judges.apps import PLAIN_APP, add_app
from tests.judges.objects import make_objects, publish_form
from tests.judges.running import ROLES, Answer, Running

EVERYBODY = set(ROLES)
ADMINISTRATOR = {"Administrator"}
SEES_LEDGER = {"Administrator", "Manager"}
WORKS_LEADS = {"Administrator", "Manager", "Sales"}
EXPECTED: dict[tuple[str, str], set[str]] = {
    ("GET", "/api/v1/leads"): EVERYBODY,
    ("GET", "/api/v1/leads/{lead_id}"): EVERYBODY,
    ("PATCH", "/api/v1/leads/{lead_id}"): WORKS_LEADS,
    ("PUT", "/api/v1/leads/{lead_id}/stage"): WORKS_LEADS,
    ("POST", "/api/v1/leads/{lead_id}/journey"): WORKS_LEADS,
    ("GET", "/api/v1/leads/{lead_id}/conversation"): EVERYBODY,
    ("GET", "/api/v1/leads/{lead_id}/opt-outs"): EVERYBODY,
    ("POST", "/api/v1/leads/{lead_id}/opt-outs"): WORKS_LEADS,
    ("DELETE", "/api/v1/leads/{lead_id}"): SEES_LEDGER,
    ("GET", "/api/v1/leads/{lead_id}/messages"): EVERYBODY,
    ("POST", "/api/v1/leads/{lead_id}/messages"): WORKS_LEADS,
    ("POST", "/api/v1/leads/{lead_id}/messages/{message_id}/cancellation"): WORKS_LEADS,
    ("GET", "/api/v1/quiet-hours"): EVERYBODY,
    ("PUT", "/api/v1/quiet-hours"): ADMINISTRATOR,
    ("GET", "/api/v1/ledger"): SEES_LEDGER,
    ("GET", "/api/v1/receipts"): SEES_LEDGER,
    ("GET", "/api/v1/receipts/{receipt_id}"): SEES_LEDGER,
    ("POST", "/api/v1/receipts/redrive"): ADMINISTRATOR,
    ("GET", "/api/v1/connections"): SEES_LEDGER,
    ("PUT", "/api/v1/connections/{connection_id}/active"): ADMINISTRATOR,
    ("POST", "/api/v1/connections/{connection_id}/disconnection"): ADMINISTRATOR,
    ("POST", "/api/v1/connections/{connection_id}/deletion"): ADMINISTRATOR,
    ("GET", "/api/v1/conversion-rules"): SEES_LEDGER,
    ("POST", "/api/v1/conversion-rules"): ADMINISTRATOR,
    ("DELETE", "/api/v1/conversion-rules/{conversion_rule_id}"): ADMINISTRATOR,
    ("GET", "/api/v1/conversion-reports"): SEES_LEDGER,
    ("GET", "/api/v1/leads/{lead_id}/conversion-reports"): EVERYBODY,
    ("GET", "/api/v1/apps"): SEES_LEDGER,
    ("POST", "/api/v1/apps"): ADMINISTRATOR,
    ("PATCH", "/api/v1/apps/{app_id}"): ADMINISTRATOR,
    ("POST", "/api/v1/apps/{app_id}/connections"): ADMINISTRATOR,
    ("POST", "/api/v1/authorisations"): ADMINISTRATOR,
    ("GET", "/api/v1/forms"): SEES_LEDGER,
    ("POST", "/api/v1/forms"): ADMINISTRATOR,
    ("POST", "/api/v1/forms/{form_id}/publish"): ADMINISTRATOR,
    ("GET", "/api/v1/audit-records"): ADMINISTRATOR,
    ("GET", "/api/v1/routing/rules"): SEES_LEDGER,
    ("POST", "/api/v1/routing/rules"): ADMINISTRATOR,
    ("PUT", "/api/v1/source-forms/{source_form_id}/mapping"): ADMINISTRATOR,
    ("POST", "/api/v1/users"): ADMINISTRATOR,
    ("POST", "/api/v1/api-keys"): ADMINISTRATOR,
}
"""Written by hand, so that the table of permissions and this test cannot be wrong in the same way."""

SHARED_NAMES = {"version", "key", "part_id"}
"""Parts of an address that are no ids: the same in every organisation."""

SEEN = {"sessions.seen_at", "api_keys.used_at", "refusals"}
BY_ITSELF = {"process_heartbeats", "processes", "job_schedules", "jobs"}
"""What the hub writes without being asked."""
LEFT_ALONE = frozenset(SEEN | BY_ITSELF)


def routes_of(running: Running) -> tuple[Route, ...]:
    """Every typed route of the whole application."""
    assert running.hub.app is not None
    return running.hub.app[ROUTES]


def address(route: Route, ids: dict[str, str]) -> str:
    """The route's path with these ids, and others that nobody has."""
    return route.path.format(**{name: ids.get(name, str(uuid4())) for name in route.path_model.model_fields})


@pytest.mark.proves("AD-01")
async def test_every_route_of_the_hub_for_every_role_and_for_nobody(
    running: Running, client: aiohttp.ClientSession
) -> None:
    """Without the permission 403, without a sign-in 401, with it neither; and each as the list by hand says."""
    wrong: list[str] = []
    for route, role in itertools.product(routes_of(running), (None, *ROLES)):
        if route.events is not None and role in SEES_LEDGER:
            continue
        if (route.method, route.path) == ("DELETE", "/api/v1/session") and role is not None:
            continue
        body = {} if route.reads_body else None
        answer = await running.ask(client, route.method, address(route, {}), body, role=role)
        held = role is not None and PermissionSet.parse(BUILT_IN_ROLES[role]).scope(route.permission) is not None
        is_free = route.is_open or (route.permission.resource == "own_account" and role is not None)
        expected = EXPECTED.get((route.method, route.path))
        if role is not None and expected is not None and held is not (role in expected):
            wrong.append(f"{route.method} {route.path}: {role} is not as written by hand")
        refused = answer.status in (401, 403)
        if (refused if held or is_free else answer.status != (401 if role is None else 403)) or answer.status >= 500:
            wrong.append(f"{route.method} {route.path} as {role}: {answer.status}")
    assert not wrong
    known = {(route.method, route.path) for route in routes_of(running)}
    assert set(EXPECTED) <= known


@pytest.mark.proves("AD-02")
async def test_nothing_of_another_organisation_exists(running: Running, client: aiohttp.ClientSession) -> None:
    """Every route that takes an id answers 404 for one of the other organisation, to its mightiest role, and nothing
    of that organisation changes; in the query and in bodies such an id finds and does nothing either."""
    mine, theirs = [await make_objects(running, client, owner) for owner in (running.mine, running.other)]
    await _until_the_hub_is_at_rest(running)
    before = _rows_of(running, running.other.id)
    wrong, checked = [], 0
    for route in routes_of(running):
        named = set(route.path_model.model_fields) - SHARED_NAMES
        for name in named:
            ids = {**mine, name: theirs[name]}
            body = _body(route, theirs) if route.reads_body else None
            query = "?position=1" if route.path.endswith("/stage-moves") else ""
            answer = await running.ask(client, route.method, address(route, ids) + query, body)
            checked += 1
            if answer.status != 404:
                wrong.append(f"{route.method} {route.path} ({name}): {answer.status} {answer.body.decode()[:200]}")
    assert not wrong, "\n" + "\n".join(wrong)
    assert checked >= 60
    for route in routes_of(running):
        for name in set(route.query_model.model_fields) & set(theirs):
            answer = await running.ask(client, "GET", f"{address(route, mine)}?{name}={theirs[name]}")
            is_empty = answer.status == 200 and not answer.json.get("items", [1])
            assert answer.status in (400, 404) or is_empty, f"{route.path}?{name}"
    redriven = await running.ask(client, "POST", "/api/v1/receipts/redrive", {"receipt_ids": [theirs["receipt_id"]]})
    assert redriven.json["receipts"] == 0
    assert _rows_of(running, running.other.id) == before


BODIES: dict[str, Any] = {
    "/api/v1/connections/{connection_id}/active": {"is_active": False},
    "/api/v1/connections/{connection_id}/disconnection": {"reason": "x"},
    "/api/v1/connections/{connection_id}/deletion": {"reason": "x"},
    "/api/v1/connections/{connection_id}/parts/{part_id}/centre": {"centre_id": None},
    "/api/v1/connections/{connection_id}/parts/{part_id}/defaults": {"priority": "high"},
    "/api/v1/leads/{lead_id}/journey": {"kind": "note", "text": "x"},
    "/api/v1/leads/{lead_id}/messages": {"text": "x"},
    "/api/v1/leads/{lead_id}/opt-outs": {"preference": "opt_out", "reason": "x"},
    "/api/v1/conversion-rules/{conversion_rule_id}": {"is_active": False},
    "/api/v1/apps/{app_id}": {"name": "x", "settings": PLAIN_APP},
    "/api/v1/routing/rules/{rule_id}/position": {"position": 1},
    "/api/v1/forms/{form_id}/preview": {"values": {}},
    "/api/v1/assignees/{user_id}/absence": {"absent_from": None, "absent_until": None},
    "/api/v1/assignees/{user_id}/hours": {"hours": {}, "time_zone": "Europe/Berlin"},
    "/api/v1/source-forms/{source_form_id}/mapping": {"rules": [], "based_on": 1},
    "/api/v1/source-forms/{source_form_id}/mapping/check": {"rules": []},
    "/api/v1/source-forms/{source_form_id}/mapping/trial": {"rules": [], "answers": {}},
    "/api/v1/source-forms/{source_form_id}/adoptions": {"question_key": "treatment", "field_key": "message"},
    "/api/v1/routing/rules/{rule_id}": {
        "name": "x",
        "conditions": {"all": []},
        "target": {"kind": "centre", "centre_id": None},
    },
    "/api/v1/pipelines/{pipeline_id}/stages": {
        "name": "A",
        "position": 1,
        "code": "a",
        "color": "#111111",
        "description": "b",
    },
    "/api/v1/leads/{lead_id}": {"values": {"company": "x"}},
    "/api/v1/forms/{form_id}": {"title": "x", "description": "x", "fields": []},
}
"""Bodies that can be read, so that nothing but the id decides."""


def _body(route: Route, ids: dict[str, str]) -> Any:
    if route.path == "/api/v1/leads/{lead_id}/stage":
        return {"stage_id": ids["stage_id"]}
    if route.path == "/api/v1/leads/{lead_id}/assignee":
        return {"assignee_id": ids["user_id"]}
    return BODIES.get(route.path, {})


async def _until_the_hub_is_at_rest(running: Running) -> None:
    """What the hub does by itself for a new connection is no change by a stranger."""
    for _ in range(1000):
        now = running.hub.clock.now()
        if not running.rows(jobs) and not running.rows(job_schedules, job_schedules.c.next_at <= now):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("its jobs were not done in time")


def _rows_of(running: Running, organisation_id: UUID) -> dict[str, list[str]]:
    """Every row that belongs to an organisation."""
    owned = [table for table in metadata.sorted_tables if "organisation_id" in table.c and table.name != "refusals"]
    return {
        table.name: sorted(repr(row) for row in running.rows(table, table.c.organisation_id == organisation_id))
        for table in owned
        if table.name != "sessions"
    }


@pytest.mark.proves("AD-02")
async def test_no_answer_of_a_list_names_another_organisation(running: Running, client: aiohttp.ClientSession) -> None:
    """Whatever can be read without an id holds no id and no value of the other organisation, for any role."""
    theirs = await make_objects(running, client, running.other)
    ids = {value for name, value in theirs.items() if name not in SHARED_NAMES} | {str(running.other.id)}
    for route, role in itertools.product(routes_of(running), ROLES):
        if route.method == "GET" and not route.path_model.model_fields and route.events is None:
            text = (await running.ask(client, "GET", route.path, role=role)).body.decode()
            assert not [one for one in (*ids, "other.example.com") if one in text], f"{route.path} as {role}"


@pytest.mark.proves("AD-03")
async def test_no_get_of_the_whole_hub_changes_anything(running: Running, client: aiohttp.ClientSession) -> None:
    """A crawl over every GET and HEAD, typed routes as every role, light routes and pages as anybody: every table is
    as it was, but for what was counted as refused and when somebody was last seen."""
    ids = await make_objects(running, client, running.mine)
    paths = [(address(route, ids), role) for route, role in _readable(running)]
    paths += [(path, role) for path in await _light_paths(running, client) for role in (None, "Administrator")]
    await _until_the_hub_is_at_rest(running)
    before = running.everything(LEFT_ALONE)
    for (path, role), method in itertools.product(paths, ("GET", "HEAD")):
        answer = await running.ask(client, method, path, role=role)
        assert answer.status < 500 or _is_console(path), f"{method} {path} as {role}: {answer.status}"
    assert running.everything(LEFT_ALONE) == before


def _readable(running: Running) -> list[tuple[Route, str]]:
    reads = [route for route in routes_of(running) if route.method == "GET" and route.events is None]
    return list(itertools.product(reads, ROLES))


def _is_console(path: str) -> bool:
    """Without the built console in the source folder its pages say so, with a 503."""
    return not path.startswith(("/api/", "/f/", "/hooks/", "/oauth/"))


async def _light_paths(running: Running, client: aiohttp.ClientSession) -> list[str]:
    """An address of every light route, and some that nobody has."""
    key = (await publish_form(running, client))["public_key"]
    hook = (await add_app(running, client)).path
    assert running.hub.app is not None
    made = {"connector": "meta_ads", "topic": "deletion", "rest": "x", "name": "x.js"}
    found = []
    for resource in running.hub.app.router.resources():
        canonical = resource.canonical
        if canonical.startswith("/api/v1/") and "submissions" not in canonical:
            continue
        keys = (hook.rpartition("/")[2], "x" * 32) if canonical.startswith("/hooks") else (key, "x" * 32)
        found += [canonical.format_map({**made, "key": each}) for each in keys]
    assert len(set(found)) >= 20
    return [*dict.fromkeys(found), "/nothing/here", "/oauth/callback?state=x&code=y", "/f/", "/hooks/"]


@pytest.mark.proves("AD-11")
async def test_every_answer_carries_the_headers(running: Running, client: aiohttp.ClientSession) -> None:
    """Every class of route, good answers and errors: nosniff, no referrer to others, a policy without inline script,
    frames only where a form allows them, nothing kept by caches, no name of the software, no cookie for strangers."""
    ids = await make_objects(running, client, running.mine)
    answers: dict[str, Answer] = {}
    for route in routes_of(running):
        if route.events is None and (route.method, route.path) != ("DELETE", "/api/v1/session"):
            body = {} if route.reads_body else None
            where = {} if route.method == "DELETE" else ids
            name = f"{route.method} {route.path}"
            answers[name] = await running.ask(client, route.method, address(route, where), body)
            answers[f"{name} by nobody"] = await running.ask(client, route.method, address(route, {}), body, role=None)
    for path in await _light_paths(running, client):
        for method in ("GET", "POST", "PUT", "OPTIONS", "TRACE"):
            answers[f"{method} {path}"] = await running.ask(client, method, path, role=None)
    wrong = [f"{name}: {problem}" for name, answer in answers.items() for problem in _header_problems(name, answer)]
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(answers) > 250


def _header_problems(name: str, answer: Answer) -> list[str]:
    headers, path = answer.headers, name.split(" ")[1]
    policy = headers.get("Content-Security-Policy", "")
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.split()}
    is_script = path.endswith((".js",)) and answer.status == 200
    checks = {
        "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
        "referrer": headers.get("Referrer-Policy") in ("no-referrer", "strict-origin"),
        "opener": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
        "cache": headers.get("Cache-Control") == "no-store" or (is_script and "max-age" in headers["Cache-Control"]),
        "policy": directives.get("default-src") == ["'none'"] and directives.get("base-uri") == ["'none'"],
        "script": not {"'unsafe-inline'", "'unsafe-eval'", "*"} & set(directives.get("script-src", [])),
        "frames": directives.get("frame-ancestors") == ["'none'"],
        "cookie": "Set-Cookie" not in headers or "/session" in path or "authorisations" in path,
        "software": not headers.get("Server", "").startswith(("Python", "aiohttp")),
        "request id": bool(headers.get("X-Request-Id")),
    }
    return [check for check, is_right in checks.items() if not is_right]
