"""Connecting an account through a strict server: the way it goes, and fourteen ways in which it must not."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from hub.connector.access import Access
from hub.connector.errors import PartAccessLostError, PermanentError, ReauthorizationNeededError
from hub.core.audit.models import audit_records
from hub.core.connections import grants
from hub.core.connections.authorisation_requests import CallbackRefusedError, Visitor
from hub.core.connections.models import authorisation_requests, connections
from hub.core.connections.parts import NOT_SHARED, route, set_centre
from hub.core.connections.queries import ConnectionOverview, MissingRight, load_connection
from hub.core.connections.sealed_columns import SEALED_COLUMNS, unreadable_values
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import UnknownConnectionError, deactivate, lose_grant
from hub.core.connections.state import ConnectionState, EventRefusedError
from hub.core.organisations.models import centres, roles
from hub.core.outbox.models import outbox_events
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.testing.clock import VirtualClock
from tests.oauth.harness import CONNECTOR, Hub, Place, add_place, add_user, keyring, open_hub
from tests.oauth.strict_server import REDIRECT_URI, StrictServer

EVERYTHING = {ALL_ORGANISATIONS: "a test looks at all rows"}


@dataclass
class Stage:
    """A hub, the server, and somebody at a browser."""

    hub: Hub
    server: StrictServer
    place: Place
    visitor: Visitor

    async def begin(self, **options) -> str:
        """The address that the browser is sent to."""
        return await self.hub.authoriser.begin(self.visitor, self.place.app_id, REDIRECT_URI, **options)

    async def consent(self, url: str) -> dict[str, str]:
        """Sign in and agree; the parameters that come back."""
        parts = urlsplit(url)
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(f"{self.server.url}{parts.path}?{parts.query}", allow_redirects=False) as answer,
        ):
            return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def complete(self, params: dict[str, str], visitor: Visitor | None = None, redirect_uri: str = REDIRECT_URI):
        """Come back."""
        return await self.hub.authoriser.complete(visitor or self.visitor, params, redirect_uri, actor="ada")

    async def sign_in(self, **options):
        """All of it."""
        return await self.complete(await self.consent(await self.begin(**options)))

    def overview(self, connection_id=None) -> ConnectionOverview:
        """What a page shows."""
        return self.hub.database.read_now(
            load_connection,
            self.place.organisation_id,
            connection_id or self.place.connection_id,
            {"strict": CONNECTOR},
            self.hub.clock.now(),
        )


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    """A place whose connection knows its account and has no grant."""
    clock = VirtualClock()
    async with StrictServer() as server, open_hub(database, clock, server.url) as hub:
        place = database.write_now(add_place, Sealer(keyring(), clock), clock.now())
        visitor = Visitor(place.organisation_id, place.user_id, SecretStr("browser-1"))
        yield Stage(hub, server, place, visitor)


@pytest.mark.proves("Z-185", "Z-191", "TK-07")
async def test_an_account_is_connected_and_its_gaps_are_named(stage: Stage) -> None:
    """Two of four scopes and one page without its right: saved as limited, with right, page and centre."""
    stage.server.granted = "leads forms"
    stage.server.parts = ("1", "2-closed", "3")
    url = await stage.begin()
    assert "code_challenge_method=S256" in url
    assert "client-secret-canary" not in url
    done = await stage.complete(await stage.consent(url))
    assert done.connection_id == stage.place.connection_id
    assert done.missing_rights == ("List pages", "Read campaigns", "Lead access")
    centre_id = stage.hub.database.write_now(_add_centre, stage)
    place = (stage.place.organisation_id, done.connection_id)
    stage.hub.database.write_now(set_centre, *place, "2-closed", centre_id, actor="ada", now=stage.hub.clock.now())
    shown = stage.overview()
    assert (shown.state, shown.label, shown.is_limited) == (ConnectionState.ACTIVE, "Integration is active", True)
    assert shown.missing_rights == (
        MissingRight("List pages"),
        MissingRight("Read campaigns"),
        MissingRight("Lead access", "Page 2-closed", "Centre North"),
    )

    stage.server.granted, stage.server.parts = None, ("1", "2-closed")
    await stage.sign_in(connection_id=done.connection_id)
    shown = stage.overview()
    assert [(part.part_id, part.centre_name, part.missing_rights) for part in shown.parts] == [
        ("1", None, ()),
        ("2-closed", "Centre North", ("Lead access",)),
        ("3", None, (NOT_SHARED,)),
    ]
    assert {each.part_name for each in shown.missing_rights} == {"Page 2-closed", "Page 3"}


def _add_centre(connection: sa.Connection, stage: Stage):
    centre_id = new_id()
    connection.execute(
        sa.insert(centres).values(
            id=centre_id,
            organisation_id=stage.place.organisation_id,
            name="Centre North",
            code="north",
            time_zone="Europe/Berlin",
            created_at=stage.hub.clock.now(),
        )
    )
    return centre_id


async def test_signing_in_again_renews_the_connection_instead_of_doubling_it(stage: Stage) -> None:
    """Without a connection named: the same account finds its connection, another one makes a new one."""
    again = await stage.sign_in()
    assert again.connection_id == stage.place.connection_id
    stage.server.account = "account-2"
    other = await stage.sign_in()
    assert other.connection_id != stage.place.connection_id
    assert other.state is ConnectionState.ACTIVE
    routed = stage.hub.database.read_now(route, "strict", stage.place.app_id, "part-1")
    active = ConnectionState.ACTIVE
    assert [(connection_id, state) for _, connection_id, state in routed] == [
        (again.connection_id, active),
        (other.connection_id, active),
    ]
    assert stage.hub.database.read_now(route, "strict", stage.place.app_id, "part-9") == []
    assert len(stage.hub.database.read_now(route, "strict", stage.place.app_id, None)) == 2


async def test_a_switched_off_connection_stays_off_with_its_new_grant(stage: Stage) -> None:
    """Signing in renews the grant; switching on is another decision."""
    where = (stage.place.organisation_id, stage.place.connection_id)
    await stage.sign_in()
    stage.hub.database.write_now(deactivate, *where, actor="ada", now=stage.hub.clock.now())
    done = await stage.sign_in(connection_id=stage.place.connection_id)
    assert (done.state, stage.overview().label) == (ConnectionState.INACTIVE, "Inactive")
    assert stage.overview().has_grant


async def test_only_the_same_account_brings_a_lost_connection_back(stage: Stage) -> None:
    """Another account is refused and nothing of it is stored; the right one makes it active, others stay as they
    were."""
    stage.server.account = "account-2"
    other = (await stage.sign_in()).connection_id
    stage.server.account = "account-1"
    await stage.sign_in()
    where = (stage.place.organisation_id, stage.place.connection_id)
    lost = {"reason": "revoked", "user_message": "Sign in again.", "now": stage.hub.clock.now()}
    assert stage.hub.database.write_now(lose_grant, *where, **lost)
    assert not stage.hub.database.write_now(lose_grant, *where, **lost)
    assert stage.overview().label == "Authorization is needed"
    stage.server.account = "account-2"
    with pytest.raises(EventRefusedError) as caught:
        await stage.sign_in(connection_id=stage.place.connection_id)
    assert caught.value.code == "wrong_account"
    assert not stage.overview().has_grant
    stage.server.account = "account-1"
    await stage.sign_in(connection_id=stage.place.connection_id)
    assert stage.overview().label == "Integration is active"
    assert stage.overview(other).label == "Integration is active"


Attack = Callable[[Stage, dict[str, str]], Awaitable[object]]


async def unknown_state(stage: Stage, params: dict[str, str]) -> object:
    """A state that was never given out."""
    return await stage.complete({**params, "state": "invented"})


async def no_state(stage: Stage, params: dict[str, str]) -> object:
    """Cross-site request forgery in its plainest form."""
    return await stage.complete({name: value for name, value in params.items() if name != "state"})


async def replay(stage: Stage, params: dict[str, str]) -> object:
    """The same redirect a second time."""
    await stage.complete(params)
    return await stage.complete(params)


async def late(stage: Stage, params: dict[str, str]) -> object:
    """Ten minutes later."""
    stage.hub.clock.advance(timedelta(minutes=10))
    return await stage.complete(params)


async def other_browser(stage: Stage, params: dict[str, str]) -> object:
    """The victim follows a link with the attacker's state and code."""
    return await stage.complete(params, replace(stage.visitor, browser_secret=SecretStr("browser-2")))


