"""API keys and the first-run link (AD-11)."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from aiohttp import ClientSession, DummyCookieJar

from hub.core.accounts import first_run
from hub.core.accounts.models import api_keys, one_time_links
from hub.core.organisations.models import organisations, users
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.testing.clock import VirtualClock
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.app import build_app
from hub.web.cookies import INSECURE_NAME, SECURE_NAME
from hub.web.services import WebServices, WebSettings
from tests.web.conftest import Answer, Hub, Organisation, WatchedTestServer

ALL = {ALL_ORGANISATIONS: "a test looks at every row"}
EXPIRES = "2026-02-01T00:00:00Z"


async def make_key(hub: Hub, *permissions: str, role: str = "Administrator", expires: str = EXPIRES) -> Answer:
    body = {"name": "site", "permissions": list(permissions), "expires_at": expires}
    return await hub.ask("POST", "/api/v1/api-keys", as_role=role, body=body)


@pytest.mark.proves("AD-11")
async def test_a_key_is_shown_once_and_stored_hashed(hub: Hub) -> None:
    """Neither the list nor the table holds it afterwards."""
    made = await make_key(hub, "users:view:organisation")
    key = made.json["key"]
    assert key.startswith("lh_")
    assert len(key) >= 46
    listed = await hub.ask("GET", "/api/v1/api-keys", as_role="Administrator")
    assert key not in listed.body.decode()
    assert listed.json["items"][0]["hint"] == key[:8]
    rows = hub.services.database.read_now(lambda c: c.execute(sa.select(api_keys).execution_options(**ALL)).all())
    assert key not in str(rows)


@pytest.mark.proves("AD-11")
async def test_a_key_does_what_it_was_given_and_nothing_else(hub: Hub) -> None:
    """Scoped: other permissions of its maker are not in it, nor the maker's sessions and password."""
    key = (await make_key(hub, "users:view:organisation")).json["key"]
    assert (await hub.ask("GET", "/api/v1/users", key=key)).status == 200
    assert (await hub.ask("GET", "/api/v1/session", key=key)).json["is_api_key"] is True
    for method, path in (
        ("GET", "/api/v1/roles"),
        ("DELETE", "/api/v1/session"),
        ("PUT", "/api/v1/session/password"),
        ("POST", "/api/v1/api-keys"),
    ):
        assert (await hub.ask(method, path, key=key, body={} if method in ("PUT", "POST") else None)).status == 403


@pytest.mark.proves("AD-11")
async def test_a_key_expires_and_can_be_revoked(hub: Hub, clock: VirtualClock) -> None:
    """Both act on the next request."""
    short = (await make_key(hub, "users:view:organisation", expires="2026-01-01T01:00:00Z")).json["key"]
    other = (await make_key(hub, "users:view:organisation")).json
    assert (await hub.ask("GET", "/api/v1/users", key=short)).status == 200
    clock.advance(timedelta(hours=1))
    assert (await hub.ask("GET", "/api/v1/users", key=short)).status == 401
    assert (await hub.ask("DELETE", f"/api/v1/api-keys/{other['id']}", as_role="Administrator")).status == 204
    assert (await hub.ask("GET", "/api/v1/users", key=other["key"])).status == 401


@pytest.mark.parametrize("expires", ["2025-12-31T00:00:00Z", "2027-06-01T00:00:00Z"])
async def test_a_key_must_expire_within_a_year(hub: Hub, expires: str) -> None:
    """No key for ever, none already dead."""
    answer = await make_key(hub, "users:view:organisation", expires=expires)
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/expires_at"


