"""What a connector in a process of its own is handed: an ``Access`` whose requests and clock are the hub's.

The hub sends the requests and keeps to the hosts of the manifest; errors are mapped here, by the connector's own rules.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, TypeAdapter

from hub.connector.access import Access, HttpAnswer
from hub.connector.base import Connector
from hub.connector.models import Grant
from hub.isolation.wire import restored

PATIENCE = 60.0
"""Seconds for an answer that the hub gives without waiting for anybody."""
_ANSWER = TypeAdapter(HttpAnswer)
_GRANT = TypeAdapter(Grant)
_MOMENT = TypeAdapter(datetime)


class Asks(Protocol):
    """Puts a question to the hub for one call under way."""

    def __call__(self, what: str, details: Mapping[str, Any]) -> "Future[Any]":
        """The future answer; a named failure of the hub is raised by it."""
        ...


class RemoteTransport:
    """Has the hub send a request."""

    def __init__(self, ask: Asks) -> None:
        self._ask = ask

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """As ``hub.connector.access.Transport``."""
        details = {"method": method, "url": url, "params": params, "headers": headers, "body": body}
        found: HttpAnswer = restored(_ANSWER, await asyncio.wrap_future(self._ask("send", details)))
        return found


class RemoteClock:
    """The hub's clock."""

    def __init__(self, ask: Asks) -> None:
        self._ask = ask

    def now(self) -> datetime:
        """The present moment of the hub."""
        found: datetime = restored(_MOMENT, self._ask("now", {}).result(PATIENCE))
        return found

    async def sleep(self, seconds: float) -> None:
        """Wait by the hub's clock."""
        await asyncio.wrap_future(self._ask("sleep", {"seconds": seconds}))


def restored_access(connector: Connector, parts: Mapping[str, Any], ask: Asks) -> Access:
    """The access that the hub described by ``hub.isolation.serving.access_parts``."""
    return Access(
        RemoteTransport(ask),
        RemoteClock(ask),
        grant=restored(_GRANT, parts["grant"]) if parts["grant"] is not None else None,
        settings=restored_settings(connector, parts["settings"]),
        account_id=parts["account_id"],
        error_rules=connector.error_rules,
        hosts=connector.manifest.hosts,
    )


def restored_settings(connector: Connector, parts: Mapping[str, Any] | None) -> BaseModel | None:
    """The connector's settings by its own model."""
    model = connector.manifest.settings
    if model is None or parts is None:
        return None
    return model.model_validate(parts)