async def no_browser_cookie(stage: Stage, params: dict[str, str]) -> object:
    """The cookie is gone."""
    return await stage.complete(params, replace(stage.visitor, browser_secret=SecretStr("")))


async def other_user(stage: Stage, params: dict[str, str]) -> object:
    """A colleague's session in the same browser."""
    return await stage.complete(params, replace(stage.visitor, user_id=new_id()))


async def other_organisation(stage: Stage, params: dict[str, str]) -> object:
    """The user changed organisation meanwhile."""
    return await stage.complete(params, replace(stage.visitor, organisation_id=new_id()))


async def other_redirect_address(stage: Stage, params: dict[str, str]) -> object:
    """The answer arrives at another platform's call-back (mix-up)."""
    return await stage.complete(params, redirect_uri="https://hub.example.com/oauth/other")


async def other_issuer(stage: Stage, params: dict[str, str]) -> object:
    """Another server answers (mix-up, RFC 9207)."""
    return await stage.complete({**params, "iss": "https://evil.example"})


async def no_issuer(stage: Stage, params: dict[str, str]) -> object:
    """The issuer was stripped."""
    return await stage.complete({name: value for name, value in params.items() if name != "iss"})


async def injected_code(stage: Stage, params: dict[str, str]) -> object:
    """The attacker's code in the victim's session: its challenge is another one."""
    foreign = await stage.consent(await stage.begin())
    return await stage.complete({**params, "code": foreign["code"]})


