"""Apps: the hub's registrations at platforms, with their sealed settings."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, JsonValue, SecretBytes, SecretStr, ValidationError
from sqlalchemy.engine import Connection

from hub.connector.base import Connector
from hub.connector.errors import PermanentError
from hub.core.audit.service import record
from hub.core.connections.models import connector_apps
from hub.core.connections.sealing import Sealer
from hub.core.connections.secret_json import restored, revealed
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id


class Connectors(Protocol):
    """The connectors that are installed, by key: the registry, or a dictionary."""

    def get(self, key: str, /) -> Connector | None:
        """The connector. None, or a ``LookupError``, where it is not installed."""
        ...


def find_connector(connectors: Connectors, key: str) -> Connector | None:
    """The connector of that key, None where it is not installed (any more)."""
    try:
        return connectors.get(key)
    except LookupError:
        return None


def installed(connectors: Connectors, key: str) -> Connector:
    """The connector of that key. Raises ``PermanentError`` where it is not installed (any more)."""
    connector = find_connector(connectors, key)
    if connector is None:
        raise PermanentError(
            f"The connector {key!r} is not installed. Install it again, or remove what uses it.",
            code="connector_missing",
        )
    return connector


class UnknownAppError(Exception):
    """The organisation has no such app."""


@dataclass(frozen=True)
class SettingProblem:
    """What is wrong with one setting; never the value itself, which may be a secret."""

    field: str
    message: str


class SettingsRefusedError(Exception):
    """The values do not make valid settings."""

    def __init__(self, problems: tuple[SettingProblem, ...]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in problems))
        self.problems = problems


@dataclass(frozen=True)
class App:
    """An app without its settings. ``endpoint_key`` is the unguessable part of its webhook address."""

    id: UUID
    organisation_id: UUID
    connector: str
    name: str
    endpoint_key: str
    created_at: datetime
    edited_at: datetime


@dataclass(frozen=True)
class VisibleSettings:
    """Settings as an admin may see them: of the secrets only that they are set."""

    values: Mapping[str, JsonValue]
    secrets_set: tuple[str, ...]


def create_app(
    connection: Connection,
    sealer: Sealer,
    connector: Connector,
    organisation_id: UUID,
    *,
    name: str,
    values: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> App:
    """Register an app. Raises ``SettingsRefusedError`` naming each wrong field."""
    settings = _settings(connector, values)
    app = App(new_id(), organisation_id, connector.manifest.key, name, secrets.token_urlsafe(32), now, now)
    connection.execute(
        sa.insert(connector_apps).values(
            id=app.id,
            organisation_id=organisation_id,
            connector=app.connector,
            name=name,
            endpoint_key=app.endpoint_key,
            settings=_sealed(connection, sealer, organisation_id, app.id, settings),
            created_at=now,
            edited_at=now,
        )
    )
    _note(connection, app, "app_created", actor, now)
    return app


def change_app(
    connection: Connection,
    sealer: Sealer,
    connector: Connector,
    organisation_id: UUID,
    app_id: UUID,
    *,
    name: str,
    values: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> App:
    """Change name and settings. What ``values`` does not name stays, so that a secret need not be typed again."""
    app = load_app(connection, organisation_id, app_id)
    settings = changed_settings(connection, sealer, connector, app, values)
    connection.execute(
        sa.update(connector_apps)
        .where(connector_apps.c.organisation_id == organisation_id, connector_apps.c.id == app_id)
        .values(name=name)
    )
    store_settings(connection, sealer, app, settings, actor=actor, now=now)
    return load_app(connection, organisation_id, app_id)


def changed_settings(
    connection: Connection, sealer: Sealer, connector: Connector, app: App, values: Mapping[str, Any]
) -> BaseModel | None:
    """The app's settings with these values changed, not stored. None where its connector has no settings.

    Raises ``SettingsRefusedError`` naming each wrong field.
    """
    stored = load_settings(connection, sealer, connector, app.organisation_id, app.id)
    return _settings(connector, {**(stored.model_dump() if stored else {}), **values})


def store_settings(
    connection: Connection, sealer: Sealer, app: App, settings: BaseModel | None, *, actor: str, now: datetime
) -> None:
    """Write an app's settings, sealed, in place of those it has."""
    sealed = _sealed(connection, sealer, app.organisation_id, app.id, settings)
    connection.execute(
        sa.update(connector_apps)
        .where(connector_apps.c.organisation_id == app.organisation_id, connector_apps.c.id == app.id)
        .values(settings=sealed, edited_at=now)
    )
    _note(connection, app, "app_changed", actor, now)


