"""Stored grants: sealed, with a generation that grows each time a new one is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Grant
from hub.core.connections.models import connections, grants
from hub.core.connections.sealing import Sealer
from hub.core.connections.secret_json import restored, revealed


@dataclass(frozen=True)
class StoredGrant:
    """A grant and the row around it; see ``models.grants``."""

    grant: Grant
    generation: int
    stored_at: datetime
    lease_owner: str | None
    intent_at: datetime | None
    renewal_failures: int
    retry_at: datetime | None


def load(connection: Connection, sealer: Sealer, organisation_id: UUID, connection_id: UUID) -> StoredGrant | None:
    """The grant of a connection; None where it has none."""
    row = connection.execute(sa.select(grants).where(*_of(organisation_id, connection_id))).first()
    if row is None:
        return None
    opened = sealer.open(connection, organisation_id, "grants", connection_id, "ciphertext", row.ciphertext)
    return StoredGrant(
        grant=restored(Grant, opened),
        generation=row.generation,
        stored_at=row.stored_at,
        lease_owner=row.lease_owner,
        intent_at=row.intent_at,
        renewal_failures=row.renewal_failures,
        retry_at=row.retry_at,
    )


def store_new(
    connection: Connection,
    sealer: Sealer,
    organisation_id: UUID,
    connection_id: UUID,
    grant: Grant,
    now: datetime,
) -> None:
    """Store the grant that an admin just gave, in place of any other; a renewal on its way finds itself outdated."""
    generation = connection.scalar(sa.select(grants.c.generation).where(*_of(organisation_id, connection_id)))
    values = _content(connection, sealer, organisation_id, connection_id, grant, now)
    if generation is None:
        connection.execute(
            sa.insert(grants).values(
                connection_id=connection_id, organisation_id=organisation_id, generation=1, **values
            )
        )
    else:
        connection.execute(
            sa.update(grants).where(*_of(organisation_id, connection_id)).values(generation=generation + 1, **values)
        )
    _note_clocks(connection, organisation_id, connection_id, grant)


def replace(
    connection: Connection,
    sealer: Sealer,
    organisation_id: UUID,
    connection_id: UUID,
    grant: Grant,
    now: datetime,
    *,
    generation: int,
) -> bool:
    """Store a renewed grant and free the lease, unless the stored one is no longer of ``generation``.

    The generation decides and not the lease: whoever took the lease over meanwhile is better served with this
    grant than with a refresh token that the platform has just retired.
    """
    values = _content(connection, sealer, organisation_id, connection_id, grant, now)
    stored = connection.execute(
        sa.update(grants)
        .where(*_of(organisation_id, connection_id), grants.c.generation == generation)
        .values(generation=generation + 1, **values)
    )
    if stored.rowcount:
        _note_clocks(connection, organisation_id, connection_id, grant)
    return bool(stored.rowcount)


def destroy(connection: Connection, organisation_id: UUID, connection_id: UUID) -> None:
    """Erase the grant of a connection, if it has one."""
    connection.execute(sa.delete(grants).where(*_of(organisation_id, connection_id)))


def current_generation(connection: Connection, organisation_id: UUID, connection_id: UUID) -> int | None:
    """The generation of the stored grant; None where there is none."""
    return connection.scalar(sa.select(grants.c.generation).where(*_of(organisation_id, connection_id)))


def merged(old: Grant, new: Grant) -> Grant:
    """A renewed grant, with what the answer left out taken from the old one.

    A missing refresh token or scope means "as before" (RFC 6749 sections 5.1 and 6); part tokens and the admin's
    clock are the platform's own matter and stay until it names others.
    """
    return new.model_copy(
        update={
            "refresh_token": new.refresh_token or old.refresh_token,
            "scopes": new.scopes or old.scopes,
            "part_tokens": new.part_tokens or old.part_tokens,
            "authorised_until": new.authorised_until or old.authorised_until,
        }
    )


def _content(
    connection: Connection,
    sealer: Sealer,
    organisation_id: UUID,
    connection_id: UUID,
    grant: Grant,
    now: datetime,
) -> dict[str, Any]:
    return {
        "ciphertext": sealer.seal(connection, organisation_id, "grants", connection_id, "ciphertext", revealed(grant)),
        "expires_at": grant.expires_at,
        "stored_at": now,
        "lease_owner": None,
        "lease_until": None,
        "intent_at": None,
        "renewal_failures": 0,
        "retry_at": None,
    }


def _note_clocks(connection: Connection, organisation_id: UUID, connection_id: UUID, grant: Grant) -> None:
    connection.execute(
        sa.update(connections)
        .where(connections.c.organisation_id == organisation_id, connections.c.id == connection_id)
        .values(has_grant=True, expires_at=grant.expires_at, authorised_until=grant.authorised_until)
    )


def _of(organisation_id: UUID, connection_id: UUID) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return grants.c.organisation_id == organisation_id, grants.c.connection_id == connection_id
