"""Calls of the Graph API: the version, the token, its proof, and lists that come in pages."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import JsonValue, SecretStr

from hub.connector.access import Access, ApiResult
from hub.connector.errors import (
    BadPayloadError,
    ConnectorError,
    PermanentError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.signatures import hmac_sha256_hex
from plugins.meta_ads.payloads import TokenFacts, WireT, read
from plugins.meta_ads.refusals import page_not_shared, refusal_of_page, refusal_of_sign_in
from plugins.meta_ads.settings import MetaAdsSettings

HOST = "https://graph.facebook.com"
FEW = 20
"""Leads of one request where a page of the usual size is more than the hub reads at once."""


@dataclass(frozen=True)
class Listing:
    """One page of a list. ``after`` is where the next page starts; None after the last."""

    items: tuple[JsonValue, ...]
    after: str | None
    headers: Mapping[str, str]


class Graph:
    """The Graph API under one connection's settings. ``part_id`` names the Page whose token is to be used."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.settings = access.settings(MetaAdsSettings)

    @property
    def app_token(self) -> SecretStr:
        """Section 2.3: the app itself, for calls about the app."""
        return SecretStr(f"{self.settings.app_id}|{self.settings.app_secret.get_secret_value()}")

    async def get(self, path: str, params: Mapping[str, str], *, part_id: str | None = None) -> ApiResult:
        """GET as the person, or as one Page."""
        return await self.call("GET", path, part_id=part_id, params=params)

    async def call(
        self,
        method: str,
        path: str,
        *,
        part_id: str | None = None,
        token: SecretStr | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> ApiResult:
        """One call as one Page, as the person, or with a ``token`` that is not the connection's yet.

        A refusal says whether it speaks of the Page alone (``PartAccessLostError``), and which permission is missing.
        """
        chosen = token or self._token(part_id)
        try:
            return await self.send(method, path, chosen, params=params, form=form)
        except ReauthorizationNeededError as error:
            raise await self._explained(error, chosen, part_id) from None

    async def send(
        self,
        method: str,
        path: str,
        token: SecretStr | None,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> ApiResult:
        """One call with any token or none. It travels in a header, so that it stands in no log of addresses."""
        query, headers = dict(params or {}), {}
        if token is not None:
            headers["authorization"] = f"Bearer {token.get_secret_value()}"
            if self.settings.send_appsecret_proof:
                query["appsecret_proof"] = hmac_sha256_hex(self.settings.app_secret, token.get_secret_value().encode())
        url = f"{HOST}/{self.settings.graph_version}/{path}"
        return await self.access.call(method, url, params=query, form=form, headers=headers, authorised=False)

    async def call_as_app(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> ApiResult:
        """One call as the app. A refusal of its token speaks of the settings; signing in would not help."""
        try:
            return await self.send(method, path, self.app_token, params=params, form=form)
        except ReauthorizationNeededError as error:
            raise PermanentError(
                "Meta refused the app's own key. Check the App ID and the App secret in the settings.",
                detail=error.detail,
                code="invalid_client",
            ) from None

    def _token(self, part_id: str | None) -> SecretStr:
        token = self.access.token(part_id)
        if part_id is not None and part_id not in self.access.part_ids:
            raise page_not_shared(part_id)
        return token

    async def _explained(
        self, error: ReauthorizationNeededError, token: SecretStr, part_id: str | None
    ) -> ReauthorizationNeededError:
        if part_id is None:
            return refusal_of_sign_in(error, await self._facts(token))
        facts = await self._facts(self.access.token())
        return refusal_of_page(error, part_id, facts, granted=self.access.scopes, now=self.access.clock.now())

    async def _facts(self, token: SecretStr) -> TokenFacts | None:
        """What Meta knows of a token; None where it does not tell now."""
        try:
            answer = await self.call_as_app("GET", "debug_token", params={"input_token": token.get_secret_value()})
            return parsed(TokenFacts, member(answer.body, "data"))
        except ConnectorError:
            return None

    async def page_of(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        part_id: str | None = None,
        token: SecretStr | None = None,
        after: str | None = None,
    ) -> Listing:
        """One page of a list. A page may be empty and still not be the last (section 4.1)."""
        sent = {**params, "limit": str(self.settings.page_size), **({"after": after} if after else {})}
        try:
            answer = await self.call("GET", path, part_id=part_id, token=token, params=sent)
        except PermanentError as error:
            if error.code != "answer_too_large":
                raise
            answer = await self.call("GET", path, part_id=part_id, token=token, params={**sent, "limit": str(FEW)})
        items = member(answer.body, "data")
        if not isinstance(items, list):
            raise RetryableError("Meta's list could not be read.", detail=f"GET {path}", code="garbage")
        following = _after(member(answer.body, "paging"))
        if following is not None and following == after:
            raise RetryableError("Meta's list goes in a circle.", detail=f"GET {path}", code="garbage")
        return Listing(tuple(items), following, answer.headers)

    async def items_of(
        self, path: str, params: Mapping[str, str], *, part_id: str | None = None, token: SecretStr | None = None
    ) -> AsyncIterator[JsonValue]:
        """All members of a list, page after page."""
        after: str | None = None
        while True:
            listing = await self.page_of(path, params, part_id=part_id, token=token, after=after)
            for item in listing.items:
                yield item
            after = listing.after
            if after is None:
                return


def parsed(model: type[WireT], value: JsonValue) -> WireT:
    """Part of an API answer as a wire model. An unreadable answer is passing trouble, not a bad submission."""
    try:
        return read(model, value)
    except BadPayloadError as error:
        where = f"{model.__name__} at {error.path}: {error.detail}"
        raise RetryableError("Meta's answer could not be read.", detail=where, code="garbage") from None


def member(body: Any, name: str) -> JsonValue:
    """A member of an object; None where the value is no object or has no such member."""
    return body.get(name) if isinstance(body, dict) else None


def _after(paging: JsonValue) -> str | None:
    """Where the next page starts. ``next`` itself carries the token: only its cursor is taken from it."""
    address = member(paging, "next")
    if not isinstance(address, str) or not address:
        return None
    cursor = member(member(paging, "cursors"), "after") or parse_qs(urlsplit(address).query).get("after", [None])[0]
    if not isinstance(cursor, str):
        raise RetryableError("Meta's list could not be read.", detail="a next page without a cursor", code="garbage")
    return cursor