def list_apps(connection: Connection, organisation_id: UUID) -> list[App]:
    """The organisation's apps, oldest first."""
    rows = connection.execute(
        sa.select(*_COLUMNS).where(connector_apps.c.organisation_id == organisation_id).order_by(connector_apps.c.id)
    )
    return [App(*row) for row in rows]


def load_app(connection: Connection, organisation_id: UUID, app_id: UUID) -> App:
    """One app. Raises ``UnknownAppError``."""
    row = connection.execute(
        sa.select(*_COLUMNS).where(connector_apps.c.organisation_id == organisation_id, connector_apps.c.id == app_id)
    ).first()
    if row is None:
        raise UnknownAppError("This app does not exist.")
    return App(*row)


def find_app_by_endpoint_key(connection: Connection, endpoint_key: str) -> App | None:
    """The app that an inbound address belongs to, of whichever organisation; None where there is none."""
    row = connection.execute(
        sa.select(*_COLUMNS)
        .where(connector_apps.c.endpoint_key == endpoint_key)
        .execution_options(**{ALL_ORGANISATIONS: "the address itself names the app, and so the organisation"})
    ).first()
    return None if row is None else App(*row)


def load_settings(
    connection: Connection, sealer: Sealer, connector: Connector, organisation_id: UUID, app_id: UUID
) -> BaseModel | None:
    """The settings of an app; None where its connector has no settings. Raises ``UnknownAppError``."""
    row = connection.execute(
        sa.select(connector_apps.c.settings).where(
            connector_apps.c.organisation_id == organisation_id, connector_apps.c.id == app_id
        )
    ).first()
    if row is None:
        raise UnknownAppError("This app does not exist.")
    model = connector.manifest.settings
    if model is None or row.settings is None:
        return None
    opened = sealer.open(connection, organisation_id, "connector_apps", app_id, "settings", row.settings)
    try:
        return restored(model, opened)
    except ValidationError:
        raise PermanentError(
            "The app's stored settings do not fit this version of the connector. Save them again.",
            code="settings_outdated",
        ) from None


def settings_generation(connection: Connection, organisation_id: UUID, app_id: UUID | None) -> int | None:
    """A number that grows with every change of an app's settings; None without an app."""
    edited_at = connection.scalar(
        sa.select(connector_apps.c.edited_at).where(
            connector_apps.c.organisation_id == organisation_id, connector_apps.c.id == app_id
        )
    )
    return None if edited_at is None else round(edited_at.timestamp() * 1_000_000)


def visible_settings(settings: BaseModel | None) -> VisibleSettings:
    """What of an app's settings may be shown."""
    if settings is None:
        return VisibleSettings({}, ())
    fields = type(settings).model_fields
    hidden = tuple(name for name in fields if isinstance(getattr(settings, name), SecretStr | SecretBytes))
    return VisibleSettings(settings.model_dump(mode="json", exclude=set(hidden)), hidden)


_COLUMNS = (
    connector_apps.c.id,
    connector_apps.c.organisation_id,
    connector_apps.c.connector,
    connector_apps.c.name,
    connector_apps.c.endpoint_key,
    connector_apps.c.created_at,
    connector_apps.c.edited_at,
)


def _settings(connector: Connector, values: Mapping[str, Any]) -> BaseModel | None:
    model = connector.manifest.settings
    if model is None:
        return None
    try:
        return model.model_validate(dict(values))
    except ValidationError as refused:
        problems = refused.errors(include_url=False, include_context=False, include_input=False)
        raise SettingsRefusedError(
            tuple(SettingProblem(".".join(str(step) for step in each["loc"]), each["msg"]) for each in problems)
        ) from None


def _sealed(
    connection: Connection, sealer: Sealer, organisation_id: UUID, app_id: UUID, settings: BaseModel | None
) -> bytes | None:
    if settings is None:
        return None
    return sealer.seal(connection, organisation_id, "connector_apps", app_id, "settings", revealed(settings))


def _note(connection: Connection, app: App, action: str, actor: str, now: datetime) -> None:
    detail = {"connector": app.connector}
    record(connection, app.organisation_id, actor=actor, action=action, subject=f"app:{app.id}", now=now, detail=detail)
