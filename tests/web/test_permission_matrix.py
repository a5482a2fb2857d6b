"""Every registered route against every role, nobody, and another organisation: generated, nothing is left out."""

import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from hub.core.accounts.built_in_roles import BUILT_IN_ROLES
from hub.core.accounts.permissions import RESOURCES, Permission, PermissionSet, Scope, parse_grant
from hub.core.tables import metadata
from hub.db.guard import ALL_ORGANISATIONS
from hub.web.api.routing import Call, NoInput, Route, RouteGroup
from hub.web.app import ROUTES
from tests.web.conftest import ROLES, Hub

EXPECTED: dict[tuple[str, str], set[str]] = {
    ("GET", "/api/v1/users"): {"Administrator", "Manager"},
    ("POST", "/api/v1/users"): {"Administrator"},
    ("PATCH", "/api/v1/users/{user_id}"): {"Administrator", "Manager"},
    ("GET", "/api/v1/roles"): {"Administrator", "Manager"},
    ("POST", "/api/v1/roles"): {"Administrator"},
    ("DELETE", "/api/v1/roles/{role_id}"): {"Administrator"},
    ("GET", "/api/v1/api-keys"): {"Administrator"},
    ("POST", "/api/v1/api-keys"): {"Administrator"},
    ("GET", "/api/v1/organisation"): set(ROLES),
    ("PATCH", "/api/v1/organisation"): {"Administrator"},
    ("GET", "/api/v1/centres"): set(ROLES),
    ("POST", "/api/v1/centres"): {"Administrator"},
    ("GET", "/api/v1/session"): set(ROLES),
    ("GET", "/api/v1/sessions"): set(ROLES),
}
"""Written by hand, so that the table of permissions and this test cannot be wrong in the same way."""


def routes_of(hub: Hub) -> tuple[Route, ...]:
    return hub.app[ROUTES]


def address(route: Route, ids: dict[str, UUID]) -> str:
    return route.path.format(**{name: ids.get(name, uuid4()) for name in route.path_model.model_fields})


@pytest.mark.proves("AD-01")
async def test_every_route_for_every_role_and_for_nobody(hub: Hub) -> None:
    """Without the permission 403, without a sign-in 401, with it neither."""
    wrong: list[str] = []
    for route, role in itertools.product(routes_of(hub), (None, *ROLES)):
        body = {} if route.reads_body else None
        answer = await hub.ask(route.method, address(route, {}), as_role=role, body=body)
        held = role is not None and PermissionSet.parse(BUILT_IN_ROLES[role]).scope(route.permission) is not None
        is_free = route.is_open or (route.permission.resource == "own_account" and role is not None)
        is_wrong = answer.status in (401, 403) if held or is_free else answer.status != (401 if role is None else 403)
        if is_wrong:
            wrong.append(f"{route.method} {route.path} as {role}: {answer.status}")
    assert not wrong


@pytest.mark.proves("AD-01")
async def test_the_matrix_as_written_by_hand(hub: Hub) -> None:
    """The most telling rows, independent of the table in the code."""
    for (method, path), allowed in EXPECTED.items():
        route = next(one for one in routes_of(hub) if (one.method, one.path) == (method, path))
        for role in ROLES:
            answer = await hub.ask(method, address(route, {}), as_role=role, body={} if route.reads_body else None)
            assert (answer.status != 403) is (role in allowed), f"{method} {path} as {role}: {answer.status}"


@pytest.mark.proves("AD-01")
def test_a_route_without_permission_cannot_be_declared() -> None:
    """Missing, misspelt or None: the declaration itself fails, so the hub does not start."""
    group = RouteGroup("Test")

    async def handler(_call: Call) -> None: ...

    with pytest.raises(TypeError):
        group.route("GET", "/x", summary="x")(handler)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs a permission"):
        group.route("GET", "/x", summary="x", permission=None)(handler)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="permission table"):
        Permission("leeds", "view")
    with pytest.raises(ValueError, match="permission table"):
        Permission("leads", "veiw")


def test_a_contradicting_declaration_is_refused() -> None:
    """Path parameters without a model, and a GET with a body."""
    group = RouteGroup("Test")

    async def handler(_call: Any) -> None: ...

    permission = Permission("leads", "view")
    with pytest.raises(ValueError, match="path model"):
        group.route("GET", "/x/{lead_id}", summary="x", permission=permission)(handler)
    with pytest.raises(ValueError, match="cannot have a body"):
        group.route("GET", "/x", summary="x", permission=permission, body=type("Body", (NoInput,), {}))(handler)


