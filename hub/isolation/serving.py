"""The hub's side of an ``Access`` that is used in another process: requests are sent and time is told here."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from hub.connector.access import Access, HttpAnswer
from hub.connector.errors import ConnectorError, PartAccessLostError, PermanentError
from hub.connector.models import Grant
from hub.isolation.wire import dumped, error_parts, restored_error

LONGEST_SLEEP = 3600.0
_GRANT = TypeAdapter(Grant)
_ANSWER = TypeAdapter(HttpAnswer)


@dataclass(frozen=True)
class Outgoing:
    """A request that the other process wants to be sent."""

    method: str
    url: str
    params: dict[str, str] | None
    headers: dict[str, str] | None
    body: bytes | None


_OUTGOING = TypeAdapter(Outgoing)


class Serving:
    """Answers what the connector's process asks during one call. Made on the loop that sends the requests."""

    def __init__(self, access: Access | None) -> None:
        self._access = access
        self._loop = asyncio.get_running_loop() if access is not None else None

    def answer(self, what: str, details: Mapping[str, Any]) -> "Future[Any]":
        """The answer, in plain parts, as soon as there is one. Raises by way of the future."""
        if self._access is None or self._loop is None:
            failed: Future[Any] = Future()
            failed.set_exception(PermanentError("This call has no access.", code="no_access"))
            return failed
        if what == "now":
            told: Future[datetime] = Future()
            told.set_result(self._access.clock.now())
            return told
        work = self._send(self._access, details) if what == "send" else self._sleep(self._access, details)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def note_skipped(self, skipped: Sequence[Any]) -> None:
        """Leave the same parts out in the hub's own access."""
        for parts in skipped:
            error = restored_error(parts)
            if self._access is not None and isinstance(error, PartAccessLostError):
                self._access.skip_part(error)

    async def _send(self, access: Access, details: Mapping[str, Any]) -> Any:
        try:
            wanted = _OUTGOING.validate_python(dict(details))
            answer = await access.forward(
                wanted.method, wanted.url, params=wanted.params, headers=wanted.headers, body=wanted.body
            )
        except ConnectorError:
            raise
        except Exception as error:
            message = f"The connector wanted to send what is no request ({type(error).__name__})."
            raise PermanentError(message, code="no_request") from None
        return dumped(_ANSWER, answer)

    async def _sleep(self, access: Access, details: Mapping[str, Any]) -> None:
        await access.clock.sleep(min(max(float(details["seconds"]), 0.0), LONGEST_SLEEP))


def access_parts(access: Access) -> dict[str, Any]:
    """What ``hub.isolation.remote.restored_access`` makes an access from. The refresh token is not in an access."""
    return {
        "grant": dumped(_GRANT, grant) if (grant := _grant_of(access)) is not None else None,
        "settings": _settings_of(access),
        "account_id": access.account_id,
    }


def _grant_of(access: Access) -> Grant | None:
    try:
        token = access.token()
    except ConnectorError:
        return None
    parts = {part_id: access.token(part_id) for part_id in access.part_ids}
    return Grant(access_token=token, scopes=access.scopes, part_tokens=parts)


def _settings_of(access: Access) -> dict[str, Any] | None:
    try:
        return access.settings_model().model_dump()
    except ConnectorError:
        return None


def told(error: BaseException) -> dict[str, Any]:
    """An error of the hub's side as an answer."""
    if isinstance(error, ConnectorError):
        return error_parts(error)
    return error_parts(PermanentError(f"The hub could not answer ({type(error).__name__}).", code="not_answered"))
