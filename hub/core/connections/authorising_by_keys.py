"""Connecting by keys: for sources without a sign-in, whose keys or signing secret stand in the app's settings.

One app is one account. Keys are tried at the source before they are stored, so that a connection never goes on with
those of another account. A connection by keys has no grant of its own: ``has_grant`` says that its keys work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.connector.access import Transport
from hub.connector.base import Authorizes, Connector, HostsForms
from hub.connector.clock import Clock
from hub.connector.errors import PermanentError
from hub.connector.models import Account
from hub.core.connections.access import build_access
from hub.core.connections.apps import (
    App,
    Connectors,
    changed_settings,
    find_connector,
    installed,
    load_app,
    store_settings,
)
from hub.core.connections.establishing import Authorisation, create_waiting, establish, lock_organisation
from hub.core.connections.models import connections
from hub.core.connections.sealing import Sealer
from hub.core.connections.state import ConnectionState, EventRefusedError
from hub.db.engine import Database


@dataclass(frozen=True)
class _Keys:
    """An app, its connector, and the settings that are to be tried."""

    app: App
    connector: Connector
    settings: BaseModel | None


@dataclass(frozen=True)
class _Standing:
    """The connection that an app has already."""

    id: UUID
    account_id: str | None
    state: ConnectionState


class KeyAuthoriser:
    """Connects accounts by the keys that an admin typed in; one per process."""

    def __init__(
        self, database: Database, connectors: Connectors, sealer: Sealer, transport: Transport, clock: Clock
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._sealer = sealer
        self._transport = transport
        self._clock = clock

    async def connect(
        self, organisation_id: UUID, app_id: UUID, values: Mapping[str, Any], *, actor: str
    ) -> Authorisation:
        """Try an app's keys at the source and let its connection work: a new one, or the one it has, whose keys died.

        ``values`` are settings to change first, stored only if the source takes them; what they do not name stays.
        Raises ``UnknownAppError``, ``SettingsRefusedError``, ``EventRefusedError`` with code ``wrong_account``,
        ``PermanentError`` where the connector signs in or hosts our own forms, or an error of the connector.
        """
        keys = await self._database.read(self._keys, organisation_id, app_id, values)
        account = await self._identify(keys)
        return await self._database.write(self._store, keys, account, bool(values), actor)

    async def check(self, organisation_id: UUID, app_id: UUID, values: Mapping[str, Any]) -> None:
        """Refuse settings with which the app's connection would not work, or would reach another account.

        Nothing is asked where the app has no connection by keys. Raises as ``connect``.
        """
        if not await self._database.read(self._is_in_use, organisation_id, app_id):
            return
        keys = await self._database.read(self._keys, organisation_id, app_id, values)
        account = await self._identify(keys)
        await self._database.read(_standing, keys.app, account)

    def _keys(self, connection: Connection, organisation_id: UUID, app_id: UUID, values: Mapping[str, Any]) -> _Keys:
        app = load_app(connection, organisation_id, app_id)
        connector = installed(self._connectors, app.connector)
        if not connects_by_keys(connector):
            raise PermanentError("This connector is connected by signing in at its platform.", code="needs_sign_in")
        settings = changed_settings(connection, self._sealer, connector, app, values)
        if settings is None and connector.manifest.settings is not None:
            raise PermanentError("This app has no settings yet. Fill them in first.", code="no_settings")
        return _Keys(app, connector, settings)

    async def _identify(self, keys: _Keys) -> Account:
        access = build_access(self._transport, self._clock, keys.connector, settings=keys.settings)
        account = await keys.connector.identify(access)
        manifest = keys.connector.manifest
        if account.id == manifest.key and account.name == manifest.name:
            return account.model_copy(update={"name": keys.app.name})
        return account

    def _store(
        self, connection: Connection, keys: _Keys, account: Account, are_changed: bool, actor: str
    ) -> Authorisation:
        now, organisation_id = self._clock.now(), keys.app.organisation_id
        lock_organisation(connection, organisation_id)
        standing = _standing(connection, keys.app, account)
        if are_changed:
            store_settings(connection, self._sealer, keys.app, keys.settings, actor=actor, now=now)
        connection_id = (
            standing.id
            if standing
            else create_waiting(
                connection,
                organisation_id,
                connector=keys.app.connector,
                app_id=keys.app.id,
                name=account.name,
                now=now,
            )
        )
        done = establish(
            connection, organisation_id, connection_id, account, account.missing_rights, actor=actor, now=now
        )
        connection.execute(
            sa.update(connections)
            .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
            .values(has_grant=True)
        )
        return done

    def _is_in_use(self, connection: Connection, organisation_id: UUID, app_id: UUID) -> bool:
        app = load_app(connection, organisation_id, app_id)
        connector = find_connector(self._connectors, app.connector)
        standing = _of_app(connection, app)
        return (
            connector is not None
            and connects_by_keys(connector)
            and standing is not None
            and standing.state is not ConnectionState.DISCONNECTED
        )


def connects_by_keys(connector: Connector) -> bool:
    """Whether an account of this connector is connected by what stands in its app's settings."""
    return not isinstance(connector, Authorizes | HostsForms)


def _standing(connection: Connection, app: App, account: Account) -> _Standing | None:
    """The app's connection. Raises ``EventRefusedError`` where it belongs to another account."""
    found = _of_app(connection, app)
    if found is not None and found.account_id != account.id:
        raise EventRefusedError(
            "These keys belong to another account than the connection of this app. Enter the keys of the same "
            "account, or add another app for the other one.",
            "wrong_account",
        )
    return found


def _of_app(connection: Connection, app: App) -> _Standing | None:
    row = connection.execute(
        sa.select(connections.c.id, connections.c.account_id, connections.c.state)
        .where(connections.c.organisation_id == app.organisation_id, connections.c.app_id == app.id)
        .order_by(connections.c.id)
        .limit(1)
    ).first()
    return None if row is None else _Standing(row.id, row.account_id, ConnectionState(row.state))
