"""A connection stands: what signing in and typing keys in have in common once the source has said whom they reach."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Account
from hub.core.connections.models import connections
from hub.core.connections.parts import store_parts
from hub.core.connections.service import apply_event, create_connection
from hub.core.connections.state import Authorised, ConnectionState
from hub.core.organisations.models import organisations


@dataclass(frozen=True)
class Authorisation:
    """The outcome of a sign-in, or of keys that the source took. ``missing_rights`` are those of the account and of
    its parts."""

    connection_id: UUID
    state: ConnectionState
    account: Account
    missing_rights: tuple[str, ...]


def lock_organisation(connection: Connection, organisation_id: UUID) -> None:
    """Two sign-ins with one account at one moment must not make two connections: the organisation's row is the
    lock."""
    connection.execute(
        sa.select(organisations.c.id).where(organisations.c.id == organisation_id).with_for_update(key_share=True)
    )


def create_waiting(
    connection: Connection, organisation_id: UUID, *, connector: str, app_id: UUID, name: str, now: datetime
) -> UUID:
    """A connection that nobody has authorised yet."""
    return create_connection(
        connection,
        organisation_id,
        connector=connector,
        app_id=app_id,
        name=name,
        state=ConnectionState.AUTHORIZATION_NEEDED,
        needs_grant=True,
        now=now,
        reason="never_granted",
    )


def establish(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    account: Account,
    missing: tuple[str, ...],
    *,
    actor: str,
    now: datetime,
) -> Authorisation:
    """Write that an admin authorised a connection for this account; what stands for it (a grant, keys) is the
    caller's to store. ``missing`` are the rights that the account lacks.

    Raises ``EventRefusedError`` with code ``wrong_account`` where the connection belongs to another account.
    """
    change = apply_event(
        connection,
        organisation_id,
        connection_id,
        Authorised(account.id),
        actor=actor,
        now=now,
        detail={"missing_rights": list(missing)},
    )
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(account_id=account.id, account_name=account.name, missing_rights=list(missing), last_ok_at=now)
    )
    store_parts(connection, organisation_id, connection_id, account)
    of_parts = tuple(right for part in account.parts for right in part.missing_rights)
    return Authorisation(connection_id, change.state or ConnectionState.ACTIVE, account, (*missing, *of_parts))
