"""Connecting an account: the browser leaves for the platform, comes back, and a connection stands.

Re-sync and authorise are the same flow with a known connection, guarded so that the account cannot change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.connector.access import Access, Transport
from hub.connector.base import Authorizes, Connector
from hub.connector.clock import Clock
from hub.connector.errors import PermanentError
from hub.connector.models import Account, Grant, OAuthProfile
from hub.connector.oauth import Redirect, authorize_url
from hub.core.connections import grants
from hub.core.connections.access import build_access
from hub.core.connections.apart import call_pure
from hub.core.connections.apps import Connectors, installed, load_app, load_settings
from hub.core.connections.authorisation_requests import (
    CallbackRefusedError,
    Claim,
    Visitor,
    claim_request,
    read_code,
    store_request,
)
from hub.core.connections.establishing import Authorisation, create_waiting, establish, lock_organisation
from hub.core.connections.models import connections
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import UnknownConnectionError
from hub.db.engine import Database


@dataclass(frozen=True)
class _SignIn:
    """One connector under both of its natures, and the settings of the app."""

    connector: Connector
    authorizes: Authorizes
    settings: BaseModel | None


class Authoriser:
    """Leads admins through the sign-in at a platform; one per process."""

    def __init__(
        self, database: Database, connectors: Connectors, sealer: Sealer, transport: Transport, clock: Clock
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._sealer = sealer
        self._transport = transport
        self._clock = clock

    async def begin(
        self, visitor: Visitor, app_id: UUID, redirect_uri: str, *, connection_id: UUID | None = None
    ) -> str:
        """The platform's address to send the browser to.

        Raises ``UnknownAppError``, ``UnknownConnectionError`` (also for a connection of another app) and
        ``PermanentError`` where the connector knows no sign-in or has no credentials yet.
        """
        sign_in = await self._database.read(self._sign_in, visitor.organisation_id, app_id)
        if sign_in.settings is None:
            raise PermanentError("This app has no credentials yet. Fill them in first.", code="no_settings")
        profile = await call_pure(sign_in.authorizes.oauth_for, sign_in.settings)
        credentials = await call_pure(sign_in.authorizes.credentials, sign_in.settings)
        state, redirect = await self._database.write(self._begin, visitor, app_id, redirect_uri, connection_id)
        return authorize_url(
            profile,
            credentials,
            redirect=redirect,
            state=state,
            placeholders={name: str(value) for name, value in sign_in.settings.model_dump().items()},
        )

    async def complete(
        self, visitor: Visitor, params: Mapping[str, str], redirect_uri: str, *, actor: str
    ) -> Authorisation:
        """Take the platform's redirect: check it, exchange the code, see whom it reaches, store everything.

        Raises ``CallbackRefusedError`` where the redirect is not followed, ``EventRefusedError`` with code
        ``wrong_account``, or an error of the connector. Then nothing is stored, but the state is used up.
        """
        claim = await self._database.write(
            claim_request, self._sealer, visitor, params, redirect_uri, self._clock.now()
        )
        if isinstance(claim, CallbackRefusedError):
            raise claim
        sign_in = await self._database.read(self._sign_in, visitor.organisation_id, claim.app_id)
        code = read_code(params, sign_in.authorizes.oauth.issuer)
        grant = await sign_in.authorizes.exchange(code, claim.redirect, self._access(sign_in, None))
        account = await sign_in.connector.identify(self._access(sign_in, grant))
        # A grant for the wrong account is dropped and not revoked: revoking might end another connection's grant.
        return await self._database.write(self._store, visitor, claim, sign_in, grant, account, actor)

    def _begin(
        self,
        connection: Connection,
        visitor: Visitor,
        app_id: UUID,
        redirect_uri: str,
        connection_id: UUID | None,
    ) -> tuple[str, Redirect]:
        if connection_id is not None:
            _check_connection(connection, visitor.organisation_id, connection_id, app_id)
        return store_request(
            connection,
            self._sealer,
            visitor,
            app_id=app_id,
            connection_id=connection_id,
            redirect_uri=redirect_uri,
            now=self._clock.now(),
        )

    def _sign_in(self, connection: Connection, organisation_id: UUID, app_id: UUID) -> _SignIn:
        app = load_app(connection, organisation_id, app_id)
        connector = installed(self._connectors, app.connector)
        if not isinstance(connector, Authorizes):
            raise PermanentError("This connector works without signing in.", code="no_sign_in")
        settings = load_settings(connection, self._sealer, connector, organisation_id, app_id)
        return _SignIn(connector, connector, settings)

    def _access(self, sign_in: _SignIn, grant: Grant | None) -> Access:
        return build_access(self._transport, self._clock, sign_in.connector, settings=sign_in.settings, grant=grant)

    def _store(
        self,
        connection: Connection,
        visitor: Visitor,
        claim: Claim,
        sign_in: _SignIn,
        grant: Grant,
        account: Account,
        actor: str,
    ) -> Authorisation:
        now, organisation_id = self._clock.now(), visitor.organisation_id
        connection_id = claim.connection_id or self._find_or_create(
            connection, organisation_id, claim, sign_in.connector.manifest.key, account
        )
        missing = account.missing_rights or missing_by_scope(sign_in.connector, sign_in.authorizes.oauth, grant)
        done = establish(connection, organisation_id, connection_id, account, missing, actor=actor, now=now)
        grants.store_new(connection, self._sealer, organisation_id, connection_id, grant, now)
        return done

    def _find_or_create(
        self, connection: Connection, organisation_id: UUID, claim: Claim, connector_key: str, account: Account
    ) -> UUID:
        """Signing in with an account that is connected already renews that connection instead of doubling it."""
        lock_organisation(connection, organisation_id)
        found: UUID | None = connection.scalar(
            sa.select(connections.c.id)
            .where(
                connections.c.organisation_id == organisation_id,
                connections.c.connector == connector_key,
                connections.c.app_id == claim.app_id,
                connections.c.account_id == account.id,
            )
            .order_by(connections.c.id)
            .limit(1)
        )
        return found or create_waiting(
            connection,
            organisation_id,
            connector=connector_key,
            app_id=claim.app_id,
            name=account.name,
            now=self._clock.now(),
        )


def missing_by_scope(connector: Connector, profile: OAuthProfile, grant: Grant) -> tuple[str, ...]:
    """The rights that were asked for and not granted, in the words of the access review (TK-07).

    Nothing where the platform does not say what it granted.
    """
    if not grant.scopes:
        return ()
    lacking = [scope for scope in profile.scopes if scope not in grant.scopes]
    words = {scope: item.label for item in connector.manifest.access_review for scope in item.scopes}
    return tuple(dict.fromkeys(words.get(scope, scope) for scope in lacking))


def _check_connection(connection: Connection, organisation_id: UUID, connection_id: UUID, app_id: UUID) -> None:
    found = connection.scalar(
        sa.select(connections.c.id).where(
            connections.c.organisation_id == organisation_id,
            connections.c.id == connection_id,
            connections.c.app_id == app_id,
        )
    )
    if found is None:
        raise UnknownConnectionError("This connection does not exist.")
