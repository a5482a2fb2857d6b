"""The reference platform's side of reports."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from hub.testing.simulator import Simulator

TARGETS = {"list-1": "Good leads", "list-2": "Buyers"}
WINDOW = timedelta(days=7)


class Targets:
    """Two lists that take events of leads, for a week, each once."""

    def __init__(self, platform: Simulator, check: Callable[[web.Request], object]) -> None:
        self._platform = platform
        self._check = check

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/targets", self._list), web.post("/targets/{target}/events", self._take)]

    async def _list(self, request: web.Request) -> web.Response:
        self._check(request)
        shown = {each: name for each, name in TARGETS.items() if each not in self._platform.lost_targets}
        return web.json_response({"targets": [{"id": each, "name": name} for each, name in shown.items()]})

    async def _take(self, request: web.Request) -> web.Response:
        self._check(request)
        target = request.match_info["target"]
        if target not in TARGETS or target in self._platform.lost_targets:
            return web.json_response({"error": {"code": "no_target"}}, status=404)
        events = (await request.json())["events"]
        outcomes = [{"key": each["key"], "said": self._said(target, each)} for each in events]
        return web.json_response({"outcomes": outcomes})

    def _said(self, target: str, event: dict[str, Any]) -> str:
        happened_at = datetime.fromtimestamp(event["at"], UTC)
        if event["lead"] not in self._platform.submissions:
            return "unknown_lead"
        if happened_at < self._platform.clock.now() - WINDOW:
            return "too_old"
        self._platform.count(target, event["key"], event["name"], happened_at)
        return "taken"
