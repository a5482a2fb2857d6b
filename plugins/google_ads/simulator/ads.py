"""The Google Ads API by REST: lists of accounts, and queries, as strict as the documentation (section 4)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import JsonValue

from hub.testing.tokens import IssuedToken
from plugins.google_ads.simulator.answers import AdsError, authentication, forbidden, request_error, scope_missing
from plugins.google_ads.simulator.gaql import Query, parse_query
from plugins.google_ads.simulator.rows import field_mask, rows_of
from plugins.google_ads.simulator.uploads import MEMBERS, Uploads
from plugins.google_ads.simulator.world import GoogleWorld

ADS_SCOPE = "https://www.googleapis.com/auth/adwords"
STREAM_MEMBERS = frozenset({"query", "summaryRowSetting"})
SEARCH_MEMBERS = frozenset({"query", "pageToken", "validateOnly", "searchSettings"})
OPEN_STATUSES = ("ENABLED", "SUSPENDED")


class AdsApi:
    """One handler per call; a refusal is an exception until it becomes an answer."""

    def __init__(self, world: GoogleWorld) -> None:
        self._world = world
        self._uploads = Uploads(world)

    async def accessible(self, request: web.Request) -> web.Response:
        """``customers:listAccessibleCustomers``: what opens without a detour, closed or not."""
        try:
            person_id = self._caller(request).facts["person"]
            ids = self._world.people[person_id].account_ids
            if not ids:
                raise authentication("NOT_ADS_USER", "The Google Account has no Ads account.")
            return web.json_response({"resourceNames": [f"customers/{each}" for each in ids]})
        except AdsError as error:
            return self._refused(error)

    async def search(self, request: web.Request) -> web.Response:
        """``googleAds:search``: one page, and where the next begins."""
        try:
            body = await self._body(request, SEARCH_MEMBERS)
            customer_id = self._customer(request)
            text = str(body.get("query", ""))
            query = parse_query(text)
            rows = self._resumed(customer_id, text, body["pageToken"]) if body.get("pageToken") else None
            if rows is None:
                rows = rows_of(self._world, query, customer_id)
            answer = self._page(customer_id, text, query, rows)
            self._world.page_was_read()
            return web.json_response(answer)
        except AdsError as error:
            return self._refused(error)

    async def stream(self, request: web.Request) -> web.Response:
        """``googleAds:searchStream``: all rows in chunks; a refusal comes in a list too."""
        try:
            query = parse_query(str((await self._body(request, STREAM_MEMBERS)).get("query", "")))
            rows = rows_of(self._world, query, self._customer(request))
            size = self._world.largest_page
            chunks = [
                {"results": rows[start : start + size], "fieldMask": field_mask(query), "requestId": f"r{start}"}
                for start in range(0, len(rows), size)
            ]
            return web.json_response(chunks or [{"fieldMask": field_mask(query), "requestId": "r0"}])
        except AdsError as error:
            return self._refused(error, in_list=True)

    async def upload(self, request: web.Request) -> web.Response:
        """``customers/{id}:uploadClickConversions``: rows that fail do not hold up the others."""
        try:
            body = await self._body(request, MEMBERS)
            customer_id = self._customer(request)
            person = self._world.people[self._caller(request).facts["person"]]
            if person.id in self._world.only_reading:
                raise forbidden("ACTION_NOT_PERMITTED", "The user may only read this account.")
            return web.json_response(self._uploads.take(body, customer_id))
        except AdsError as error:
            return self._refused(error)

    def _page(self, customer_id: str, text: str, query: Query, rows: list[JsonValue]) -> dict[str, Any]:
        """The first rows; the rest is kept as it is now, so that leads which come meanwhile do not shift it."""
        size = self._world.largest_page
        answer: dict[str, Any] = {"fieldMask": field_mask(query)}
        if rows:
            answer["results"] = rows[:size]
        if len(rows) > size:
            number = len(self._world.snapshots)
            token = hashlib.sha256(f"{number} {customer_id} {text} {len(rows)}".encode()).hexdigest()[:24]
            self._world.snapshots[token] = (customer_id, text, rows[size:])
            answer["nextPageToken"] = token
        return answer

    def _resumed(self, customer_id: str, text: str, token: Any) -> list[JsonValue]:
        found = self._world.snapshots.get(token) if isinstance(token, str) else None
        if found is None:
            raise request_error("EXPIRED_PAGE_TOKEN", "The page token has expired.")
        if found[:2] != (customer_id, text):
            raise request_error("INVALID_PAGE_TOKEN", "The page token belongs to another query.")
        return found[2]

    # --- who asks -----------------------------------------------------------------------------------------

    def _caller(self, request: web.Request) -> IssuedToken:
        world = self._world
        if request.match_info["version"] != world.api_version:
            raise request_error("UNSUPPORTED_VERSION", "This version is not served.")
        token = living_token(world, request)
        if ADS_SCOPE not in token.scopes:
            raise scope_missing()
        given = request.headers.get("developer-token")
        if world.needs_developer_token and given is None:
            raise request_error("DEVELOPER_TOKEN_PARAMETER_MISSING", "Developer token is missing.")
        if world.refuses_developer_token and given is not None:
            raise forbidden("DEVELOPER_TOKEN_PROHIBITED", "Developer tokens are no longer taken.")
        return token

    def _customer(self, request: web.Request) -> str:
        """The account in the path, once the caller was found to reach it by the manager named in the header."""
        world, token = self._world, self._caller(request)
        customer_id = request.match_info["customer"]
        if not (customer_id.isdecimal() and len(customer_id) == 10):
            raise request_error("INVALID_CUSTOMER_ID", f"Invalid customer ID '{customer_id}'.")
        through = request.headers.get("login-customer-id", customer_id)
        if not (through.isdecimal() and len(through) == 10):
            raise AdsError("headerError", "INVALID_LOGIN_CUSTOMER_ID", "Digits only, without dashes.")
        if through not in world.people[token.facts["person"]].account_ids:
            raise forbidden("USER_PERMISSION_DENIED", "User doesn't have permission to access customer.")
        if customer_id not in world.accounts or not world.is_below(customer_id, through):
            raise forbidden("USER_PERMISSION_DENIED", "The customer does not stand under the login customer.")
        if world.accounts[customer_id].status not in OPEN_STATUSES:
            raise forbidden("CUSTOMER_NOT_ENABLED", "The customer account can't be accessed.")
        if customer_id in world.without_terms:
            raise forbidden("MISSING_TOS", "The terms of service were not accepted.")
        return customer_id

    async def _body(self, request: web.Request, members: frozenset[str]) -> Mapping[str, Any]:
        """The request's JSON. The page size cannot be chosen, and unknown members are refused."""
        if request.content_type != "application/json":
            raise request_error("REQUIRED_FIELD_MISSING", "The body must be application/json.")
        try:
            body = json.loads(await request.read())
        except ValueError:
            raise request_error("REQUIRED_FIELD_MISSING", "The body is no JSON.") from None
        if not isinstance(body, dict):
            raise request_error("REQUIRED_FIELD_MISSING", "The body is no object.")
        if "pageSize" in body:
            raise request_error("PAGE_SIZE_NOT_SUPPORTED", "Setting the page size is not supported.")
        if unknown := sorted(set(body) - members):
            raise request_error("REQUIRED_FIELD_MISSING", f"Unknown name {unknown[0]}.")
        return body

    def _refused(self, error: AdsError, *, in_list: bool = False) -> web.Response:
        found = error.answer(self._world.api_version, in_list=in_list)
        return web.Response(status=found.status, body=found.body, content_type=found.content_type)


def living_token(world: GoogleWorld, request: web.Request) -> IssuedToken:
    """The access token of a call. Raises ``AdsError`` (401) with the cause of its death."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise authentication("OAUTH_TOKEN_HEADER_INVALID", "Request is missing required authentication credential.")
    token = world.tokens.find(value, "access")
    if token is None:
        raise authentication("OAUTH_TOKEN_INVALID")
    if token.is_revoked:
        raise authentication("OAUTH_TOKEN_REVOKED")
    if world.tokens.is_expired(token):
        raise authentication("OAUTH_TOKEN_EXPIRED")
    return token
