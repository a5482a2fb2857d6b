"""Connections to accounts at platforms, and what an admin does with them (Z-168 to Z-191)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.connector.text import storable
from hub.core.accounts.permissions import Permission
from hub.core.connections import parts, queries, service
from hub.core.pulls.service import pull_all_soon
from hub.web.api.connection_failures import connection_failures
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.working_parts import WorkingParts

CONNECTIONS = RouteGroup("Platform integration", failures=connection_failures)
_VIEW, _ADD, _EDIT, _DELETE = (Permission("connections", action) for action in ("view", "add", "edit", "delete"))
Reason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(storable)]


class MissingRightShown(BaseModel):
    """A right that must still be granted, and for which part and centre."""

    model_config = ConfigDict(from_attributes=True)

    right: str
    part_name: str | None
    centre_name: str | None


class PartShown(BaseModel):
    """A page, customer account or number inside the account; ``limited_since`` while the hub cannot do all its work
    for it."""

    model_config = ConfigDict(from_attributes=True)

    part_id: str
    name: str
    missing_rights: list[str]
    centre_id: UUID | None
    centre_name: str | None
    is_selected: bool
    limited_since: datetime | None
    causes: list[str]
    """Codes of the errors that limit the part."""


class RecoveryShown(BaseModel):
    """What the platform still holds of the time since the connection began to fail."""

    model_config = ConfigDict(from_attributes=True)

    failing_since: datetime
    days_left: int | None
    leads_waiting: int
    lost_from: datetime | None
    lost_until: datetime | None
    leads_lost: int


class ConnectionShown(BaseModel):
    """A connection: ``label`` is the status text, the rest the facts behind it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    connector: str
    app_id: UUID | None
    name: str
    account_id: str | None
    account_name: str | None
    state: str
    label: str
    re_sync_days: int | None
    reason: str | None
    has_grant: bool
    expires_at: datetime | None
    authorised_until: datetime | None
    last_ok_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    failures_in_row: int
    is_delayed: bool
    next_attempt_at: datetime | None
    is_limited: bool
    missing_rights: list[MissingRightShown]
    parts: list[PartShown]
    leads_per_day: float
    recovery: RecoveryShown | None
    created_at: datetime
    state_changed_at: datetime


class Connections(BaseModel):
    """All connections of the organisation."""

    items: list[ConnectionShown]


class ConnectionPath(Input):
    """One connection."""

    connection_id: UUID


class PartPath(ConnectionPath):
    """One part of a connection's account."""

    part_id: Annotated[str, Field(max_length=200)]


class PartCentre(Input):
    """The centre that the part's leads belong to; null for none."""

    centre_id: UUID | None


class Switch(Input):
    """On or off."""

    is_active: bool


class Ending(Input):
    """Why the connection ends; it stands in the audit record."""

    reason: Reason


@CONNECTIONS.route(
    "GET", "/api/v1/connections", permission=_VIEW, answers=Connections, summary="List connections with their health"
)
async def list_connections(call: Call) -> Connections:
    """Status, re-sync time left and authorisation health of each account (Z-171)."""
    connectors = call.services.get(WorkingParts).connectors
    found = await call.services.database.read(
        queries.list_connections, call.reach.organisation_id, connectors, call.now
    )
    return Connections(items=[ConnectionShown.model_validate(each) for each in found])


@CONNECTIONS.route(
    "GET",
    "/api/v1/connections/{connection_id}",
    permission=_VIEW,
    path=ConnectionPath,
    answers=ConnectionShown,
    summary="Show a connection",
)
async def show_connection(call: Call[ConnectionPath]) -> ConnectionShown:
    """Everything known of its health."""
    return await load_shown(call, call.path.connection_id)


@CONNECTIONS.route(
    "PUT",
    "/api/v1/connections/{connection_id}/active",
    permission=_EDIT,
    path=ConnectionPath,
    body=Switch,
    answers=ConnectionShown,
    summary="Switch a connection on or off",
)
async def switch(call: Call[ConnectionPath, NoInput, Switch]) -> ConnectionShown:
    """Switched off, its grant is kept and what arrives is held in quarantine."""
    change = service.activate if call.body.is_active else service.deactivate
    await call.services.database.write(
        change, call.reach.organisation_id, call.path.connection_id, actor=call.principal.actor, now=call.now
    )
    if call.body.is_active:
        await call.services.get(WorkingParts).on_connected(call.reach.organisation_id, call.path.connection_id)
    return await load_shown(call, call.path.connection_id)


@CONNECTIONS.route(
    "POST",
    "/api/v1/connections/{connection_id}/pull",
    permission=_EDIT,
    path=ConnectionPath,
    status=202,
    answers=ConnectionShown,
    summary="Read everything new at the platform now",
)
async def pull(call: Call[ConnectionPath]) -> ConnectionShown:
    """Every form of the connection is read at once instead of at its next turn."""
    shown = await load_shown(call, call.path.connection_id)
    await call.services.database.write(pull_all_soon, call.reach.organisation_id, call.path.connection_id, call.now)
    await call.services.get(WorkingParts).on_connected(call.reach.organisation_id, call.path.connection_id)
    return shown


@CONNECTIONS.route(
    "POST",
    "/api/v1/connections/{connection_id}/disconnection",
    permission=_EDIT,
    path=ConnectionPath,
    body=Ending,
    answers=ConnectionShown,
    summary="Disconnect an account",
)
async def disconnect(call: Call[ConnectionPath, NoInput, Ending]) -> ConnectionShown:
    """The grant is revoked and destroyed, deliveries are switched off, leads stay."""
    await call.services.get(WorkingParts).disconnector.disconnect(
        call.reach.organisation_id, call.path.connection_id, reason=call.body.reason, actor=call.principal.actor
    )
    return await load_shown(call, call.path.connection_id)


@CONNECTIONS.route(
    "POST",
    "/api/v1/connections/{connection_id}/deletion",
    permission=_DELETE,
    path=ConnectionPath,
    body=Ending,
    summary="Delete a connection",
)
async def delete(call: Call[ConnectionPath, NoInput, Ending]) -> None:
    """Forms and mappings go with it; leads and the audit record stay."""
    await call.services.get(WorkingParts).disconnector.delete(
        call.reach.organisation_id, call.path.connection_id, reason=call.body.reason, actor=call.principal.actor
    )


@CONNECTIONS.route(
    "PUT",
    "/api/v1/connections/{connection_id}/parts/{part_id}/centre",
    permission=_EDIT,
    path=PartPath,
    body=PartCentre,
    answers=ConnectionShown,
    summary="Say which centre a part's leads belong to",
)
async def set_centre(call: Call[PartPath, NoInput, PartCentre]) -> ConnectionShown:
    """Counts for leads that come from now on."""
    await call.services.database.write(
        parts.set_centre,
        call.reach.organisation_id,
        call.path.connection_id,
        call.path.part_id,
        call.body.centre_id,
        actor=call.principal.actor,
        now=call.now,
    )
    return await load_shown(call, call.path.connection_id)


async def load_shown(call: Call[Any, Any, Any], connection_id: UUID) -> ConnectionShown:
    """One connection of the organisation that asks, as every route shows it."""
    found = await call.services.database.read(
        queries.load_connection,
        call.reach.organisation_id,
        connection_id,
        call.services.get(WorkingParts).connectors,
        call.now,
    )
    return ConnectionShown.model_validate(found)
