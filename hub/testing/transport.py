"""A plain transport for tests and the conformance kit: calls simulators, and nothing else."""

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from hub.connector.access import HttpAnswer
from hub.connector.errors import PermanentError, RetryableError

PATIENCE = timedelta(seconds=5)


class LoopbackTransport:
    """Sends requests for real origins to the simulators that stand in for them.

    Failures become the errors that the hub's own client makes of them; an origin without a stand-in is
    refused, so that a test can never reach the network. Use ``async with``.
    """

    def __init__(self, origin_overrides: Mapping[str, str], *, timeout: timedelta = PATIENCE) -> None:
        self._overrides = dict(origin_overrides)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout.total_seconds()), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send and read the whole answer; redirects are not followed."""
        parts = urlsplit(url)
        where = f"{method} {parts.netloc}{parts.path}"
        target = URL(_with_params(self._local(url, where), params), encoded=True)
        try:
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False
            ) as answer:
                read = await answer.read()
                return HttpAnswer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, read)
        except TimeoutError:
            raise RetryableError("The platform did not answer in time.", detail=where, code="timeout") from None
        except aiohttp.ClientError as error:
            # The text of aiohttp's error may hold the whole URL, and with it a token.
            detail = f"{where}: {type(error).__name__}"
            raise RetryableError("The platform could not be reached.", detail=detail, code="connection") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _local(self, url: str, where: str) -> str:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._overrides:
            raise PermanentError("No simulator stands in for this address.", detail=where, code="address_refused")
        return self._overrides[origin] + url.removeprefix(origin)


def _with_params(url: str, params: Mapping[str, str] | None) -> str:
    if not params:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(params)}"
