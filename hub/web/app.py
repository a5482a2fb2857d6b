"""The web application: API routes, light routes, and the one frame around all of them.

``build_app(services, *groups)`` takes two kinds of groups:

- ``RouteGroup`` (see ``hub.web.api.routing``): typed API routes. Session, CSRF check, permission and validation
  run inside each of these routes, and nowhere else.
- any ``web.RouteTableDef``: light routes (inbound endpoints, public forms). Around them there is only the frame:
  request id, log context, headers, errors as problems. They read the body themselves, with ``hub.web.reading``:
  the framework does not unpack it.

The frame costs about 15 microseconds per request.
"""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from structlog.contextvars import bind_contextvars
from uuid_utils import uuid7

from hub.db.engine import DatabaseUnavailableError
from hub.web.api.description import description_routes
from hub.web.api.dispatch import respond
from hub.web.api.routing import Route, RouteGroup
from hub.web.headers import REQUEST_ID_KEY, add_headers
from hub.web.problems import Problem, from_http_error, internal_error, unavailable
from hub.web.reading import BODY_LIMIT
from hub.web.services import SERVICES, WebServices

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROUTES = web.AppKey("routes", tuple[Route, ...])
"""Every typed route of an application, for the description and for the permission matrix."""
_log = structlog.get_logger(__name__)


def build_app(services: WebServices, *groups: RouteGroup | web.RouteTableDef) -> web.Application:
    """The application. Raises ``ValueError`` when two routes share method and path."""
    app = web.Application(middlewares=[_frame], client_max_size=BODY_LIMIT)
    app[SERVICES] = services
    typed = [group for group in groups if isinstance(group, RouteGroup)]
    typed.append(description_routes(typed))
    routes = tuple(route for group in typed for route in group)
    app[ROUTES] = routes
    _add_typed(app, routes)
    for group in groups:
        if not isinstance(group, RouteGroup):
            app.add_routes(group)
    is_https = services.settings.is_https

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        add_headers(response, request.get(REQUEST_ID_KEY) or str(uuid7()), is_https=is_https)

    app.on_response_prepare.append(prepare)
    return app


def _add_typed(app: web.Application, routes: tuple[Route, ...]) -> None:
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise ValueError(f"two routes answer {route.method} {route.path}")
        seen.add((route.method, route.path))
        handler = _bound(route)
        if route.method == "GET":
            app.router.add_get(route.path, handler, allow_head=route.events is None)
        else:
            app.router.add_route(route.method, route.path, handler)


def _bound(route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await respond(route, request, request.app[SERVICES])

    return handle


@web.middleware
async def _frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Request id and log context before, problems instead of exceptions after."""
    request_id = str(uuid7())
    request[REQUEST_ID_KEY] = request_id
    bind_contextvars(request_id=request_id)
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response(request_id)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return from_http_error(error).response(request_id)
    except DatabaseUnavailableError:
        _log.error("database did not take the work", route=_pattern(request))
        return unavailable("The database does not answer at the moment; nothing was stored. Send it again.").response(
            request_id
        )
    except (RequestPayloadError, HttpProcessingError):
        return Problem(
            400, "unreadable-body", "The body is broken: its length, chunks or compression do not fit. Send it again."
        ).response(request_id)
    except ConnectionError:
        raise
    except Exception:
        _log.exception("request failed", method=request.method, route=_pattern(request))
        return internal_error().response(request_id)


def _pattern(request: web.Request) -> str:
    """The route's own pattern: the address itself may hold keys and tokens."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
