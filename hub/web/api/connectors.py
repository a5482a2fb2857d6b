"""Connectors that are installed, and the apps with which the hub is registered at their platforms (Z-165 to Z-176)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.base import Authorizes, Connector, HostsForms, Polls, Receives, ReportsConversions, Sends, Subscribes
from hub.core.accounts.permissions import Permission
from hub.core.connections import apps
from hub.core.connections.apps import App
from hub.web.api.connection_failures import connection_failures
from hub.web.api.connections import ConnectionShown, load_shown
from hub.web.api.fields import Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.problems import FieldProblem, invalid
from hub.web.working_parts import WorkingParts

CONNECTORS = RouteGroup("Platform integration", failures=connection_failures)
_VIEW, _ADD, _EDIT = (Permission("connections", action) for action in ("view", "add", "edit"))


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
    """The hub's registration at a platform. Of secrets only their names are shown. Without ``has_list``, what the
    webhook misses cannot be read again and is lost at the platform."""

    id: UUID
    connector: str
    name: str
    webhook_url: str
    callback_url: str
    settings: dict[str, JsonValue]
    secrets_set: list[str]
    has_list: bool
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


class Keys(Input):
    """Settings to change first, stored only if the source takes them; what is not named stays as it is."""

    settings: dict[str, JsonValue] = Field(default_factory=dict)


class AppPath(Input):
    """One app."""

    app_id: UUID


@CONNECTORS.route("GET", "/api/v1/connectors", permission=_VIEW, answers=Connectors, summary="What can be connected")
async def list_connectors(call: Call) -> Connectors:
    """With the access review that an admin reads before signing in."""
    return Connectors(items=[_connector(each) for each in call.services.get(WorkingParts).connectors.values()])


@CONNECTORS.route("GET", "/api/v1/apps", permission=_VIEW, answers=Apps, summary="List connector apps")
async def list_apps(call: Call) -> Apps:
    """Each with the addresses to enter at the platform."""

    def load(connection: Connection) -> list[AppShown]:
        return [_app(call, connection, app) for app in apps.list_apps(connection, call.reach.organisation_id)]

    return Apps(items=await call.services.database.read(load))


@CONNECTORS.route(
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


@CONNECTORS.route(
    "PATCH",
    "/api/v1/apps/{app_id}",
    permission=_EDIT,
    path=AppPath,
    body=ChangedApp,
    answers=AppShown,
    summary="Change a connector app",
)
async def change_app(call: Call[AppPath, NoInput, ChangedApp]) -> AppShown:
    """A secret that is not named stays. Where the app is connected by its keys, they are tried at the source first."""
    working, organisation_id = call.services.get(WorkingParts), call.reach.organisation_id
    await working.key_authoriser.check(organisation_id, call.path.app_id, call.body.settings)

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


@CONNECTORS.route(
    "POST",
    "/api/v1/apps/{app_id}/connections",
    permission=_ADD,
    path=AppPath,
    body=Keys,
    answers=ConnectionShown,
    status=201,
    summary="Connect an account by the keys of its app",
)
async def connect_by_keys(call: Call[AppPath, NoInput, Keys]) -> ConnectionShown:
    """For connectors without a sign-in. Repeated, it lets the same connection work again after its keys died."""
    working, organisation_id = call.services.get(WorkingParts), call.reach.organisation_id
    done = await working.key_authoriser.connect(
        organisation_id, call.path.app_id, call.body.settings, actor=call.principal.actor
    )
    await working.on_connected(organisation_id, done.connection_id)
    return await load_shown(call, done.connection_id)


_CAPABILITIES: tuple[type, ...] = (Authorizes, Polls, Receives, Subscribes, HostsForms, Sends, ReportsConversions)


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
    connector = apps.installed(working.connectors, app.connector)
    settings = apps.load_settings(connection, working.sealer, connector, app.organisation_id, app.id)
    visible = apps.visible_settings(settings)
    return AppShown(
        id=app.id,
        connector=app.connector,
        name=app.name,
        webhook_url=f"{origin}/hooks/{app.connector}/{app.endpoint_key}",
        callback_url=f"{origin}/oauth/callback",
        settings=dict(visible.values),
        secrets_set=list(visible.secrets_set),
        has_list=isinstance(connector, Polls) and (settings is None or connector.lists(settings)),
        created_at=app.created_at,
        edited_at=app.edited_at,
    )
