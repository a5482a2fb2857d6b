"""What happens around every API route, in this order: CSRF, caller, limit, permission, input, handler, answer."""

from typing import Any

import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars

from hub.connector.text import storable
from hub.core.accounts.principal import Principal
from hub.core.accounts.sign_in import Visitor
from hub.web.api.authentication import authenticate, find_key, unauthenticated
from hub.web.api.input import read_input
from hub.web.api.routing import KEY_HEADER, KEY_LENGTH, Call, Reply, Route
from hub.web.api.streams import LAST_EVENT_ID_LENGTH, EventSource
from hub.web.cookies import read_session, write_session
from hub.web.csrf import SAFE, require_own_site
from hub.web.limits import Claim
from hub.web.problems import Problem, unavailable
from hub.web.proxies import network_of
from hub.web.services import RateClass, WebServices, client_address

_AGENT_LENGTH = 200
_log = structlog.get_logger(__name__)


async def respond(route: Route, request: web.Request, services: WebServices) -> web.StreamResponse:
    """Answer one request to one route."""
    if request.method not in SAFE and find_key(request) is None:
        require_own_site(
            request.headers,
            origin=services.settings.origin,
            session_token=read_session(request, services.settings),
        )
    identity = await authenticate(request, services, touch=route.events is None)
    caller = identity.caller
    visitor = _visitor(request)
    _require_within_limit(services, route, caller, visitor)
    _require_permission(route, caller)
    if caller is not None:
        bind_contextvars(organisation_id=str(caller.organisation_id), actor=caller.actor)
    given = await read_input(route, request)
    call: Call[Any, Any, Any] = Call(
        services=services,
        caller=caller,
        permission=route.permission,
        path=given.path,
        query=given.query,
        body=given.body,
        visitor=visitor,
        now=services.clock.now(),
        session_token=identity.session_token,
        last_event_id=_last_event_id(request),
        idempotency_key=_idempotency_key(request) if route.reads_key else None,
    )
    if route.events is not None:
        return await _stream(route, request, call)
    return await _answer(route, call)


async def _answer(route: Route, call: Call[Any, Any, Any]) -> web.StreamResponse:
    try:
        answer = await route.handler(call)
    except Problem:
        raise
    except Exception as error:
        problem = route.failures(error)
        if problem is None:
            raise
        raise problem from error
    response = answer if isinstance(answer, web.StreamResponse) else _response(route, answer)
    _apply(call.reply, response, call.services)
    return response


def _response(route: Route, answer: Any) -> web.Response:
    if route.answers is None:
        return web.Response(status=route.status)
    body = answer.model_dump_json(by_alias=True).encode()
    return web.Response(status=route.status, body=body, content_type="application/json")


def _apply(reply: Reply, response: web.StreamResponse, services: WebServices) -> None:
    response.headers.update(reply.headers)
    if reply.session is not None:
        write_session(response, services.settings, reply.session)


async def _stream(route: Route, request: web.Request, call: Call[Any, Any, Any]) -> web.StreamResponse:
    async def is_still_allowed() -> bool:
        try:
            identity = await authenticate(request, call.services, touch=False)
            _require_permission(route, identity.caller)
        except Problem:
            return False
        return True

    source = EventSource(
        route.handler(call), stopping=call.services.lifecycle.stopping, is_still_allowed=is_still_allowed
    )
    return await source.send(request)


def _require_permission(route: Route, caller: Principal | None) -> None:
    if route.is_open:
        return
    if caller is None:
        raise unauthenticated("Sign in (POST /api/v1/session), or send an API key as Authorization: Bearer lh_...")
    if caller.permissions.scope(route.permission) is None:
        raise Problem(
            403, "forbidden", f"Your role does not have the permission {route.permission}. Ask an administrator for it."
        )


def _require_within_limit(services: WebServices, route: Route, caller: Principal | None, visitor: Visitor) -> None:
    """Refuse a flood. If the limiter itself fails, the request is refused too: administration fails closed."""
    rate = route.rate if caller is not None else RateClass.ANONYMOUS
    subject = visitor.network if caller is None else str(caller.api_key_id or caller.session_id)
    try:
        wait = services.limiter.admit([Claim(services.api_limits[rate], subject)])
    except Exception as failure:
        _log.error("rate limiter failed; administration refused", reason=type(failure).__name__)
        raise unavailable("The hub cannot count requests at the moment. Try again in a few seconds.") from failure
    if wait is not None:
        raise Problem(
            429,
            "too-many-requests",
            "Too many requests. Wait as many seconds as the header Retry-After says.",
            headers={"Retry-After": str(round(wait.total_seconds()))},
        )


def _visitor(request: web.Request) -> Visitor:
    address = client_address(request)
    agent = request.headers.get("User-Agent", "")[:_AGENT_LENGTH]
    return Visitor(address=address, network=network_of(address), agent=agent)


def _last_event_id(request: web.Request) -> str | None:
    given = request.headers.get("Last-Event-ID")
    return given if given is not None and len(given) <= LAST_EVENT_ID_LENGTH else None


def _idempotency_key(request: web.Request) -> str | None:
    given = request.headers.get(KEY_HEADER)
    if given is not None and not 0 < len(given) <= KEY_LENGTH:
        detail = f"The header {KEY_HEADER} must have 1 to {KEY_LENGTH} characters; send a fresh UUID."
        raise Problem(400, "bad-key", detail)
    return storable(given) if given is not None else None