async def test_a_key_reaches_no_further_than_its_maker_today(hub: Hub) -> None:
    """It shrinks with the maker's role and dies with the account."""
    body = {"name": "Keys", "permissions": ["api_keys:view:own", "api_keys:add:own", "users:view:organisation"]}
    role = (await hub.ask("POST", "/api/v1/roles", as_role="Administrator", body=body)).json["id"]
    person = f"/api/v1/users/{hub.mine.user_ids['Sales']}"
    await hub.ask("PATCH", person, as_role="Administrator", body={"role_id": role})
    assert (await make_key(hub, "leads:view:own", role="Sales")).status == 403
    key = (await make_key(hub, "users:view:organisation", role="Sales")).json["key"]
    assert (await hub.ask("GET", "/api/v1/users", key=key)).status == 200
    less = {"permissions": ["api_keys:view:own"]}
    await hub.ask("PATCH", f"/api/v1/roles/{role}", as_role="Administrator", body=less)
    assert (await hub.ask("GET", "/api/v1/users", key=key)).status == 403
    await hub.ask("PATCH", person, as_role="Administrator", body={"is_active": False})
    assert (await hub.ask("GET", "/api/v1/users", key=key)).status == 401


async def test_a_wrong_authorisation_never_falls_back_to_the_cookie(hub: Hub) -> None:
    """Whoever sends a key means the key."""
    session = hub.token_of(hub.mine.user_ids["Administrator"])
    for value in ("lh_unknown", "", "x" * 500):
        assert (await hub.ask("GET", "/api/v1/users", session=session, key=value)).status == 401
    basic = {"Authorization": "Basic YTpi"}
    assert (await hub.ask("GET", "/api/v1/users", session=session, headers=basic)).status == 401


def first_run_body(token: str, email: str = "boss@first.example.com") -> dict:
    return {
        "token": token,
        "organisation": {"name": "First", "country": "AT", "language": "de-AT", "time_zone": "Europe/Vienna"},
        "administrator": {"name": "Boss", "email": email, "password": "lantern gravel opera tundra"},
    }


async def empty_hub(services: WebServices) -> Hub:
    nobody = Organisation(services.database, [], {}, {}, {})  # type: ignore[arg-type]
    server = WatchedTestServer(build_app(services, *PLATFORM_GROUPS))
    return Hub(services, server, None, nobody, nobody)  # type: ignore[arg-type]


@pytest.fixture
async def fresh(web_services: WebServices):
    """A hub without any organisation."""
    made = await empty_hub(web_services)
    async with made.server, ClientSession(cookie_jar=DummyCookieJar()) as client:
        made.client = client
        yield made


@pytest.mark.proves("AD-11")
async def test_the_first_run_link_works_once(fresh: Hub, clock: VirtualClock) -> None:
    """It makes organisation, roles and administrator, signs in, and is used up; afterwards no link is given."""
    database = fresh.services.database
    assert database.read_now(lambda c: c.scalar(sa.select(sa.func.count()).select_from(organisations))) == 0
    token = database.write_now(first_run.issue_first_run_link, clock.now())
    assert token not in str(database.read_now(lambda c: c.execute(sa.select(one_time_links)).all()))
    answer = await fresh.ask("POST", "/api/v1/first-run", body=first_run_body(token))
    assert answer.status == 200
    me = await fresh.ask("GET", "/api/v1/session", session=answer.cookies[SECURE_NAME].value)
    assert me.json["organisation"] == "First"
    assert "users:edit:organisation" in me.json["permissions"]
    again = await fresh.ask("POST", "/api/v1/first-run", body=first_run_body(token, "two@first.example.com"))
    assert again.status == 401
    assert database.write_now(first_run.issue_first_run_link, clock.now()) is None


@pytest.mark.proves("AD-11")
async def test_of_parallel_uses_one_succeeds(fresh: Hub, clock: VirtualClock) -> None:
    """One organisation, whatever the timing."""
    token = fresh.services.database.write_now(first_run.issue_first_run_link, clock.now())
    bodies = [first_run_body(token, f"boss{number}@first.example.com") for number in range(4)]
    answers = await asyncio.gather(*(fresh.ask("POST", "/api/v1/first-run", body=body) for body in bodies))
    assert sorted(one.status for one in answers) == [200, 401, 401, 401]


