"""The app's own subscription: one callback address per object type, checked before it is taken (section 3.1)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from plugins.meta_ads.simulator.answers import GraphError
from plugins.meta_ads.simulator.callers import Caller
from plugins.meta_ads.simulator.world import AppSubscription, MetaWorld

CHALLENGE = "1158201444"
HANDSHAKE_SECONDS = 10
NOBODY_THERE = (".example.com", ".test", ".invalid")
"""Reserved names (RFC 2606): no hub can answer there, so the handshake is left out for them."""


class AppSubscriptions:
    """GET, POST and DELETE of ``/{app-id}/subscriptions``."""

    def __init__(self, world: MetaWorld) -> None:
        self._world = world

    async def answer(self, method: str, caller: Caller, params: Mapping[str, str]) -> dict[str, Any]:
        """Any call; only the app itself may make it."""
        caller.require_app()
        if method == "GET":
            return {"data": [self._row(kind, each) for kind, each in self._world.subscriptions.items()]}
        kind = params.get("object", "")
        if method == "DELETE":
            self._world.subscriptions.pop(kind, None)
            return {"success": True}
        if method != "POST" or kind not in ("page", "permissions", "user"):
            raise GraphError(100, "(#100) Param object must be one of the known objects")
        missing = [name for name in ("callback_url", "fields", "verify_token") if not params.get(name)]
        if missing:
            raise GraphError(100, f"(#100) The parameter {missing[0]} is required")
        await self._check(params["callback_url"], params["verify_token"])
        fields = tuple(params["fields"].split(","))
        self._world.subscriptions[kind] = AppSubscription(params["callback_url"], fields)
        return {"success": True}

    def _row(self, kind: str, each: AppSubscription) -> dict[str, Any]:
        version = self._world.graph_version
        return {
            "object": kind,
            "callback_url": each.callback_url,
            "active": each.is_active,
            "fields": [{"name": name, "version": version} for name in each.fields],
        }

    async def _check(self, callback_url: str, verify_token: str) -> None:
        """The handshake (section 3.2): https, and exactly the challenge comes back."""
        parts = urlsplit(callback_url)
        target = reachable(self._world, callback_url)
        is_local = urlsplit(target).hostname in ("127.0.0.1", "localhost")
        if parts.scheme != "https" and not is_local:
            raise GraphError(2200, "(#2200) Callback verification failed: https is required")
        if (parts.hostname or "").endswith(NOBODY_THERE) and not is_local:
            return
        query = urlencode({"hub.mode": "subscribe", "hub.challenge": CHALLENGE, "hub.verify_token": verify_token})
        if await _asked(f"{target}?{query}") != (200, CHALLENGE.encode()):
            raise GraphError(2200, "(#2200) Callback verification failed with the following errors: no challenge")


def reachable(world: MetaWorld, url: str) -> str:
    """The address to call for a public one: demonstrations map their public origin to a port on this machine."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return world.reach.get(origin, origin) + url.removeprefix(origin)


async def _asked(url: str) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=HANDSHAKE_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        message = f"(#2200) Callback verification failed: {type(error).__name__}"
        raise GraphError(2200, message) from None
