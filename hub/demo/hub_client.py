"""A browser at the hub's API, signed in: the cookie is kept in a file, so that a restart need not sign in again."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from hub.demo.errors import DemoError

PAGE = 200


class HubClient:
    """Speaks JSON with the hub at ``origin``. Use ``async with``."""

    def __init__(self, origin: str, cookie_file: Path) -> None:
        self.origin = origin
        self._cookie_file = cookie_file
        self._jar = aiohttp.CookieJar(unsafe=True)
        self.session = aiohttp.ClientSession(cookie_jar=self._jar, timeout=aiohttp.ClientTimeout(total=30))
        if cookie_file.exists():
            self._jar.update_cookies(json.loads(cookie_file.read_text()), URL(origin))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def sign_in(self, email: str, password: str) -> None:
        """Begin a session, unless the one of last time still lives."""
        async with self.session.get(f"{self.origin}/api/v1/session") as answer:
            if answer.status == 200:
                return
        await self.post("/api/v1/session", {"email": email, "password": password})
        cookies = {cookie.key: cookie.value for cookie in self._jar}
        descriptor = os.open(self._cookie_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(cookies, file)

    async def get(self, path: str, **query: str) -> Any:
        """The answer to a GET. Raises ``DemoError`` for anything but success."""
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Any = None) -> Any:
        """The answer to a POST."""
        return await self._call("POST", path, body=body)

    async def put(self, path: str, body: Any) -> Any:
        """The answer to a PUT."""
        return await self._call("PUT", path, body=body)

    async def patch(self, path: str, body: Any) -> Any:
        """The answer to a PATCH."""
        return await self._call("PATCH", path, body=body)

    async def receipts(self) -> AsyncIterator[dict[str, Any]]:
        """Every receipt, newest first."""
        after: dict[str, str] = {}
        while True:
            page = await self.get("/api/v1/receipts", limit=str(PAGE), **after)
            for item in page["items"]:
                yield item
            if page["next_after"] is None:
                return
            after = {"after": page["next_after"]}

    async def leads(self) -> AsyncIterator[dict[str, Any]]:
        """Every lead, tests included."""
        cursor: dict[str, str] = {}
        while True:
            page = await self.get("/api/v1/leads", limit=str(PAGE), with_tests="true", **cursor)
            for item in page["items"]:
                yield item
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def _call(self, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None) -> Any:
        content = {} if body is None else {"json": body}
        async with self.session.request(
            method, f"{self.origin}{path}", params=query, headers={"Origin": self.origin}, **content
        ) as answer:
            text = await answer.text()
            if not 200 <= answer.status < 300:
                raise DemoError(f"The hub answered {method} {path} with {answer.status}: {text[:500]}")
            return json.loads(text) if text else None
