"""Signing in: passwords, limits, cookies, sessions (AD-04, AD-05)."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from hub.core.accounts.models import sessions
from hub.core.accounts.secrets import fingerprint
from hub.core.organisations.models import users
from hub.db.guard import ALL_ORGANISATIONS
from hub.testing.clock import VirtualClock
from hub.web.cookies import SECURE_NAME
from tests.web.conftest import ORIGIN, PASSWORD, Hub

ALL = {ALL_ORGANISATIONS: "a test looks at every row"}


def cookie(answer) -> str:
    return answer.cookies[SECURE_NAME].value


@pytest.mark.proves("AD-04")
async def test_sign_in_sets_a_host_cookie_with_every_flag(hub: Hub) -> None:
    """__Host- prefix, Secure, HttpOnly, SameSite=Lax, Path=/, no Domain, no lifetime in the browser."""
    answer = await hub.sign_in(hub.mine.emails["Sales"])
    assert answer.status == 200
    morsel = answer.cookies[SECURE_NAME]
    assert morsel.key.startswith("__Host-")
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, True, "Lax", "/")
    assert not morsel["domain"]
    assert not morsel["max-age"]
    assert not morsel["expires"]
    assert len(morsel.value) >= 43  # 256 bits in base64url


@pytest.mark.proves("AD-04")
async def test_the_database_holds_only_the_hash(hub: Hub) -> None:
    """Nobody who reads the table can use a session."""
    token = cookie(await hub.sign_in(hub.mine.emails["Sales"]))
    rows = hub.services.database.read_now(lambda c: c.execute(sa.select(sessions).execution_options(**ALL)).all())
    assert [row.token_sha256 for row in rows] == [fingerprint(token)]
    assert token not in str(rows)


@pytest.mark.proves("AD-04")
async def test_fixation_is_useless(hub: Hub) -> None:
    """A value planted before the sign-in is never accepted afterwards; a session held before ends."""
    planted = "attacker-chosen-value-0123456789abcdef0123"
    answer = await hub.sign_in(hub.mine.emails["Sales"], session=planted)
    fresh = cookie(answer)
    assert fresh != planted
    assert (await hub.ask("GET", "/api/v1/session", session=planted)).status == 401
    again = cookie(await hub.sign_in(hub.mine.emails["Sales"], session=fresh))
    assert again != fresh
    assert (await hub.ask("GET", "/api/v1/session", session=fresh)).status == 401
    assert (await hub.ask("GET", "/api/v1/session", session=again)).status == 200


@pytest.mark.proves("AD-04")
async def test_idle_after_30_minutes(hub: Hub, clock: VirtualClock) -> None:
    """Use keeps a session alive; 30 minutes without end it."""
    token = cookie(await hub.sign_in(hub.mine.emails["Sales"]))
    for _ in range(3):
        clock.advance(timedelta(minutes=29, seconds=59))
        assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 200
    clock.advance(timedelta(minutes=30))
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 401


@pytest.mark.proves("AD-04")
async def test_absolute_end_after_12_hours(hub: Hub, clock: VirtualClock) -> None:
    """However busy, a session ends after 12 hours."""
    token = cookie(await hub.sign_in(hub.mine.emails["Sales"]))
    for _ in range(12 * 3 - 1):
        clock.advance(timedelta(minutes=20))
        assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 200
    clock.advance(timedelta(minutes=20))
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 401


@pytest.mark.proves("AD-04")
async def test_switching_an_account_off_acts_at_once(hub: Hub) -> None:
    """The very next request of that person is refused, and so is their sign-in."""
    token = hub.token_of(hub.mine.user_ids["Sales"])
    path = f"/api/v1/users/{hub.mine.user_ids['Sales']}"
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 200
    assert (await hub.ask("PATCH", path, as_role="Administrator", body={"is_active": False})).status == 200
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 401
    assert (await hub.sign_in(hub.mine.emails["Sales"])).status == 401


@pytest.mark.proves("AD-04")
async def test_switching_off_behind_our_back_acts_at_once(hub: Hub) -> None:
    """Even if no session was ended, the account's state is read with every request."""
    token = hub.token_of(hub.mine.user_ids["Sales"])
    hub.services.database.write_now(
        lambda c: c.execute(sa.update(users).values(is_active=False).execution_options(**ALL))
    )
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 401


