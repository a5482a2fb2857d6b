"""The organisation itself and its centres."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from hub.core.accounts.errors import ConflictError, InvalidValueError, NotFoundError
from hub.core.accounts.permissions import Scope
from hub.core.accounts.principal import Principal, Reach
from hub.core.audit import service as audit
from hub.core.organisations.models import centres, organisations
from hub.db.schema import new_id


def find_organisation(connection: Connection, organisation_id: UUID) -> sa.Row[Any]:
    """The organisation's own row."""
    return connection.execute(sa.select(organisations).where(organisations.c.id == organisation_id)).one()


def change_organisation(
    connection: Connection, principal: Principal, values: dict[str, str], now: datetime
) -> sa.Row[Any]:
    """Set name, country, language or time zone; returns the row as it is then."""
    if values:
        connection.execute(
            sa.update(organisations).where(organisations.c.id == principal.organisation_id).values(**values)
        )
        _record(connection, principal, "organisation_changed", f"organisation:{principal.organisation_id}", now)
    return find_organisation(connection, principal.organisation_id)


def list_centres(connection: Connection, reach: Reach) -> list[sa.Row[Any]]:
    """The centres within reach, by name."""
    return list(connection.execute(_centres(reach).order_by(centres.c.name, centres.c.id)))


def find_centre(connection: Connection, reach: Reach, centre_id: UUID) -> sa.Row[Any]:
    """One centre within reach. Raises ``NotFoundError``."""
    found = connection.execute(_centres(reach).where(centres.c.id == centre_id)).one_or_none()
    if found is None:
        raise NotFoundError("There is no such centre.")
    return found


def create_centre(
    connection: Connection, principal: Principal, *, name: str, code: str, time_zone: str, now: datetime
) -> UUID:
    """Store a centre; returns its id. Raises ``InvalidValueError`` where the code is taken."""
    centre_id = new_id()
    _unique_code(
        connection,
        sa.insert(centres).values(
            id=centre_id,
            organisation_id=principal.organisation_id,
            name=name,
            code=code,
            time_zone=time_zone,
            is_active=True,
            created_at=now,
        ),
    )
    _record(connection, principal, "centre_created", f"centre:{centre_id}", now)
    return centre_id


def change_centre(
    connection: Connection, principal: Principal, reach: Reach, centre_id: UUID, values: dict[str, Any], now: datetime
) -> sa.Row[Any]:
    """Set name, code, time zone or ``is_active`` of a centre within reach; returns the row as it is then."""
    find_centre(connection, reach, centre_id)
    if values:
        _unique_code(
            connection,
            sa.update(centres)
            .where(centres.c.organisation_id == reach.organisation_id, centres.c.id == centre_id)
            .values(**values),
        )
        _record(connection, principal, "centre_changed", f"centre:{centre_id}", now)
    return find_centre(connection, reach, centre_id)


def delete_centre(connection: Connection, principal: Principal, reach: Reach, centre_id: UUID, now: datetime) -> None:
    """Remove a centre that nothing refers to; one in use is switched off instead (``ConflictError``)."""
    find_centre(connection, reach, centre_id)
    try:
        with connection.begin_nested():
            connection.execute(
                sa.delete(centres).where(centres.c.organisation_id == reach.organisation_id, centres.c.id == centre_id)
            )
    except IntegrityError:
        raise ConflictError("This centre is in use; switch it off instead of deleting it.") from None
    _record(connection, principal, "centre_deleted", f"centre:{centre_id}", now)


def _centres(reach: Reach) -> sa.Select[Any]:
    statement = sa.select(centres).where(centres.c.organisation_id == reach.organisation_id)
    return statement if reach.scope is Scope.ORGANISATION else statement.where(centres.c.id.in_(reach.centre_ids))


def _unique_code(connection: Connection, statement: sa.Insert | sa.Update) -> None:
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        raise InvalidValueError("/code", "Another centre has this code; choose another.") from None


def _record(connection: Connection, principal: Principal, action: str, subject: str, now: datetime) -> None:
    audit.record(connection, principal.organisation_id, actor=principal.actor, action=action, subject=subject, now=now)
