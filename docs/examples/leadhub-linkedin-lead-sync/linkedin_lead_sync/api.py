"""Calls of LinkedIn's versioned API, in Rest.li 2.0.0: parentheses, commas and colons of the protocol stand bare, those
of values are percent-encoded, so addresses are written out here instead of being passed as parameters."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from hub.connector.access import Access, ApiResult
from hub.connector.errors import PartAccessLostError, ReauthorizationNeededError
from pydantic import JsonValue

from linkedin_lead_sync.payloads import Listing, answered
from linkedin_lead_sync.settings import Settings

API = "https://api.linkedin.com"
REST = f"{API}/rest"
PAGE = 100
"""The most that LinkedIn gives at once."""
REPEATED = 5
"""Elements of a page that the next one repeats: where some are deleted meanwhile, nothing slips through the gap."""
NO_ROLE = (
    "LinkedIn does not let this member read the leads of the ad account. Ask for a role on it and on its company page, "
    "or sign in as somebody who has them."
)


async def call(
    access: Access, method: str, path: str, body: JsonValue = None, *, account_id: str | None = None
) -> ApiResult:
    """One call. With ``account_id`` a missing right is one for that ad account alone."""
    headers = {
        "LinkedIn-Version": access.settings(Settings).api_version,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    try:
        return await access.call(method, f"{REST}{path}", json_body=body, headers=headers)
    except ReauthorizationNeededError as error:
        if account_id is None or error.code != "forbidden":
            raise
        raise PartAccessLostError(NO_ROLE, part_id=account_id, detail=error.detail) from None


async def pages(
    access: Access, path: str, *, start: int = 0, account_id: str | None = None
) -> AsyncIterator[tuple[list[JsonValue], int | None]]:
    """Every page of a list, each with the start of the next one (None at the end)."""
    place: int | None = start
    while place is not None:
        joined = "&" if "?" in path else "?"
        body = (await call(access, "GET", f"{path}{joined}count={PAGE}&start={place}", account_id=account_id)).body
        listing = answered(Listing, body)
        place = _next_start(listing, place)
        yield listing.elements, place


def _next_start(listing: Listing, start: int) -> int | None:
    """A short page need not be the last: LinkedIn leaves out what the member may not see."""
    end = start + len(listing.elements)
    has_more = listing.elements and (listing.paging.total is None or end < listing.paging.total)
    return max(start + 1, end - REPEATED) if has_more else None


def encoded(value: str) -> str:
    """A value inside a Rest.li parameter."""
    return quote(value, safe="")


def owner_of(account_id: str) -> str:
    """An ad account as the owner that finders ask for."""
    return f"(sponsoredAccount:{encoded(f'urn:li:sponsoredAccount:{account_id}')})"
