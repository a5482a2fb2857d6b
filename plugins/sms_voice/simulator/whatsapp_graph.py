"""The Graph API for one WhatsApp account, as strict as its documentation (protocol page sections 1, 2 and 4)."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from hub.connector.conversations import Channel
from hub.testing.journal import TakenMessage
from plugins.sms_voice.simulator.whatsapp_answers import GraphError

LONGEST_TEXT = 4096
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}")
NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
Handler = Callable[[web.Request], Awaitable[web.Response]]


class World(Protocol):
    """What the API shows and changes."""

    business_account_id: str
    account_name: str
    app_id: str
    graph_version: str
    is_linked: bool
    token_scopes: tuple[str, ...]
    numbers: dict[str, dict[str, str]]
    refused: dict[str, bool]
    window_closed: set[str]
    largest_page: int

    def is_token(self, text: str) -> bool:
        """Whether this is the system user's token, and alive."""
        ...

    def is_app_token(self, text: str) -> bool:
        """Whether these are the app's id and secret."""
        ...

    def take(self, channel: Channel, sender: str, recipient: str, text: str, key: str | None = None) -> TakenMessage:
        """Take a message for delivery."""
        ...


class WhatsAppGraph:
    """One handler per call; a refusal is an exception until it becomes an answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler."""
        root = f"/{self._world.graph_version}"
        return [
            ("GET", f"{root}/debug_token", self._debug_token),
            ("GET", f"{root}/{{id}}", self._checked(self._account)),
            ("GET", f"{root}/{{id}}/phone_numbers", self._checked(self._numbers)),
            ("GET", f"{root}/{{id}}/subscribed_apps", self._checked(self._subscribed_apps)),
            ("POST", f"{root}/{{id}}/messages", self._checked(self._send)),
        ]

    def _checked(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                if not self._world.is_token(_bearer(request)):
                    raise GraphError(190, "Error validating access token", subcode=460, status=401)
                return await handler(request)
            except GraphError as refused:
                return refused.response()

        return answer

    def _check_account(self, request: web.Request) -> None:
        if request.match_info["id"] != self._world.business_account_id:
            raise GraphError(100, "Unsupported get request. Object does not exist", subcode=33)

    async def _debug_token(self, request: web.Request) -> web.Response:
        if not self._world.is_app_token(_bearer(request)):
            return GraphError(101, "Error validating application").response()
        is_valid = self._world.is_token(request.query.get("input_token", ""))
        facts = {"app_id": self._world.app_id, "type": "SYSTEM_USER", "is_valid": is_valid, "expires_at": 0}
        return web.json_response({"data": {**facts, "scopes": list(self._world.token_scopes) if is_valid else []}})

    async def _account(self, request: web.Request) -> web.Response:
        self._check_account(request)
        return web.json_response({"id": self._world.business_account_id, "name": self._world.account_name})

    async def _numbers(self, request: web.Request) -> web.Response:
        self._check_account(request)
        rows = [
            {"id": each["id"], "display_phone_number": each["display"], "verified_name": each["name"]}
            for each in self._world.numbers.values()
        ]
        size = min(int(request.query.get("limit", "25")), self._world.largest_page)
        start = int(request.query.get("after", "0"))
        body: dict[str, Any] = {"data": rows[start : start + size]}
        if rows:
            body["paging"] = {"cursors": {"before": str(start), "after": str(start + size)}}
            if start + size < len(rows):
                body["paging"]["next"] = f"https://graph.facebook.com{request.path}?access_token=x&after={start + size}"
        return web.json_response(body)

    async def _subscribed_apps(self, request: web.Request) -> web.Response:
        self._check_account(request)
        app = {"whatsapp_business_api_data": {"id": self._world.app_id, "name": "Leads", "link": "https://example.com"}}
        return web.json_response({"data": [app] if self._world.is_linked else []})

    async def _send(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self._world.numbers:
            raise GraphError(100, "Unsupported post request. Object does not exist", subcode=33)
        try:
            body = json.loads(await request.read())
        except ValueError:
            raise GraphError(100, "The request body is no JSON") from None
        if body.get("messaging_product") != "whatsapp" or body.get("recipient_type") != "individual":
            raise GraphError(100, "messaging_product and recipient_type are required")
        text = body.get("text", {}).get("body") if body.get("type") == "text" else None
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
            raise GraphError(131009, "text.body must have 1 to 4096 characters")
        recipient = self._recipient(body)
        taken = self._world.take(Channel.WHATSAPP, request.match_info["id"], recipient, text)
        contact = {"input": recipient, "wa_id": recipient.removeprefix("+")}
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": taken.provider_id}]}
        )

    def _recipient(self, body: dict[str, Any]) -> str:
        """A number in ``to``, or an id of a person in ``recipient``; ``to`` goes first."""
        to, person = body.get("to"), body.get("recipient")
        if isinstance(to, str) and NUMBER.fullmatch(to):
            found = f"+{to.removeprefix('+')}"
        elif to is None and isinstance(person, str) and BSUID.fullmatch(person):
            found = person
        else:
            raise GraphError(131009, "to must be a number, recipient a business-scoped id")
        if found in self._world.refused:
            opted_out = self._world.refused[found]
            raise GraphError(131050, "Stopped") if opted_out else GraphError(131026, "Message undeliverable")
        if found in self._world.window_closed:
            raise GraphError(131047, "More than 24 hours have passed")
        return found


def _bearer(request: web.Request) -> str:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if kind.lower() == "bearer" else ""