@pytest.mark.proves("AD-11")
async def test_an_old_replaced_or_guessed_link_is_dead(fresh: Hub, clock: VirtualClock) -> None:
    """A day, or until the next one is issued."""
    database = fresh.services.database
    first = database.write_now(first_run.issue_first_run_link, clock.now())
    second = database.write_now(first_run.issue_first_run_link, clock.now())
    assert (await fresh.ask("POST", "/api/v1/first-run", body=first_run_body(first))).status == 401
    assert (await fresh.ask("POST", "/api/v1/first-run", body=first_run_body("guess"))).status == 401
    clock.advance(timedelta(hours=24))
    assert (await fresh.ask("POST", "/api/v1/first-run", body=first_run_body(second))).status == 401


@pytest.mark.proves("AD-11")
async def test_there_is_no_default_account(fresh: Hub) -> None:
    """An untouched hub has nobody who could sign in."""
    count = fresh.services.database.read_now(
        lambda c: c.scalar(sa.select(sa.func.count()).select_from(users).execution_options(**ALL))
    )
    assert count == 0
    for email, password in (("admin", "admin"), ("admin@example.com", "password"), ("root", "leadhub")):
        assert (await fresh.sign_in(email, password)).status == 401


@pytest.mark.parametrize(
    ("place", "value", "pointer"),
    [
        (("organisation", "time_zone"), "Mars/Base", "/organisation/time_zone"),
        (("organisation", "country"), "XX", "/organisation/country"),
        (("organisation", "language"), "zz", "/organisation/language"),
        (("organisation", "name"), "a\nb", "/organisation/name"),
        (("administrator", "email"), "nobody", "/administrator/email"),
        (("administrator", "password"), "password1234", "/administrator/password"),
    ],
)
async def test_first_run_names_a_bad_field(
    fresh: Hub, clock: VirtualClock, place: tuple[str, str], value: str, pointer: str
) -> None:
    """And the link still works afterwards."""
    token = fresh.services.database.write_now(first_run.issue_first_run_link, clock.now())
    body = first_run_body(token)
    body[place[0]][place[1]] = value
    answer = await fresh.ask("POST", "/api/v1/first-run", body=body)
    assert answer.status == 422
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
    assert (await fresh.ask("POST", "/api/v1/first-run", body=first_run_body(token))).status == 200


async def test_the_set_up_of_other_subjects_runs_in_the_same_transaction(
    web_services: WebServices, clock: VirtualClock, database: Database
) -> None:
    """If one of them fails there is no half-made organisation."""
    seen = []

    def fails(_connection: sa.Connection, organisation_id: object, _now: object) -> None:
        seen.append(organisation_id)
        raise RuntimeError("half-way")

    new = first_run.NewOrganisation(name="A", country="DE", language="de", time_zone="UTC")
    boss = first_run.NewPerson(name="B", email="b@example.com", password_hash=None)
    with pytest.raises(RuntimeError):
        database.write_now(first_run.create_organisation, new, boss, now=clock.now(), set_up=[fails])
    assert seen
    assert database.read_now(lambda c: c.execute(sa.select(organisations)).all()) == []
    assert web_services.set_up == ()


def test_insecure_cookies_only_on_loopback() -> None:
    """The demo over plain http may do without Secure; nothing else may."""
    assert INSECURE_NAME == "leadhub"
    for url in ("http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"):
        assert WebSettings(public_url=url, insecure_cookies=True).origin == url
    for url in ("https://leads.example.com", "http://leads.example.com", "http://10.0.0.5", "https://127.0.0.1"):
        with pytest.raises(ValueError, match="insecure_cookies"):
            WebSettings(public_url=url, insecure_cookies=True)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"public_url": "leads.example.com"}, "public_url"),
        ({"public_url": "ftp://leads.example.com"}, "public_url"),
        ({"public_url": "https://leads.example.com/hub"}, "public_url"),
        ({"public_url": "https://leads.example.com", "trusted_proxies": ("nginx",)}, "trusted_proxies"),
    ],
)
def test_a_bad_setting_is_named(values: dict, name: str) -> None:
    """The start stops with the setting's name and what to write."""
    with pytest.raises(ValueError, match=name):
        WebSettings(**values)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://leads.example.com", "https://leads.example.com"),
        ("https://Leads.example.com:443/", "https://leads.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_the_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    """Lower case, default port left out."""
    assert WebSettings(public_url=url).origin == origin
