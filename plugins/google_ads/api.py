"""Calls of the Google Ads API by REST: version, headers, and lists that come in pages (protocol page section 4)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.errors import PartAccessLostError, PermanentError, RetryableError
from plugins.google_ads.errors import OF_ONE_ACCOUNT
from plugins.google_ads.payloads import Person, WireT, parsed
from plugins.google_ads.settings import GoogleAdsSettings

ADS_HOST = "https://googleads.googleapis.com"
PEOPLE_HOST = "https://openidconnect.googleapis.com"


@dataclass(frozen=True)
class Listing:
    """One page of a list. ``following`` is where the next page starts; None after the last."""

    rows: tuple[JsonValue, ...]
    following: str | None


class GoogleAdsApi:
    """The API under one connection's settings."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.settings = access.settings(GoogleAdsSettings)

    async def person(self) -> Person:
        """Who signed in."""
        return parsed(Person, (await self.access.get(f"{PEOPLE_HOST}/v1/userinfo")).body)

    async def accessible(self) -> list[str]:
        """Ids of the accounts that the person can open without a detour: managers too, closed ones too."""
        answer = await self.access.get(self._url("customers:listAccessibleCustomers"), headers=self._headers(None))
        names = answer.body.get("resourceNames", []) if isinstance(answer.body, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RetryableError("Google's list of accounts could not be read.", code="garbage")
        return [str(name).rpartition("/")[2] for name in names]

    async def page_of(
        self, customer_id: str, query: str, *, manager_id: str | None, token: str | None = None
    ) -> Listing:
        """One page of a query. ``manager_id`` is the manager account through which the account is reached.

        A refusal that speaks of this account alone is a ``PartAccessLostError``.
        """
        try:
            answer = await self.access.call(
                "POST",
                self._url(f"customers/{customer_id}/googleAds:search"),
                json_body={"query": query, **({"pageToken": token} if token else {})},
                headers=self._headers(manager_id),
            )
        except PermanentError as error:
            if error.code not in OF_ONE_ACCOUNT:
                raise
            raise PartAccessLostError(
                error.user_message, part_id=customer_id, detail=error.detail, code=error.code
            ) from None
        body = answer.body
        rows = body.get("results", []) if isinstance(body, dict) else None
        following = body.get("nextPageToken") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not isinstance(following, str | None):
            raise RetryableError("Google's list could not be read.", code="garbage")
        if following and following == token:
            raise RetryableError("Google's list goes in a circle.", code="garbage")
        return Listing(tuple(rows), following or None)

    async def all_of(
        self, model: type[WireT], customer_id: str, query: str, *, manager_id: str | None
    ) -> AsyncIterator[WireT]:
        """All rows of a query, page after page."""
        token: str | None = None
        while True:
            listing = await self.page_of(customer_id, query, manager_id=manager_id, token=token)
            for row in listing.rows:
                yield parsed(model, row)
            token = listing.following
            if token is None:
                return

    async def upload_click_conversions(
        self, customer_id: str, rows: Sequence[JsonValue], *, manager_id: str | None
    ) -> JsonValue:
        """Upload conversions of one account; rows that fail do not hold up the others. The answer's body."""
        answer = await self.access.call(
            "POST",
            self._url(f"customers/{customer_id}:uploadClickConversions"),
            json_body={"conversions": list(rows), "partialFailure": True},
            headers=self._headers(manager_id),
        )
        return answer.body

    def _url(self, path: str) -> str:
        return f"{ADS_HOST}/{self.settings.api_version}/{path}"

    def _headers(self, manager_id: str | None) -> dict[str, str]:
        headers = {} if manager_id is None else {"login-customer-id": manager_id}
        if self.settings.developer_token is not None:
            headers["developer-token"] = self.settings.developer_token.get_secret_value()
        return headers