@pytest.mark.proves("AD-04")
async def test_a_role_change_ends_sessions_and_renews_ones_own(hub: Hub) -> None:
    """Other holders sign in again; who changed their own role gets a new cookie and the old one dies."""
    database = hub.services.database
    role = await hub.ask(
        "POST", "/api/v1/roles", as_role="Administrator", body={"name": "Deputy", "permissions": ["leads:view:own"]}
    )
    sales = hub.token_of(hub.mine.user_ids["Sales"])
    change = {"role_id": role.json["id"]}
    await hub.ask("PATCH", f"/api/v1/users/{hub.mine.user_ids['Sales']}", as_role="Administrator", body=change)
    assert (await hub.ask("GET", "/api/v1/session", session=sales)).status == 401
    admin = hub.token_of(hub.mine.user_ids["Administrator"])
    other_admin_session = hub.token_of(hub.mine.user_ids["Administrator"])
    same = {"role_id": str(hub.mine.role_ids["Administrator"])}
    own = await hub.ask("PATCH", f"/api/v1/users/{hub.mine.user_ids['Administrator']}", session=admin, body=same)
    assert own.status == 200
    assert (await hub.ask("GET", "/api/v1/session", session=admin)).status == 401
    assert (await hub.ask("GET", "/api/v1/session", session=other_admin_session)).status == 401
    assert (await hub.ask("GET", "/api/v1/session", session=cookie(own))).status == 200
    assert database is hub.services.database


@pytest.mark.proves("AD-04")
async def test_sessions_are_listed_and_revocable(hub: Hub) -> None:
    """One sees one's own places only, and can end each; nobody else's."""
    here, there = (hub.token_of(hub.mine.user_ids["Sales"]) for _ in range(2))
    hub.token_of(hub.mine.user_ids["Manager"])
    listed = (await hub.ask("GET", "/api/v1/sessions", session=here)).json["items"]
    assert len(listed) == 2
    assert sum(one["is_this"] for one in listed) == 1
    far = next(one["id"] for one in listed if not one["is_this"])
    manager = hub.token_of(hub.mine.user_ids["Manager"])
    assert (await hub.ask("DELETE", f"/api/v1/sessions/{far}", session=manager)).status == 404
    assert (await hub.ask("DELETE", f"/api/v1/sessions/{far}", session=here)).status == 204
    assert (await hub.ask("GET", "/api/v1/session", session=there)).status == 401


async def test_signing_out_ends_the_session_on_the_server(hub: Hub) -> None:
    """The cookie is removed, and worthless to whoever copied it."""
    token = hub.token_of(hub.mine.user_ids["Sales"])
    answer = await hub.ask("DELETE", "/api/v1/session", session=token)
    assert answer.status == 204
    assert answer.cookies[SECURE_NAME]["max-age"] == "0"
    assert (await hub.ask("GET", "/api/v1/session", session=token)).status == 401


@pytest.mark.proves("AD-05")
async def test_unknown_wrong_and_disabled_look_alike(hub: Hub) -> None:
    """Status and text do not tell whether the account exists, and each of them costs one hash."""
    hashed: list[str] = []
    plain = hub.services.passwords._verify_now
    hub.services.passwords._verify_now = lambda stored, password: (hashed.append(stored), plain(stored, password))[1]  # type: ignore[method-assign]
    try:
        wrong = await hub.sign_in(hub.mine.emails["Sales"], "not the right password")
        unknown = await hub.sign_in("nobody@mine.example.com", "not the right password")
        hub.services.database.write_now(
            lambda c: c.execute(sa.update(users).values(is_active=False).execution_options(**ALL))
        )
        disabled = await hub.sign_in(hub.mine.emails["Sales"])
    finally:
        del hub.services.passwords._verify_now
    assert [one.status for one in (wrong, unknown, disabled)] == [401, 401, 401]
    assert len({(one.json["detail"], one.json["type"]) for one in (wrong, unknown, disabled)}) == 1
    assert len(hashed) == 3
    assert all(one.startswith("$argon2id$v=19$m=19968,t=2,p=1$") for one in hashed)


@pytest.mark.proves("AD-05")
async def test_ten_attempts_per_user_and_address(hub: Hub, clock: VirtualClock) -> None:
    """The tenth is looked at, the eleventh is not, even with the right password; later it is again."""
    email = hub.mine.emails["Sales"]
    assert [(await hub.sign_in(email, "wrong wrong wrong")).status for _ in range(10)] == [401] * 10
    refused = await hub.sign_in(email)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await hub.sign_in(hub.mine.emails["Manager"])).status == 200
    clock.advance(timedelta(minutes=10))
    assert (await hub.sign_in(email)).status == 200


