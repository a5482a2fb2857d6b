"""Platform integration: connectors, their apps, connections and what an admin does with them (Z-165 to Z-191)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.base import Authorizes, Connector, HostsForms, Polls, Receives, Subscribes
from hub.connector.text import storable
from hub.core.accounts.permissions import Permission
from hub.core.connections import apps, parts, queries, service
from hub.core.connections.apps import App
from hub.core.pulls.service import pull_all_soon
from hub.web.api.connection_failures import connection_failures
from hub.web.api.fields import Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.problems import FieldProblem, invalid
from hub.web.working_parts import WorkingParts

CONNECTIONS = RouteGroup("Platform integration", failures=connection_failures)
_VIEW, _ADD, _EDIT, _DELETE = (Permission("connections", action) for action in ("view", "add", "edit", "delete"))
Reason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(storable)]


class AccessLine(BaseModel):
    """One line of the access review, with the platform's permission names behind it."""

    label: str
    scopes: list[str]


class ConnectorShown(BaseModel):
    """An installed connector. ``settings_schema`` (JSON Schema) draws the form for the app's credentials."""

    key: str
    name: str
    capabilities: list[str]
    access_review: list[AccessLine]
    settings_schema: dict[str, JsonValue] | None
    retention_days: int | None


class Connectors(BaseModel):
    """Everything that can be connected."""

    items: list[ConnectorShown]


class AppShown(BaseModel):
    """The hub's registration at a platform. Of secrets only their names are shown."""

    id: UUID
    connector: str
    name: str
    webhook_url: str
    callback_url: str
    settings: dict[str, JsonValue]
    secrets_set: list[str]
    created_at: datetime
    edited_at: datetime


class Apps(BaseModel):
    """All apps of the organisation."""

    items: list[AppShown]


class NewApp(Input):
    """``settings`` as the connector's ``settings_schema`` describes them."""

    connector: Annotated[str, Field(max_length=40)]
    name: Name
    settings: dict[str, JsonValue]


class ChangedApp(Input):
    """What ``settings`` does not name stays as it is, secrets too."""

    name: Name
    settings: dict[str, JsonValue]


class AppPath(Input):
    """One app."""

    app_id: UUID


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


@CONNECTIONS.route("GET", "/api/v1/connectors", permission=_VIEW, answers=Connectors, summary="What can be connected")
async def list_connectors(call: Call) -> Connectors:
    """With the access review that an admin reads before signing in."""
    return Connectors(items=[_connector(each) for each in call.services.get(WorkingParts).connectors.values()])


@CONNECTIONS.route("GET", "/api/v1/apps", permission=_VIEW, answers=Apps, summary="List connector apps")
async def list_apps(call: Call) -> Apps:
    """Each with the addresses to enter at the platform."""

    def load(connection: Connection) -> list[AppShown]:
        return [_app(call, connection, app) for app in apps.list_apps(connection, call.reach.organisation_id)]

    return Apps(items=await call.services.database.read(load))


@CONNECTIONS.route(
    "POST", "/api/v1/apps", permission=_ADD, body=NewApp, answers=AppShown, status=201, summary="Add a connector app"
)
async def create_app(call: Call[NoInput, NoInput, NewApp]) -> AppShown:
    """Stores the app's credentials, sealed."""
    working = call.services.get(WorkingParts)
    if call.body.connector not in working.connectors:
        detail = "This connector is not installed; choose one that GET /api/v1/connectors lists."
        raise invalid([FieldProblem(pointer="/connector", detail=detail)])

    def work(connection: Connection) -> AppShown:
        app = apps.create_app(
            connection,
            working.sealer,
            apps.installed(working.connectors, call.body.connector),
            call.reach.organisation_id,
            name=call.body.name,
            values=call.body.settings,
            actor=call.principal.actor,
            now=call.now,
        )
        return _app(call, connection, app)

    return await call.services.database.write(work)


@CONNECTIONS.route(
    "PATCH",
    "/api/v1/apps/{app_id}",
    permission=_EDIT,
    path=AppPath,
    body=ChangedApp,
    answers=AppShown,
    summary="Change a connector app",
)
async def change_app(call: Call[AppPath, NoInput, ChangedApp]) -> AppShown:
    """A secret that is not named stays."""
    working, organisation_id = call.services.get(WorkingParts), call.reach.organisation_id

    def work(connection: Connection) -> AppShown:
        known = apps.load_app(connection, organisation_id, call.path.app_id)
        app = apps.change_app(
            connection,
            working.sealer,
            apps.installed(working.connectors, known.connector),
            organisation_id,
            known.id,
            name=call.body.name,
            values=call.body.settings,
            actor=call.principal.actor,
            now=call.now,
        )
        return _app(call, connection, app)

    return await call.services.database.write(work)


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
    return await _shown(call)


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
    return await _shown(call)


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
    shown = await _shown(call)
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
    return await _shown(call)


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
    return await _shown(call)


async def _shown(call: Call[Any, Any, Any]) -> ConnectionShown:
    found = await call.services.database.read(
        queries.load_connection,
        call.reach.organisation_id,
        call.path.connection_id,
        call.services.get(WorkingParts).connectors,
        call.now,
    )
    return ConnectionShown.model_validate(found)


_CAPABILITIES: tuple[type, ...] = (Authorizes, Polls, Receives, Subscribes, HostsForms)


def _connector(connector: Connector) -> ConnectorShown:
    manifest = connector.manifest
    return ConnectorShown(
        key=manifest.key,
        name=manifest.name,
        capabilities=[each.__name__ for each in _CAPABILITIES if isinstance(connector, each)],
        access_review=[AccessLine(label=line.label, scopes=list(line.scopes)) for line in manifest.access_review],
        settings_schema=manifest.settings.model_json_schema() if manifest.settings else None,
        retention_days=manifest.retention.days if manifest.retention else None,
    )


def _app(call: Call[Any, Any, Any], connection: Connection, app: App) -> AppShown:
    working, origin = call.services.get(WorkingParts), call.services.settings.origin
    settings = apps.load_settings(
        connection, working.sealer, apps.installed(working.connectors, app.connector), app.organisation_id, app.id
    )
    visible = apps.visible_settings(settings)
    return AppShown(
        id=app.id,
        connector=app.connector,
        name=app.name,
        webhook_url=f"{origin}/hooks/{app.connector}/{app.endpoint_key}",
        callback_url=f"{origin}/oauth/callback",
        settings=dict(visible.values),
        secrets_set=list(visible.secrets_set),
        created_at=app.created_at,
        edited_at=app.edited_at,
    )
