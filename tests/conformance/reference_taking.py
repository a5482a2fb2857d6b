"""The side of the reference platform that takes messages."""

from collections.abc import Callable

from aiohttp import web

from hub.connector.conversations import Channel
from hub.testing.messaging import Messaging


class Taking:
    """The route under which messages are handed over."""

    def __init__(self, messaging: Messaging, check: Callable[[web.Request], object]) -> None:
        self._messaging = messaging
        self._check = check

    def routes(self) -> list[web.RouteDef]:
        """For the platform's application."""
        return [web.post("/messages", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        self._check(request)
        sent = await request.json()
        if sent["from"] != self._messaging.own_address(Channel.SMS) or set(sent) != {"key", "from", "to", "text"}:
            return web.json_response({"error": {"code": "bad_message"}}, status=422)
        opted_out = self._messaging.refused.get(sent["to"])
        if opted_out is not None:
            code = "unsubscribed" if opted_out else "no_such_person"
            return web.json_response({"error": {"code": code}}, status=422)
        taken = self._messaging.take(Channel.SMS, sent["from"], sent["to"], sent["text"], sent["key"])
        return web.json_response({"id": taken.provider_id}, status=201)