async def denial_then_success(stage: Stage, params: dict[str, str]) -> object:
    """A refusal uses the state up."""
    with pytest.raises(CallbackRefusedError, match="not granted"):
        await stage.complete({**params, "error": "access_denied"})
    return await stage.complete(params)


async def verifier_from_another_row(stage: Stage, params: dict[str, str]) -> object:
    """Whoever can write to the database gives the victim's request the verifier of a request of his own."""
    foreign = await stage.consent(await stage.begin())
    stage.hub.database.write_now(_give_verifier, foreign["state"], params["state"])
    return await stage.complete({**params, "code": foreign["code"]})


def _give_verifier(connection: sa.Connection, taken_from: str, given_to: str) -> None:
    row = authorisation_requests.c
    digests = [hashlib.sha256(state.encode()).hexdigest() for state in (taken_from, given_to)]
    foreign = connection.scalar(
        sa.select(row.code_verifier).where(row.state_sha256 == digests[0]).execution_options(**EVERYTHING)
    )
    changed = connection.execute(
        sa.update(authorisation_requests)
        .where(row.state_sha256 == digests[1])
        .values(code_verifier=foreign)
        .execution_options(**EVERYTHING)
    )
    assert changed.rowcount == 1


ATTACKS: list[tuple[Attack, str]] = [
    (unknown_state, "unknown_state"),
    (no_state, "unknown_state"),
    (replay, "used_state"),
    (late, "expired_state"),
    (other_browser, "other_browser"),
    (no_browser_cookie, "other_browser"),
    (other_user, "other_user"),
    (other_organisation, "other_organisation"),
    (other_redirect_address, "other_redirect_uri"),
    (other_issuer, "wrong_issuer"),
    (no_issuer, "wrong_issuer"),
    (injected_code, "invalid_grant"),
    (denial_then_success, "used_state"),
    (verifier_from_another_row, "unreadable_request"),
]


@pytest.mark.proves("AD-07")
async def test_fourteen_attacks_on_the_redirect_fail(stage: Stage) -> None:
    """Each is refused for its own reason, stores no grant, and leaves the state good for nothing."""
    assert len(ATTACKS) == 14
    for attack, expected in ATTACKS:
        params = await stage.consent(await stage.begin())
        with pytest.raises(Exception) as caught:
            await attack(stage, params)
        assert getattr(caught.value, "code", None) == expected, attack.__name__
        stored = stage.hub.database.read_now(
            grants.load, stage.hub.sealer, stage.place.organisation_id, stage.place.connection_id
        )
        assert (stored is not None) == (attack is replay), attack.__name__
        stage.hub.database.write_now(grants.destroy, stage.place.organisation_id, stage.place.connection_id)
        if attack not in (unknown_state, no_state):
            with pytest.raises(CallbackRefusedError) as again:
                await stage.complete(params)
            assert again.value.code == "used_state", attack.__name__
        stage.hub.database.write_now(
            lambda connection: connection.execute(sa.delete(authorisation_requests).execution_options(**EVERYTHING))
        )


