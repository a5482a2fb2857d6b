"""Signing in and out, one's own account and sessions, and the first set-up."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.core.accounts import first_run, links, places, sessions, sign_in
from hub.core.accounts.errors import NotFoundError
from hub.core.accounts.passwords import check_new_password
from hub.core.accounts.permissions import Permission
from hub.web.api.failures import account_failures
from hub.web.api.fields import Country, Email, Language, Name, Password, Secret, TimeZone
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.csrf import csrf_token
from hub.web.redirects import local_path
from hub.web.services import WebServices

ACCOUNT = RouteGroup("Account", failures=account_failures)
_VIEW, _EDIT = Permission("own_account", "view"), Permission("own_account", "edit")
_SIGN_IN = Permission("sign_in", "add")


class Credentials(Input):
    """``next`` is where the person wanted to go; only a path on this hub is given back."""

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: Password
    next: Annotated[str, Field(max_length=2_000)] | None = None


class SignedIn(BaseModel):
    """Where to go now; the session is in the cookie."""

    next: str


class Me(BaseModel):
    """The caller. ``csrf_token`` is for clients that send neither Sec-Fetch-Site nor Origin; None for API keys."""

    user_id: UUID
    name: str
    organisation_id: UUID
    organisation: str
    permissions: list[str]
    centre_ids: list[UUID]
    is_api_key: bool
    csrf_token: str | None


class SessionShown(BaseModel):
    """A place where one is signed in."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_until: datetime
    is_this: bool = False


class Sessions(BaseModel):
    """All living sessions of the caller, newest first."""

    items: list[SessionShown]


class SessionPath(Input):
    """One session."""

    session_id: UUID


class NewPassword(Input):
    """``current`` is asked for so that an unattended browser is not enough."""

    current: Password
    new: Password


class ChosenPassword(Input):
    """``token`` from the link."""

    token: Secret
    password: Password


class FirstOrganisation(Input):
    """The organisation to begin with."""

    name: Name
    country: Country
    language: Language
    time_zone: TimeZone


class FirstAdministrator(Input):
    """Who may do everything at first."""

    name: Name
    email: Email
    password: Password


class FirstRun(Input):
    """``token`` from the link that the server prints at its first start."""

    token: Secret
    organisation: FirstOrganisation
    administrator: FirstAdministrator


@ACCOUNT.route("POST", "/api/v1/session", permission=_SIGN_IN, body=Credentials, answers=SignedIn, summary="Sign in")
async def begin_session(call: Call[NoInput, NoInput, Credentials]) -> SignedIn:
    """A new session each time; one that the browser had already ends."""
    services = call.services
    token = await sign_in.sign_in(
        services.database,
        services.passwords,
        services.clock,
        email=call.body.email,
        password=call.body.password,
        visitor=call.visitor,
    )
    await _end_present(call)
    call.reply.session = token
    return SignedIn(next=local_path(call.body.next))


@ACCOUNT.route("DELETE", "/api/v1/session", permission=_EDIT, summary="Sign out")
async def leave(call: Call) -> None:
    """Ends this session on the server and removes the cookie."""
    await _end_present(call)
    call.reply.session = ""


@ACCOUNT.route("GET", "/api/v1/session", permission=_VIEW, answers=Me, summary="Who am I, and what may I do")
async def show_me(call: Call) -> Me:
    """For the console, and for an API key to look at itself."""
    principal = call.principal
    organisation = await call.services.database.read(places.find_organisation, principal.organisation_id)
    token = call.session_token
    return Me(
        user_id=principal.user_id,
        name=principal.name,
        organisation_id=principal.organisation_id,
        organisation=organisation.name,
        permissions=principal.permissions.texts(),
        centre_ids=sorted(principal.centre_ids),
        is_api_key=principal.api_key_id is not None,
        csrf_token=csrf_token(token) if token is not None and principal.session_id is not None else None,
    )


@ACCOUNT.route("PUT", "/api/v1/session/password", permission=_EDIT, body=NewPassword, summary="Change my password")
async def replace_password(call: Call[NoInput, NoInput, NewPassword]) -> None:
    """Every other session of mine ends; this one gets a new cookie."""
    services = call.services
    call.reply.session = await sign_in.change_own_password(
        services.database,
        services.passwords,
        services.clock,
        call.principal,
        current=call.body.current,
        new=call.body.new,
        network=call.visitor.network,
    )


@ACCOUNT.route("GET", "/api/v1/sessions", permission=_VIEW, answers=Sessions, summary="Where I am signed in")
async def list_sessions(call: Call) -> Sessions:
    """The caller's own sessions only."""
    me = call.principal
    rows = await call.services.database.read(sessions.sessions_of_user, me.organisation_id, me.user_id, call.now)
    shown = [SessionShown.model_validate(row) for row in rows]
    return Sessions(items=[one.model_copy(update={"is_this": one.id == me.session_id}) for one in shown])


@ACCOUNT.route(
    "DELETE", "/api/v1/sessions/{session_id}", permission=_EDIT, path=SessionPath, summary="End one of my sessions"
)
async def revoke_session(call: Call[SessionPath]) -> None:
    """Acts at once."""
    me = call.principal
    if not await call.services.database.write(
        sessions.end_session, me.organisation_id, me.user_id, call.path.session_id
    ):
        raise NotFoundError("There is no such session; it may have ended already.")


@ACCOUNT.route(
    "POST", "/api/v1/password", permission=_SIGN_IN, body=ChosenPassword, summary="Choose a password by a link"
)
async def choose_password(call: Call[NoInput, NoInput, ChosenPassword]) -> None:
    """The link works once; all sessions of the person end."""
    services = call.services
    await sign_in.choose_password(
        services.database,
        services.passwords,
        services.clock,
        token=call.body.token,
        password=call.body.password,
    )


@ACCOUNT.route(
    "POST",
    "/api/v1/first-run",
    permission=Permission("first_run", "add"),
    body=FirstRun,
    answers=SignedIn,
    summary="Set up the first organisation and its administrator",
)
async def set_up(call: Call[NoInput, NoInput, FirstRun]) -> SignedIn:
    """Works with the link of the first start, once."""
    services, body = call.services, call.body
    chosen = body.administrator
    await services.database.read(links.require_living_link, body.token, "first_run", call.now)
    check_new_password(
        chosen.password,
        personal=(chosen.email, chosen.name, body.organisation.name),
        pointer="/administrator/password",
    )
    hashed = await services.passwords.hash(chosen.password)
    call.reply.session = await services.database.write(_redeem, services, body, hashed, call)
    return SignedIn(next="/")


def _redeem(
    connection: Connection, services: WebServices, body: FirstRun, hashed: str, call: Call[NoInput, NoInput, FirstRun]
) -> str:
    return first_run.redeem_first_run_link(
        connection,
        body.token,
        first_run.NewOrganisation(**body.organisation.model_dump()),
        first_run.NewPerson(name=body.administrator.name, email=body.administrator.email, password_hash=hashed),
        visitor=call.visitor,
        now=call.now,
        set_up=services.set_up,
    )


async def _end_present(call: Call[NoInput, NoInput, Credentials] | Call) -> None:
    me = call.caller
    if me is not None and me.session_id is not None:
        await call.services.database.write(sessions.end_session, me.organisation_id, me.user_id, me.session_id)
