"""Vonage's APIs for one account, as strict as their documentation (protocol page sections 1 and 5)."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from hub.connector.conversations import Channel
from hub.testing.journal import TakenMessage
from plugins.sms_voice.simulator.vonage_answers import VonageError, old_refusal, problem

SEND_FIELDS = frozenset({"message_type", "channel", "from", "to", "text", "client_ref"})
CHANNELS = {"sms": Channel.SMS, "whatsapp": Channel.WHATSAPP}
LONGEST_TEXT = 1000
Handler = Callable[[web.Request], Awaitable[web.Response]]


class World(Protocol):
    """What the APIs show and change."""

    application_id: str
    signs_calls: bool
    numbers: dict[str, list[str]]
    refused: dict[str, bool]
    largest_page: int

    def is_key(self, user: str, secret: str) -> bool:
        """Whether these are credentials of the account."""
        ...

    def is_application_token(self, token: str) -> bool:
        """Whether this is a token of the application, and of now."""
        ...

    def take(self, channel: Channel, sender: str, recipient: str, text: str, key: str | None = None) -> TakenMessage:
        """Take a message for delivery."""
        ...


class VonageRest:
    """One handler per call; a refusal is an exception until it becomes an answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler."""
        return [
            ("GET", "/account/numbers", _answered(self._numbers)),
            ("GET", "/v2/applications/{id}", _answered(self._application)),
            ("POST", "/v1/messages", _answered(self._send)),
        ]

    def _has_key(self, request: web.Request) -> bool:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        return kind.lower() == "basic" and self._world.is_key(user, secret)

    async def _numbers(self, request: web.Request) -> web.Response:
        if not self._has_key(request):
            raise VonageError(old_refusal(401, "authentication failed"))
        size, index = int(request.query.get("size", "10")), int(request.query.get("index", "1"))
        if size > 100 or index < 1:
            raise VonageError(old_refusal(420, "method failed"))
        size = min(size, max(self._world.largest_page, 100))
        rows = [
            {"country": "US", "msisdn": number, "type": "mobile-lvn", "features": features}
            for number, features in self._world.numbers.items()
        ]
        if not rows:
            return web.json_response({})
        return web.json_response({"count": len(rows), "numbers": rows[(index - 1) * size : index * size]})

    async def _application(self, request: web.Request) -> web.Response:
        if not self._has_key(request):
            raise VonageError(problem(401, "Unauthorized", "#unauthorized"))
        if request.match_info["id"] != self._world.application_id:
            raise VonageError(problem(404, "Not Found", "#not-found"))
        voice = {"signed_callbacks": self._world.signs_calls, "webhooks": {}}
        body = {"id": self._world.application_id, "name": "Leads", "capabilities": {"voice": voice, "messages": {}}}
        return web.json_response(body)

    async def _send(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").partition("Bearer ")[2]
        if not self._has_key(request) and not self._world.is_application_token(token):
            raise VonageError(problem(401, "Unauthorized", "#unauthorized"))
        body = await _json_of(request)
        channel, text = CHANNELS.get(str(body.get("channel"))), body.get("text")
        is_known = set(body) <= SEND_FIELDS and body.get("message_type") == "text" and channel is not None
        sender, to = body.get("from"), body.get("to")
        if not is_known or channel is None or not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
            raise VonageError(problem(422, "Invalid params", "/messages#1150"))
        if not isinstance(sender, str) or sender.startswith("+") or not isinstance(to, str) or to.startswith("+"):
            raise VonageError(problem(422, "Invalid params", "/messages#1150"))
        person = f"+{to}" if to.isdecimal() else to
        if person in self._world.refused:
            raise VonageError(problem(422, "1170", "/messages#1170", "Invalid or Missing Msisdn Param"))
        taken = self._world.take(channel, f"+{sender}", person, text)
        return web.json_response({"message_uuid": taken.provider_id}, status=202)


def _answered(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except VonageError as refused:
            return refused.response()

    return answer


async def _json_of(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise VonageError(problem(422, "Your request is invalid", "/messages#1150"))
    return body
