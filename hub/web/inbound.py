"""Inbound deliveries: one unguessable address per connector app, as light as a route can be.

The answer is 2xx only after everything was stored; 401 looks the same for an unknown address, a missing and a wrong
signature (WH-02); our own trouble is 503 with ``Retry-After``, never a 4xx that would lose the delivery (WH-10).
"""

from aiohttp import web

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, Reply
from hub.db.engine import DatabaseUnavailableError
from hub.web.problems import Problem
from hub.web.reading import read_body
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
        body = await read_body(request)
    except Problem as refused:
        await parts.ledger.count_refusal(f"hooks/{connector}", refused.slug, sender)
        raise
    inbound = InboundRequest(
        method=request.method,
        url=f"{services.settings.origin}{request.path_qs}",
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=services.clock.now(),
    )
    try:
        reply = await parts.receiver.receive(connector, key, inbound, sender)
    except UnverifiedRequestError:
        return web.Response(status=401, text="This address does not exist, or the request is not signed as agreed.")
    except DatabaseUnavailableError:
        return web.Response(status=503, headers={"Retry-After": RETRY_AFTER}, text="Not stored. Send it again.")
    return answer(reply)


def answer(reply: Reply) -> web.Response:
    """The connector's reply as an HTTP answer."""
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)