@pytest.mark.proves("AD-07")
async def test_a_redirect_followed_twice_at_once_is_exchanged_once(stage: Stage) -> None:
    """A double click, or a thief racing the owner."""
    params = await stage.consent(await stage.begin())
    outcomes = await asyncio.gather(*(stage.complete(params) for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, CallbackRefusedError)]
    assert len(refused) == 7
    assert len(stage.server.requests) == 1


async def test_state_verifier_and_browser_secret_are_not_stored_in_the_clear(stage: Stage) -> None:
    """Who reads the table can neither answer a request nor take one over."""
    state = dict(parse_qsl(urlsplit(await stage.begin()).query))["state"]
    assert len(state) >= 43
    row = stage.hub.database.read_now(
        lambda connection: connection.execute(sa.select(authorisation_requests).execution_options(**EVERYTHING)).one()
    )
    assert state not in str(row)
    assert "browser-1" not in str(row)
    assert row.code_verifier[:1] == b"\x01"


async def test_what_is_not_ours_cannot_be_authorised(stage: Stage) -> None:
    """A connection of another organisation, and an app of another organisation."""
    clock = stage.hub.clock
    foreign = stage.hub.database.write_now(add_place, stage.hub.sealer, clock.now())
    with pytest.raises(UnknownConnectionError):
        await stage.begin(connection_id=foreign.connection_id)
    with pytest.raises(Exception, match="does not exist"):
        await stage.hub.authoriser.begin(stage.visitor, foreign.app_id, REDIRECT_URI)


async def test_a_colleague_may_finish_what_the_next_one_starts_anew(stage: Stage) -> None:
    """Two users of one organisation sign in side by side without disturbing each other."""
    role = stage.hub.database.read_now(
        lambda connection: connection.scalar(
            sa.select(roles.c.id).where(roles.c.organisation_id == stage.place.organisation_id)
        )
    )
    colleague = new_id()
    stage.hub.database.write_now(add_user, stage.place.organisation_id, role, colleague, stage.hub.clock.now())
    mine = await stage.consent(await stage.begin())
    other = replace(stage.visitor, user_id=colleague, browser_secret=SecretStr("browser-2"))
    url = await stage.hub.authoriser.begin(other, stage.place.app_id, REDIRECT_URI)
    await stage.complete(await stage.consent(url), other)
    await stage.complete(mine)


async def test_a_token_refused_before_its_time_is_renewed_before_anybody_is_asked(stage: Stage) -> None:
    """The work runs again with the new token; a right that is missing is told at once."""
    await stage.sign_in()
    where = (stage.place.organisation_id, stage.place.connection_id)
    family = stage.server.families[-1]
    family.access = "replaced-at-the-platform"
    account = await stage.hub.access.run(*where, CONNECTOR.identify)
    assert account.id == "account-1"
    assert stage.server.refreshes == 1
    assert stage.overview().failures_in_row == 0

    family.is_revoked = True
    with pytest.raises(ReauthorizationNeededError):
        await stage.hub.access.run(*where, CONNECTOR.identify)
    assert (stage.overview().state, stage.overview().reason) == (
        ConnectionState.AUTHORIZATION_NEEDED,
        "invalid_grant",
    )


async def test_a_part_out_of_reach_says_nothing_about_the_connection(stage: Stage) -> None:
    """No renewal, no failure, no sign-in: the caller notes it for the part."""
    await stage.sign_in()
    where = (stage.place.organisation_id, stage.place.connection_id)
    calls: list[str] = []

    async def read(access: Access) -> None:
        calls.append("read")
        raise PartAccessLostError("The page is gone.", part_id="1")

    with pytest.raises(PartAccessLostError):
        await stage.hub.access.run(*where, read)
    assert (calls, stage.server.refreshes) == (["read"], 0)
    shown = stage.overview()
    assert (shown.state, shown.failures_in_row, shown.last_error) == (ConnectionState.ACTIVE, 0, None)


async def test_the_end_of_the_admins_clock_asks_to_sign_in(stage: Stage) -> None:
    """No request is made with a grant whose authorisation has ended."""
    await stage.sign_in()
    where = (stage.place.organisation_id, stage.place.connection_id)
    until = stage.hub.clock.now() + timedelta(days=10, hours=1)
    stage.hub.database.write_now(
        lambda connection: connection.execute(
            sa.update(connections)
            .where(connections.c.organisation_id == where[0], connections.c.id == where[1])
            .values(authorised_until=until)
        )
    )
    assert stage.overview().label == "Re-sync needed in 10 days"
    stage.hub.clock.advance(timedelta(days=11))
    with pytest.raises(ReauthorizationNeededError, match="expired"):
        await stage.hub.access.open(*where)
    assert stage.overview().reason == "expired"


