"""API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub.core.accounts import api_keys
from hub.core.accounts.permissions import Permission
from hub.web.api.failures import account_failures
from hub.web.api.fields import Name
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup

KEYS = RouteGroup("API keys", failures=account_failures)


class KeyPath(Input):
    """One key."""

    key_id: UUID


class KeyShown(BaseModel):
    """A key without its secret; ``hint`` is how it begins."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    name: str
    hint: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class KeyPage(BaseModel):
    """Keys that were not revoked, newest first."""

    items: list[KeyShown]
    next_cursor: str | None


class NewKey(Input):
    """``permissions`` are ``resource:action:scope``, each at most what the caller has."""

    name: Name
    permissions: Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=500)]
    expires_at: AwareDatetime


class KeyMade(BaseModel):
    """``key`` is shown this once; only its hash is kept."""

    id: UUID
    key: str


@KEYS.route(
    "GET",
    "/api/v1/api-keys",
    permission=Permission("api_keys", "view"),
    query=PageQuery,
    answers=KeyPage,
    summary="API keys, newest first",
)
async def list_api_keys(call: Call[NoInput, PageQuery]) -> KeyPage:
    """With the scope own: those that the caller made."""
    query = call.query
    rows = await call.services.database.read(api_keys.list_keys, call.reach, before=query.before, limit=query.limit + 1)
    shown, cursor = cut(rows, query.limit, lambda row: Position(row.created_at, row.id))
    return KeyPage(items=[KeyShown.model_validate(row) for row in shown], next_cursor=cursor)


@KEYS.route(
    "POST",
    "/api/v1/api-keys",
    permission=Permission("api_keys", "add"),
    body=NewKey,
    answers=KeyMade,
    status=201,
    summary="Make an API key",
)
async def create_api_key(call: Call[NoInput, NoInput, NewKey]) -> KeyMade:
    """It acts for the caller, within its own permissions, until it expires."""
    body = call.body
    key_id, key = await call.services.database.write(
        api_keys.create_key,
        call.principal,
        name=body.name,
        permissions=body.permissions,
        expires_at=body.expires_at,
        now=call.now,
    )
    return KeyMade(id=key_id, key=key)


@KEYS.route(
    "DELETE",
    "/api/v1/api-keys/{key_id}",
    permission=Permission("api_keys", "delete"),
    path=KeyPath,
    summary="Revoke an API key",
)
async def revoke_api_key(call: Call[KeyPath]) -> None:
    """Acts on the next request."""
    await call.services.database.write(api_keys.revoke_key, call.principal, call.reach, call.path.key_id, call.now)
