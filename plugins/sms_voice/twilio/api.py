"""Twilio's REST API (protocol page section 6): Basic authorisation, lists of pages, one host."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.connector.access import Access, ApiResult
from hub.connector.errors import PermanentError, RetryableError
from plugins.sms_voice.settings import SmsVoiceSettings

HOST = "https://api.twilio.com"
VERSION = "2010-04-01"
PAGE_SIZE = 200


@dataclass(frozen=True)
class ListPage:
    """One page of a list, and where the next one is; None at the end."""

    items: tuple[Any, ...]
    next_uri: str | None


class TwilioApi:
    """Calls for the account that the settings name."""

    def __init__(self, access: Access) -> None:
        self._access = access
        settings = access.settings(SmsVoiceSettings)
        self.account_id = settings.twilio_account_sid or ""
        secret = settings.twilio_api_key_secret or settings.twilio_auth_token
        user = settings.twilio_api_key_sid or self.account_id
        if not user or secret is None:
            raise PermanentError("The credentials of the Twilio account are missing. Enter them.", code="no_keys")
        pair = base64.b64encode(f"{user}:{secret.get_secret_value()}".encode()).decode()
        self._headers = {"authorization": f"Basic {pair}"}

    @property
    def clock(self) -> Any:
        """The clock of the access."""
        return self._access.clock

    async def account(self) -> Any:
        """The account itself."""
        return (await self._get(f"{self._root}.json", {})).body

    async def page(self, resource: str, params: Mapping[str, str], key: str) -> ListPage:
        """The first page of a list (``Messages``), whose items stand under ``key``."""
        found = await self._get(f"{self._root}/{resource}.json", {**params, "PageSize": str(PAGE_SIZE)})
        return self._list_page(found, key)

    async def page_at(self, uri: str, key: str) -> ListPage:
        """The page at a place that an earlier page named. Raises ``PermanentError`` for a place elsewhere."""
        if not uri.startswith(f"{self._root}/"):
            raise PermanentError("Twilio named a next page outside of the account.", code="strange_page")
        return self._list_page(await self._get(uri, {}), key)

    async def pages(self, resource: str, key: str) -> AsyncIterator[ListPage]:
        """All pages of a short list."""
        page = await self.page(resource, {}, key)
        yield page
        while page.next_uri is not None:
            page = await self.page_at(page.next_uri, key)
            yield page

    async def create_message(self, form: Mapping[str, str]) -> Any:
        """Send a message, in one request."""
        url = f"{HOST}{self._root}/Messages.json"
        answer = await self._access.call("POST", url, form=form, headers=self._headers, authorised=False)
        return answer.body

    @property
    def _root(self) -> str:
        return f"/{VERSION}/Accounts/{self.account_id}"

    async def _get(self, uri: str, params: Mapping[str, str]) -> ApiResult:
        return await self._access.get(f"{HOST}{uri}", params=params or None, headers=self._headers, authorised=False)

    def _list_page(self, answer: ApiResult, key: str) -> ListPage:
        body = answer.body
        items = body.get(key) if isinstance(body, dict) else None
        next_uri = body.get("next_page_uri") if isinstance(body, dict) else None
        if not isinstance(items, list) or not (next_uri is None or isinstance(next_uri, str)):
            raise RetryableError("Twilio's list could not be read.", detail=f"list of {key}", code="garbage")
        return ListPage(tuple(items), next_uri or None)
