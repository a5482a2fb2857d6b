"""Signing in at a platform: the start over the API, and the platform's redirect back to us (AD-07).

The browser is known by a cookie of its own that lives ten minutes and is bound to nothing but the browser; the
state of the request is bound to it, to the user and to the organisation.
"""

import secrets
from datetime import timedelta
from uuid import UUID

import structlog
from aiohttp import web
from pydantic import BaseModel, SecretStr

from hub.connector.errors import ConnectorError
from hub.core.accounts.permissions import Permission
from hub.core.connections.apps import UnknownAppError
from hub.core.connections.authorisation_requests import CallbackRefusedError, Visitor
from hub.core.connections.establishing import Authorisation
from hub.core.connections.service import UnknownConnectionError
from hub.core.connections.state import EventRefusedError
from hub.web.api.authentication import authenticate
from hub.web.api.connection_failures import connection_failures
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.pages import show_page
from hub.web.services import SERVICES, WebSettings
from hub.web.working_parts import WorkingParts

log = structlog.get_logger(__name__)

AUTHORISATIONS = RouteGroup("Platform integration", failures=connection_failures)
CALLBACK = "/oauth/callback"
VALID_FOR = timedelta(minutes=10)
_ADD = Permission("connections", "add")

oauth_routes = web.RouteTableDef()


class NewAuthorisation(Input):
    """``connection_id`` to authorise a known connection again (re-sync); without it a new account is connected."""

    app_id: UUID
    connection_id: UUID | None = None


class Started(BaseModel):
    """Where to send the browser now."""

    url: str


@AUTHORISATIONS.route(
    "POST",
    "/api/v1/authorisations",
    permission=_ADD,
    body=NewAuthorisation,
    answers=Started,
    status=201,
    summary="Begin to sign in at a platform",
)
async def begin(call: Call[NoInput, NoInput, NewAuthorisation]) -> Started:
    """Sets a short-lived cookie that the platform's redirect is checked against."""
    browser = secrets.token_urlsafe(32)
    working, settings = call.services.get(WorkingParts), call.services.settings
    visitor = Visitor(call.reach.organisation_id, call.principal.user_id, SecretStr(browser))
    url = await working.authoriser.begin(
        visitor, call.body.app_id, f"{settings.origin}{CALLBACK}", connection_id=call.body.connection_id
    )
    call.reply.headers["Set-Cookie"] = _cookie(settings, browser)
    return Started(url=working.reachable(url))


@oauth_routes.get(CALLBACK)
async def callback(request: web.Request) -> web.StreamResponse:
    """The platform's redirect: everything is checked, and the person reads in plain words how it went."""
    services = request.app[SERVICES]
    identity = await authenticate(request, services, touch=True)
    principal, browser = identity.caller, request.cookies.get(_name(services.settings), "")
    if principal is None or principal.permissions.scope(_ADD) is None:
        return show_page("message.html", 403, title="Not signed in", text=_NOT_SIGNED_IN)
    working = services.get(WorkingParts)
    visitor = Visitor(principal.organisation_id, principal.user_id, SecretStr(browser))
    try:
        done = await working.authoriser.complete(
            visitor, dict(request.query), f"{services.settings.origin}{CALLBACK}", actor=principal.actor
        )
    except (CallbackRefusedError, EventRefusedError, ConnectorError) as refused:
        log.info("authorisation_refused", code=refused.code)
        return show_page("message.html", 400, title="Not connected", text=refused.user_message)
    except (UnknownAppError, UnknownConnectionError) as gone:
        return show_page("message.html", 404, title="Not connected", text=str(gone))
    await working.on_connected(principal.organisation_id, done.connection_id)
    return _connected(done)


_NOT_SIGNED_IN = "Sign in to the hub in this browser first, with a right to connect accounts, then connect again."


def _connected(done: Authorisation) -> web.Response:
    text = f"{done.account.name} is connected. Its forms are being listed and its leads read."
    return show_page("message.html", 200, title="Connected", text=text, points=list(done.missing_rights), done=True)


def _name(settings: WebSettings) -> str:
    return "leadhub-connect" if settings.insecure_cookies else "__Host-leadhub-connect"


def _cookie(settings: WebSettings, value: str) -> str:
    secure = "" if settings.insecure_cookies else "; Secure"
    seconds = round(VALID_FOR.total_seconds())
    return f"{_name(settings)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"