@pytest.mark.proves("AD-02")
async def test_objects_of_another_organisation_do_not_exist(hub: Hub) -> None:
    """Every route with an id answers 404 for one that belongs elsewhere, to the mightiest role."""
    other = hub.other
    ids = {
        "user_id": other.user_ids["Sales"],
        "role_id": other.role_ids["Viewer"],
        "centre_id": other.centre_ids[0],
        "session_id": await foreign_session(hub),
        "key_id": await foreign_key(hub),
    }
    checked = 0
    for route in routes_of(hub):
        if not route.path_model.model_fields or not set(route.path_model.model_fields) <= set(ids):
            continue
        body = {} if route.reads_body else None
        answer = await hub.ask(route.method, address(route, ids), as_role="Administrator", body=body)
        assert answer.status == 404, f"{route.method} {route.path}: {answer.status}"
        checked += 1
    assert checked >= 10


@pytest.mark.proves("AD-02")
async def test_no_list_names_anything_of_another_organisation(hub: Hub) -> None:
    """Whatever can be read without an id holds no id, address or name of the other organisation."""
    await foreign_key(hub)
    other = hub.other
    canaries = [str(one) for one in (other.id, *other.centre_ids, *other.role_ids.values(), *other.user_ids.values())]
    canaries += other.emails.values()
    for route in routes_of(hub):
        if route.method == "GET" and not route.path_model.model_fields and route.events is None:
            answer = await hub.ask("GET", route.path, as_role="Administrator")
            assert not [one for one in canaries if one in answer.body.decode()], route.path


@pytest.mark.proves("AD-02")
async def test_a_role_of_another_organisation_cannot_be_given(hub: Hub) -> None:
    """Ids inside a body are checked like those in the address."""
    body = {"name": "X", "email": "x@mine.example.com", "role_id": str(hub.other.role_ids["Sales"])}
    assert (await hub.ask("POST", "/api/v1/users", as_role="Administrator", body=body)).status == 422
    body = {**body, "role_id": str(hub.mine.role_ids["Sales"]), "centre_ids": [str(hub.other.centre_ids[0])]}
    answer = await hub.ask("POST", "/api/v1/users", as_role="Administrator", body=body)
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/centre_ids"


@pytest.mark.proves("AD-02")
async def test_the_scope_centre_ends_at_ones_own_centres(hub: Hub) -> None:
    """A manager sees and changes people and centres of their own centre only: list, item, change."""
    mine = hub.mine
    listed = (await hub.ask("GET", "/api/v1/users", as_role="Manager")).json["items"]
    assert {one["id"] for one in listed} == {str(mine.user_ids["Manager"]), str(mine.user_ids["Sales"])}
    foreign = f"/api/v1/users/{mine.user_ids['Viewer']}"
    assert (await hub.ask("GET", foreign, as_role="Manager")).status == 404
    assert (await hub.ask("PATCH", foreign, as_role="Manager", body={"name": "New"})).status == 404
    near = f"/api/v1/users/{mine.user_ids['Sales']}"
    assert (await hub.ask("PATCH", near, as_role="Manager", body={"name": "New"})).status == 200
    moved = {"centre_ids": [str(mine.centre_ids[1])]}
    assert (await hub.ask("PATCH", near, as_role="Manager", body=moved)).status == 422
    places = (await hub.ask("GET", "/api/v1/centres", as_role="Manager")).json["items"]
    assert [one["id"] for one in places] == [str(mine.centre_ids[0])]
    assert (await hub.ask("GET", f"/api/v1/centres/{mine.centre_ids[1]}", as_role="Manager")).status == 404


async def test_nobody_hands_out_more_than_they_have(hub: Hub) -> None:
    """A manager cannot make an administrator, nor change or take over one."""
    mine = hub.mine
    near = f"/api/v1/users/{mine.user_ids['Sales']}"
    promote = {"role_id": str(mine.role_ids["Administrator"])}
    assert (await hub.ask("PATCH", near, as_role="Manager", body=promote)).status == 403
    hub.services.database.write_now(
        lambda c: c.execute(
            sa.insert(metadata.tables["user_centres"]).values(
                organisation_id=mine.id, user_id=mine.user_ids["Administrator"], centre_id=mine.centre_ids[0]
            )
        )
    )
    boss = f"/api/v1/users/{mine.user_ids['Administrator']}"
    assert (await hub.ask("PATCH", boss, as_role="Manager", body={"is_active": False})).status == 403
    assert (await hub.ask("POST", f"{boss}/password-link", as_role="Manager")).status == 403


async def test_somebody_stays_in_charge(hub: Hub) -> None:
    """The last administrator can neither be switched off nor lose the role, and the role keeps its rights."""
    mine = hub.mine
    boss = f"/api/v1/users/{mine.user_ids['Administrator']}"
    role = f"/api/v1/roles/{mine.role_ids['Administrator']}"
    for path, body in (
        (boss, {"is_active": False}),
        (boss, {"role_id": str(mine.role_ids["Viewer"])}),
        (role, {"permissions": ["roles:view:organisation"]}),
    ):
        assert (await hub.ask("PATCH", path, as_role="Administrator", body=body)).status == 409
    assert (await hub.ask("DELETE", role, as_role="Administrator")).status == 409


