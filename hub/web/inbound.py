"""Inbound deliveries: one unguessable address per connector app, as light as a route can be.

The answer is 2xx only after everything was stored; 401 looks the same for an unknown address, a missing and a wrong
signature (WH-02); our own trouble is 503 with ``Retry-After``, never a 4xx that would lose the delivery (WH-10).
"""

import math

from aiohttp import web

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, Reply
from hub.core.intake.receiving import NotReadError
from hub.db.engine import DatabaseUnavailableError
from hub.web.problems import Problem
from hub.web.reading import BODY_LIMIT, read_body
from hub.web.services import SERVICES, client_address
from hub.web.working_parts import WorkingParts

RETRY_AFTER = "5"

inbound_routes = web.RouteTableDef()


@inbound_routes.get("/hooks/{connector}/{key}")
@inbound_routes.post("/hooks/{connector}/{key}")
@inbound_routes.get("/hooks/{connector}/{key}/{topic}")
@inbound_routes.post("/hooks/{connector}/{key}/{topic}")
async def receive(request: web.Request) -> web.StreamResponse:
    """Take one delivery, handshake or call-back of a platform."""
    services = request.app[SERVICES]
    parts = services.get(WorkingParts)
    connector, key, sender = request.match_info["connector"], request.match_info["key"], client_address(request)
    try:
        body = await read_body(request, limit=parts.receiver.largest_delivery(connector) or BODY_LIMIT)
    except Problem as refused:
        await parts.ledger.count_refusal(f"hooks/{connector}", refused.slug, sender)
        raise
    inbound = InboundRequest(
        method=request.method,
        url=f"{services.settings.origin}{_target(request)}",
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=services.clock.now(),
    )
    try:
        reply = await parts.receiver.receive(connector, key, inbound, sender)
    except UnverifiedRequestError as refused:
        if refused.asks_again:
            return web.Response(status=503, headers={"Retry-After": RETRY_AFTER}, text="Not signed. Send it again.")
        return web.Response(status=401, text="This address does not exist, or the request is not signed as agreed.")
    except DatabaseUnavailableError:
        return web.Response(status=503, headers={"Retry-After": RETRY_AFTER}, text="Not stored. Send it again.")
    except NotReadError as failure:
        wait = str(max(math.ceil(failure.retry_after.total_seconds()), 1))
        return web.Response(status=503, headers={"Retry-After": wait}, text="Not stored. Send it again.")
    return answer(reply)


def _target(request: web.Request) -> str:
    """Path and query exactly as they were sent: signatures cover that spelling, not an equal one."""
    sent = request.raw_path
    return sent if sent.startswith("/") and sent.isascii() else request.path_qs


def answer(reply: Reply) -> web.Response:
    """The connector's reply as an HTTP answer."""
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)
