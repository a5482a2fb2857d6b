"""Composition of an ``Access`` for a stored connection, with a grant that is fresh, and what its failures lead to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.connector.access import Access, Transport
from hub.connector.base import Authorizes, Connector
from hub.connector.clock import Clock
from hub.connector.errors import PartAccessLostError, PermanentError, ReauthorizationNeededError
from hub.connector.models import Grant, Renewal
from hub.core.connections.apps import Connectors, installed, load_settings, settings_generation
from hub.core.connections.consequences import Consequence, Step, consequence_of
from hub.core.connections.grants import StoredGrant
from hub.core.connections.health import record_failure, record_success
from hub.core.connections.models import connections
from hub.core.connections.renewal import GrantRenewer
from hub.core.connections.sealing import Sealer
from hub.core.connections.service import UnknownConnectionError, lose_grant
from hub.db.engine import Database

T = TypeVar("T")

_NOT_CURED_BY_RENEWAL = ("forbidden", "expired", "never_granted")
"""A missing right is not cured by a new token of the same grant."""


def build_access(
    transport: Transport,
    clock: Clock,
    connector: Connector,
    *,
    settings: BaseModel | None,
    grant: Grant | None = None,
    account_id: str | None = None,
) -> Access:
    """What a connector may use. The refresh token stays behind: only ``renew`` and ``revoke`` are handed it."""
    return Access(
        transport,
        clock,
        grant=grant and grant.model_copy(update={"refresh_token": None}),
        settings=settings,
        account_id=account_id,
        error_rules=connector.error_rules,
        hosts=connector.manifest.hosts,
    )


@dataclass(frozen=True)
class Opened:
    """An access, the generation of the grant in it (of the app's settings where those are the keys; None: without
    either), and whether it can be renewed by a refresh token."""

    access: Access
    generation: int | None = None
    has_refresh_token: bool = False


@dataclass(frozen=True)
class _Reach:
    connector: Connector
    settings: BaseModel | None
    account_id: str | None
    needs_grant: bool
    authorised_until: datetime | None
    settings_generation: int | None


class ConnectionAccess:
    """Opens accesses for connections; one per process, for jobs and for the web layer."""

    def __init__(
        self,
        database: Database,
        connectors: Connectors,
        renewer: GrantRenewer,
        sealer: Sealer,
        transport: Transport,
        clock: Clock,
        *,
        random: Random | None = None,
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._renewer = renewer
        self._sealer = sealer
        self._transport = transport
        self._clock = clock
        self._random = random or Random()

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        """An access with a fresh grant.

        Raises ``UnknownConnectionError``, ``ReauthorizationNeededError`` where an admin must sign in, or what a
        renewal raised; state and health facts say so by then.
        """
        return (await self.open_numbered(organisation_id, connection_id)).access

    async def open_numbered(
        self, organisation_id: UUID, connection_id: UUID, *, refused_generation: int | None = None
    ) -> Opened:
        """An access and which generation of the grant is in it.

        ``refused_generation`` is that of a grant which the platform did not take: unless a newer one is stored
        already, it is renewed now.
        """
        try:
            reach = await self._database.read(self._reach, organisation_id, connection_id)
        except PermanentError as failure:
            await self.note_failure(organisation_id, connection_id, failure)
            raise
        if not reach.needs_grant or not isinstance(reach.connector, Authorizes):
            return Opened(self._access(reach, None), reach.settings_generation)
        if reach.authorised_until is not None and reach.authorised_until <= self._clock.now():
            raise await self._expired(organisation_id, connection_id)
        stored = await self._fresh(reach, reach.connector, organisation_id, connection_id, refused_generation)
        has_refresh_token = (
            reach.connector.oauth.renewal is Renewal.REFRESH_TOKEN and stored.grant.refresh_token is not None
        )
        return Opened(self._access(reach, stored.grant), stored.generation, has_refresh_token)

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        """Do some work with a connection and note in its health, or in its state, how it went.

        ``work`` may be called twice: a token refused before its time (a clock was set, or the platform changed
        its mind) is renewed once before an admin is asked to sign in. Raises what the second attempt raised.
        ``PartAccessLostError`` has no consequence here: what follows for the part is the caller's to note
        (``hub.core.connections.part_limits``).
        """
        opened = await self.open_numbered(organisation_id, connection_id)
        try:
            result = await work(opened.access)
        except ReauthorizationNeededError as refused:
            if not opened.has_refresh_token or not _is_cured_by_renewal(refused):
                await self.note_failure(organisation_id, connection_id, refused, generation=opened.generation)
                raise
            result = await self._run_renewed(organisation_id, connection_id, work, opened.generation)
        except Exception as failure:
            await self.note_failure(organisation_id, connection_id, failure)
            raise
        await self._database.write(record_success, organisation_id, connection_id, self._clock.now())
        return result

    async def _run_renewed(
        self,
        organisation_id: UUID,
        connection_id: UUID,
        work: Callable[[Access], Awaitable[T]],
        refused_generation: int | None,
    ) -> T:
        opened = await self.open_numbered(organisation_id, connection_id, refused_generation=refused_generation)
        try:
            return await work(opened.access)
        except Exception as failure:
            await self.note_failure(organisation_id, connection_id, failure, generation=opened.generation)
            raise

    async def note_failure(
        self, organisation_id: UUID, connection_id: UUID, failure: Exception, *, generation: int | None = None
    ) -> Consequence:
        """Let a failure have its consequence for the connection; returns the row of the table for the work.

        ``generation`` is that of the grant which was used, if any: a newer one is not blamed for it.
        """
        consequence = consequence_of(failure)
        now = self._clock.now()
        if consequence.step is Step.LOSE_GRANT and isinstance(failure, ReauthorizationNeededError):
            await self._database.write(
                lose_grant,
                organisation_id,
                connection_id,
                reason=failure.code,
                user_message=failure.user_message,
                now=now,
                generation=generation,
            )
        else:
            await self._database.write(record_failure, organisation_id, connection_id, failure, now, self._random)
        return consequence

    def _reach(self, connection: Connection, organisation_id: UUID, connection_id: UUID) -> _Reach:
        row = connection.execute(
            sa.select(connections).where(
                connections.c.organisation_id == organisation_id, connections.c.id == connection_id
            )
        ).first()
        if row is None:
            raise UnknownConnectionError("This connection does not exist.")
        connector = installed(self._connectors, row.connector)
        settings = None
        if row.app_id is not None:
            settings = load_settings(connection, self._sealer, connector, organisation_id, row.app_id)
        generation = settings_generation(connection, organisation_id, row.app_id)
        return _Reach(connector, settings, row.account_id, row.needs_grant, row.authorised_until, generation)

    def _access(self, reach: _Reach, grant: Grant | None) -> Access:
        return build_access(
            self._transport,
            self._clock,
            reach.connector,
            settings=reach.settings,
            grant=grant,
            account_id=reach.account_id,
        )

    async def _fresh(
        self,
        reach: _Reach,
        authorizes: Authorizes,
        organisation_id: UUID,
        connection_id: UUID,
        refused_generation: int | None,
    ) -> StoredGrant:
        async def renew(grant: Grant) -> Grant:
            if not _is_renewable(authorizes, grant):
                raise _expired_error()
            return await authorizes.renew(grant, self._access(reach, grant))

        by_admin = authorizes.oauth.renewal is Renewal.BY_ADMIN
        return await self._renewer.fresh(
            connection_id,
            organisation_id,
            renew,
            force=refused_generation is not None,
            used_generation=refused_generation,
            renew_early=timedelta(0) if by_admin else authorizes.oauth.renew_early,
        )

    async def _expired(self, organisation_id: UUID, connection_id: UUID) -> ReauthorizationNeededError:
        error = _expired_error()
        await self.note_failure(organisation_id, connection_id, error)
        return error


def _is_cured_by_renewal(refused: ReauthorizationNeededError) -> bool:
    return not isinstance(refused, PartAccessLostError) and refused.code not in _NOT_CURED_BY_RENEWAL


def _is_renewable(authorizes: Authorizes, grant: Grant) -> bool:
    if authorizes.oauth.renewal is Renewal.REFRESH_TOKEN:
        return grant.refresh_token is not None
    return authorizes.oauth.renewal is Renewal.EXCHANGE


def _expired_error() -> ReauthorizationNeededError:
    return ReauthorizationNeededError("The authorisation has expired. Sign in again.", code="expired")