@pytest.mark.proves("Z-187", "Z-188", "Z-189", "Z-190")
async def test_leaving_revokes_unsubscribes_and_erases(stage: Stage) -> None:
    """A reason is required first; afterwards no token is stored, and signing in again makes it active."""
    await stage.sign_in()
    where = (stage.place.organisation_id, stage.place.connection_id)
    with pytest.raises(EventRefusedError, match="reason"):
        await stage.hub.disconnector.disconnect(*where, reason=" ", actor="ada")
    assert stage.server.unsubscribed == 0
    await stage.hub.disconnector.disconnect(*where, reason="We moved.", actor="ada")
    assert (stage.server.unsubscribed, len(stage.server.revoked)) == (1, 1)
    shown = stage.overview()
    assert (shown.label, shown.reason, shown.has_grant) == ("Disconnected", "We moved.", False)
    with pytest.raises(EventRefusedError):
        await stage.hub.disconnector.disconnect(*where, reason="again", actor="ada")
    await stage.sign_in(connection_id=where[1])

    stage.server.fails_with = 500
    await stage.hub.disconnector.delete(*where, reason="For good.", actor="ada")
    with pytest.raises(UnknownConnectionError):
        stage.overview()
    last = stage.hub.database.read_now(_last_record, where[0])
    assert last.action == "connection_deleted"
    assert last.detail["reason"] == "For good."
    assert last.detail["failed_at_the_platform"] == {"unsubscribe": "platform_error", "revoke": "platform_error"}


def _last_record(connection: sa.Connection, organisation_id):
    return connection.execute(
        sa.select(audit_records)
        .where(audit_records.c.organisation_id == organisation_id)
        .order_by(audit_records.c.id.desc())
        .limit(1)
    ).one()


@pytest.mark.proves("DA-01")
async def test_no_token_or_secret_is_readable_anywhere(stage: Stage, caplog) -> None:
    """Canaries in tokens and in the app's secret: not in any column, log line or text, and all values open."""
    with caplog.at_level(logging.DEBUG):
        await stage.begin()
        await stage.sign_in()
        access = await stage.hub.access.open(stage.place.organisation_id, stage.place.connection_id)
        stage.server.families[-1].is_revoked = True
        with pytest.raises(ReauthorizationNeededError) as caught:
            await CONNECTOR.identify(access)
    texts = [caplog.text, str(caught.value), repr(access), repr(stage.overview())]
    everything = stage.hub.database.read_now(_every_cell)
    assert "canary" in access.token().get_secret_value()
    assert access._grant.refresh_token is None
    assert not [text for text in (*texts, *everything) if "canary" in text]
    assert stage.hub.database.read_now(unreadable_values, stage.hub.sealer) == []
    stage.hub.database.write_now(_tamper)
    broken = stage.hub.database.read_now(unreadable_values, stage.hub.sealer)
    assert {each.table for each in broken} == {column.table.name for _, column in SEALED_COLUMNS}


def _every_cell(connection: sa.Connection) -> list[str]:
    tables = (connections, authorisation_requests, grants.grants, audit_records, outbox_events)
    return [
        str(cell)
        for table in (*tables, *(column.table for _, column in SEALED_COLUMNS))
        for row in connection.execute(sa.select(table).execution_options(**EVERYTHING))
        for cell in row
    ]


def _tamper(connection: sa.Connection) -> None:
    for key, column in SEALED_COLUMNS:
        for row in connection.execute(sa.select(key, column).execution_options(**EVERYTHING)).all():
            changed = row[1][:-1] + bytes([row[1][-1] ^ 1])
            connection.execute(
                sa.update(column.table).where(key == row[0]).values({column: changed}).execution_options(**EVERYTHING)
            )


async def test_a_connector_that_is_gone_is_named(stage: Stage) -> None:
    """And the connection shows it."""
    stage.hub.access._connectors = {}
    with pytest.raises(PermanentError, match="not installed"):
        await stage.hub.access.open(stage.place.organisation_id, stage.place.connection_id)
    assert "not installed" in (stage.overview().last_error or "")
