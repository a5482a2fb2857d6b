"""Calls of the Graph API with the system user's token."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.errors import BadPayloadError, PermanentError, RetryableError
from plugins.sms_voice.settings import SmsVoiceSettings
from plugins.sms_voice.whatsapp.contents import GRAPH
from plugins.sms_voice.wire import WireT, read

PAGE_SIZE = "100"


class Graph:
    """The Graph API under one app's settings."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._settings = access.settings(SmsVoiceSettings)

    @property
    def account_id(self) -> str:
        """The WhatsApp Business Account of the settings."""
        return self._settings.whatsapp_account_id or ""

    @property
    def app_id(self) -> str | None:
        """The app, where it was entered."""
        return self._settings.whatsapp_app_id

    @property
    def access_token(self) -> SecretStr:
        """The system user's token."""
        return self._token(as_app=False)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json_body: JsonValue = None,
        as_app: bool = False,
    ) -> JsonValue:
        """One call with the access token, or ``as_app``. Tokens travel in a header and stand in no address."""
        answer = await self._access.call(
            method,
            f"{GRAPH}/{self._settings.whatsapp_graph_version}/{path}",
            params=params,
            json_body=json_body,
            headers={"authorization": f"Bearer {self._token(as_app=as_app).get_secret_value()}"},
            authorised=False,
        )
        return answer.body

    def _token(self, *, as_app: bool) -> SecretStr:
        secret = self._settings.whatsapp_app_secret if as_app else self._settings.whatsapp_access_token
        if secret is None:
            raise PermanentError("The settings of the WhatsApp account are incomplete.", code="settings_incomplete")
        return SecretStr(f"{self.app_id}|{secret.get_secret_value()}") if as_app else secret

    async def items(self, path: str, params: Mapping[str, str]) -> AsyncIterator[JsonValue]:
        """All members of a list, page after page."""
        after: str | None = None
        while True:
            sent = {**params, "limit": PAGE_SIZE, **({"after": after} if after else {})}
            body = await self.call("GET", path, params=sent)
            rows = member(body, "data")
            if not isinstance(rows, list):
                raise RetryableError("Meta's list could not be read.", detail=f"GET {path}", code="garbage")
            for row in rows:
                yield row
            before, after = after, _after(member(body, "paging"))
            if after is None or after == before:
                return


def told(model: type[WireT], value: Any) -> WireT:
    """Part of an answer as a model. An unreadable answer is passing trouble, not a bad submission."""
    try:
        return read(model, value)
    except BadPayloadError as error:
        where = f"{model.__name__} at {error.path}: {error.detail}"
        raise RetryableError("Meta's answer could not be read.", detail=where, code="garbage") from None


def member(body: Any, name: str) -> JsonValue:
    """A member of an object; None where the value is no object or has no such member."""
    return body.get(name) if isinstance(body, dict) else None


def _after(paging: JsonValue) -> str | None:
    """Where the next page starts; ``next`` itself carries the token, so only its presence is looked at."""
    after = member(member(paging, "cursors"), "after")
    return after if member(paging, "next") and isinstance(after, str) and after else None