@pytest.mark.proves("AD-05")
async def test_a_hundred_parallel_sign_ins_share_the_limit(hub: Hub) -> None:
    """Guessing in parallel gains nothing: at most ten of a hundred are looked at, and none is a server error."""
    answers = await asyncio.gather(*(hub.sign_in(hub.mine.emails["Sales"], "wrong wrong wrong") for _ in range(100)))
    statuses = [one.status for one in answers]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 90


@pytest.mark.proves("AD-05")
async def test_a_thousand_attempts_in_all(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the total nobody is looked at, from whatever address; refused ones are not counted."""
    monkeypatch.setattr("hub.core.accounts.sign_in.ATTEMPTS_OF_ALL", 3)
    statuses = [(await hub.sign_in(f"nobody{n}@mine.example.com")).status for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


async def test_sign_in_with_database_gone_is_503(hub: Hub) -> None:
    """Trouble of the server is never a wrong password (administration fails closed)."""
    engine = hub.services.database._writing_engine

    def broken(*_args: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("gone"))

    sa.event.listen(engine, "before_execute", broken)
    try:
        answer = await hub.sign_in(hub.mine.emails["Sales"])
    finally:
        sa.event.remove(engine, "before_execute", broken)
    assert answer.status == 503
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "12 to 128"),
        ("x" * 129, None),
        ("password1234", "tried first"),
        ("P@ssw0rd12345", "tried first"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("123456789012", "tried first"),
        ("correct horse battery staple", "tried first"),
        ("mine-mine-2026", "tried first"),
        ("sales@mine.example.com", "tried first"),
    ],
)
@pytest.mark.proves("AD-05")
async def test_a_weak_new_password_is_refused(hub: Hub, password: str, why: str | None) -> None:
    """Length, the commonest passwords, organisation and e-mail parts."""
    body = {"current": PASSWORD, "new": password}
    answer = await hub.ask("PUT", "/api/v1/session/password", as_role="Sales", body=body)
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/new"
    assert why is None or why in answer.json["errors"][0]["detail"]


async def test_changing_the_password_ends_other_sessions(hub: Hub) -> None:
    """The own session goes on under a new cookie; the old password is no longer accepted."""
    elsewhere, here = (hub.token_of(hub.mine.user_ids["Sales"]) for _ in range(2))
    wrong = {"current": "not my password at all", "new": "lantern gravel opera tundra"}
    assert (await hub.ask("PUT", "/api/v1/session/password", session=here, body=wrong)).status == 422
    body = {"current": PASSWORD, "new": "lantern gravel opera tundra"}
    answer = await hub.ask("PUT", "/api/v1/session/password", session=here, body=body)
    assert answer.status == 204
    for dead in (elsewhere, here):
        assert (await hub.ask("GET", "/api/v1/session", session=dead)).status == 401
    assert (await hub.ask("GET", "/api/v1/session", session=cookie(answer))).status == 200
    assert (await hub.sign_in(hub.mine.emails["Sales"])).status == 401
    assert (await hub.sign_in(hub.mine.emails["Sales"], body["new"])).status == 200


async def test_an_invited_person_chooses_a_password_once(hub: Hub, clock: VirtualClock) -> None:
    """No password is known to anybody else; the link works once and expires."""
    new = {"name": "Ada", "email": "Ada@New.example.com", "role_id": str(hub.mine.role_ids["Sales"])}
    made = await hub.ask("POST", "/api/v1/users", as_role="Administrator", body=new)
    assert made.status == 201
    assert made.json["user"]["has_password"] is False
    body = {"token": made.json["password_token"], "password": "lantern gravel opera tundra"}
    assert (await hub.ask("POST", "/api/v1/password", body=body)).status == 204
    assert (await hub.ask("POST", "/api/v1/password", body=body)).status == 401
    assert (await hub.sign_in("ada@new.example.com", body["password"])).status == 200
    link = f"/api/v1/users/{made.json['user']['id']}/password-link"
    late = (await hub.ask("POST", link, as_role="Administrator")).json["password_token"]
    clock.advance(timedelta(days=3))
    assert (await hub.ask("POST", "/api/v1/password", body={**body, "token": late})).status == 401


def test_origin_is_what_browsers_send() -> None:
    """The constant of these tests is the public address of the settings."""
    assert ORIGIN.count("/") == 2