@pytest.mark.proves("AD-03")
async def test_get_changes_nothing(hub: Hub) -> None:
    """A crawl over every GET (and HEAD) as every role leaves every table as it was, but for "last seen"."""
    ids = {
        "user_id": hub.mine.user_ids["Sales"],
        "role_id": hub.mine.role_ids["Viewer"],
        "centre_id": hub.mine.centre_ids[0],
    }
    held = {role: hub.token_of(hub.mine.user_ids[role]) for role in ROLES}
    before = everything(hub)
    for route, role, method in itertools.product(routes_of(hub), ROLES, ("GET", "HEAD")):
        if route.method == "GET" and route.events is None:
            answer = await hub.ask(method, address(route, ids), session=held[role])
            assert answer.status < 500
    assert everything(hub) == before


def test_the_rows_of_the_acceptance_list_can_be_said() -> None:
    """Each permission of the two matrices is a grant of the table."""
    for text in (
        *(
            f"leads:{action}:{scope}"
            for action in ("view", "add", "edit", "delete")
            for scope in ("own", "organisation")
        ),
        "leads:view:centre",
        "reopened_leads:edit:organisation",
        *(
            f"{resource}:{action}:organisation"
            for resource in ("call_outcomes", "lead_sources", "lead_stages", "lead_types", "task_types")
            for action in ("add", "edit", "delete")
        ),
        "lead_dashboard:view:organisation",
        "lead_settings:view:organisation",
        "lead_fields:view:organisation",
        "lead_fields:delete:organisation",
        "lead_contacts:view:organisation",
        "lead_history:view:organisation",
        "tasks:view:own",
        "tasks:edit:own",
        "leads:convert:centre",
        "leads:import:centre",
        "messages:send:own",
        "calls:send:own",
        "emails:send:own",
        "mass_sms:send:centre",
        "mass_emails:send:centre",
        "reports:view:centre",
        "reports:export:centre",
    ):
        parse_grant(text)


def test_nobody_changes_what_they_cannot_see() -> None:
    """An action without view gives nothing, and never reaches further than view; importing needs a centre."""
    edit, view, bring = Permission("leads", "edit"), Permission("leads", "view"), Permission("leads", "import")
    assert PermissionSet.parse(["leads:edit:organisation"]).scope(edit) is None
    both = PermissionSet.parse(["leads:edit:organisation", "leads:view:own", "leads:import:organisation"])
    assert both.scope(edit) is Scope.OWN
    assert both.scope(bring) is None
    assert both.scope(view) is Scope.OWN
    assert PermissionSet.parse([]).scope(view) is None


@pytest.mark.parametrize(
    "text", ["leads", "leads:view", "leads:view:all", "nothing:view:own", "own_account:edit:own", "lead_types:view:own"]
)
def test_a_bad_grant_is_named(text: str) -> None:
    """A role cannot hold what the table does not offer."""
    with pytest.raises(ValueError, match=text.split(":")[0]):
        parse_grant(text)


def test_every_built_in_role_parses() -> None:
    """A typing error in a built-in role would silently give nothing."""
    for grants in BUILT_IN_ROLES.values():
        assert PermissionSet.parse(grants).texts()
    assert {name for name, one in RESOURCES.items() if one.is_grantable} == {
        text.split(":")[0] for text in BUILT_IN_ROLES["Administrator"]
    }


async def foreign_session(hub: Hub) -> UUID:
    token = hub.token_of(hub.other.user_ids["Sales"], hub.other)
    listed = await hub.ask("GET", "/api/v1/sessions", session=token)
    return UUID(listed.json["items"][0]["id"])


async def foreign_key(hub: Hub) -> UUID:
    token = hub.token_of(hub.other.user_ids["Administrator"], hub.other)
    body = {"name": "far", "permissions": ["leads:view:own"], "expires_at": "2026-02-01T00:00:00Z"}
    return UUID((await hub.ask("POST", "/api/v1/api-keys", session=token, body=body)).json["id"])


def everything(hub: Hub) -> dict[str, list[Any]]:
    """Every row of every table, without the moment a session was last seen."""

    def read(connection: sa.Connection) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for table in metadata.sorted_tables:
            statement = sa.select(*(column for column in table.columns if column.name != "seen_at"))
            rows = connection.execute(statement.execution_options(**{ALL_ORGANISATIONS: "a test looks at every row"}))
            found[table.name] = sorted(repr(row) for row in rows)
        return found

    return hub.services.database.read_now(read)
