"""Roles: named lists of grants. Nobody hands out a right that they lack, and somebody must stay in charge."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from hub.core.accounts.errors import ConflictError, ExceedsOwnRightsError, InvalidValueError, NotFoundError
from hub.core.accounts.permissions import Permission, PermissionSet, Scope
from hub.core.accounts.principal import Principal
from hub.core.accounts.sessions import end_sessions_of_role
from hub.core.audit import service as audit
from hub.core.organisations.models import organisations, roles, users
from hub.db.schema import new_id

_IN_CHARGE = (Permission("users", "edit"), Permission("roles", "edit"))


def list_roles(connection: Connection, organisation_id: UUID) -> list[sa.Row[Any]]:
    """Every role with the number of its holders, by name."""
    holders = (
        sa.select(sa.func.count())
        .where(users.c.organisation_id == organisation_id, users.c.role_id == roles.c.id)
        .scalar_subquery()
    )
    return list(
        connection.execute(
            sa.select(roles.c.id, roles.c.name, roles.c.permissions, holders.label("holders"))
            .where(roles.c.organisation_id == organisation_id)
            .order_by(roles.c.name)
        )
    )


def find_role(connection: Connection, organisation_id: UUID, role_id: UUID) -> sa.Row[Any]:
    """One role (id, name, permissions). Raises ``NotFoundError``."""
    statement: sa.Select[Any] = sa.select(roles.c.id, roles.c.name, roles.c.permissions).where(
        roles.c.organisation_id == organisation_id, roles.c.id == role_id
    )
    found = connection.execute(statement).one_or_none()
    if found is None:
        raise NotFoundError("There is no such role.")
    return found


def create_role(
    connection: Connection, principal: Principal, *, name: str, permissions: list[str], now: datetime
) -> UUID:
    """Store a role; returns its id."""
    grants = _grantable(principal, permissions)
    role_id = new_id()
    _unique_name(
        connection,
        sa.insert(roles).values(
            id=role_id, organisation_id=principal.organisation_id, name=name, permissions=grants.texts()
        ),
    )
    _record(connection, principal, "role_created", role_id, now)
    return role_id


def change_role(
    connection: Connection,
    principal: Principal,
    role_id: UUID,
    *,
    name: str | None,
    permissions: list[str] | None,
    now: datetime,
) -> None:
    """Change a role. New permissions act at once: every holder's sessions end, but for the caller's own."""
    lock_organisation(connection, principal.organisation_id)
    role = find_role(connection, principal.organisation_id, role_id)
    _grantable(principal, role.permissions, stored=True)
    values: dict[str, Any] = {} if name is None else {"name": name}
    if permissions is not None:
        values["permissions"] = _grantable(principal, permissions).texts()
    if not values:
        return
    _unique_name(
        connection,
        sa.update(roles)
        .where(roles.c.organisation_id == principal.organisation_id, roles.c.id == role_id)
        .values(**values),
    )
    if permissions is not None:
        require_somebody_in_charge(connection, principal.organisation_id)
        end_sessions_of_role(connection, principal.organisation_id, role_id, but=principal.session_id)
    _record(connection, principal, "role_changed", role_id, now)


def delete_role(connection: Connection, principal: Principal, role_id: UUID, now: datetime) -> None:
    """Remove a role that nobody holds. Raises ``ConflictError`` while somebody does."""
    role = find_role(connection, principal.organisation_id, role_id)
    _grantable(principal, role.permissions, stored=True)
    held = connection.scalar(
        sa.select(users.c.id)
        .where(users.c.organisation_id == principal.organisation_id, users.c.role_id == role_id)
        .limit(1)
    )
    if held is not None:
        raise ConflictError("Somebody holds this role; give these people another role first.")
    connection.execute(
        sa.delete(roles).where(roles.c.organisation_id == principal.organisation_id, roles.c.id == role_id)
    )
    _record(connection, principal, "role_deleted", role_id, now)


def may_work_leads(connection: Connection, organisation_id: UUID, role_id: UUID) -> bool:
    """Whether people of this role can change leads, and so can be given some."""
    held = PermissionSet.stored(find_role(connection, organisation_id, role_id).permissions)
    return held.scope(Permission("leads", "edit")) is not None


def require_assignable(connection: Connection, principal: Principal, role_id: UUID) -> None:
    """Raise unless the role exists here and reaches no further than the caller's own."""
    try:
        role = find_role(connection, principal.organisation_id, role_id)
    except NotFoundError:
        raise InvalidValueError("/role_id", "There is no such role; GET /api/v1/roles lists them.") from None
    _grantable(principal, role.permissions, stored=True)


def require_somebody_in_charge(connection: Connection, organisation_id: UUID) -> None:
    """Raise ``ConflictError`` if the change leaves nobody active who may edit people and roles of everybody."""
    remaining = connection.scalars(
        sa.select(roles.c.permissions)
        .join(users, sa.and_(users.c.role_id == roles.c.id, users.c.organisation_id == roles.c.organisation_id))
        .where(roles.c.organisation_id == organisation_id, users.c.is_active.is_(True))
    )
    for grants in remaining:
        held = PermissionSet.stored(grants)
        if all(held.scope(permission) is Scope.ORGANISATION for permission in _IN_CHARGE):
            return
    raise ConflictError("Nobody would be left who may edit people and roles; give somebody else these rights first.")


def lock_organisation(connection: Connection, organisation_id: UUID) -> None:
    """Let changes of who is in charge happen one after the other (SQLite has one writer anyway)."""
    connection.execute(sa.select(organisations.c.id).where(organisations.c.id == organisation_id).with_for_update())


def _grantable(principal: Principal, texts: list[str], *, stored: bool = False) -> PermissionSet:
    try:
        wanted = PermissionSet.stored(texts) if stored else PermissionSet.parse(texts)
    except ValueError as problem:
        raise InvalidValueError("/permissions", str(problem)) from None
    if not principal.permissions.covers(wanted):
        raise ExceedsOwnRightsError("This role can do more than you may; ask somebody who has all of its rights.")
    return wanted


def _unique_name(connection: Connection, statement: sa.Insert | sa.Update) -> None:
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        raise InvalidValueError("/name", "Another role has this name; choose another.") from None


def _record(connection: Connection, principal: Principal, action: str, role_id: UUID, now: datetime) -> None:
    audit.record(
        connection, principal.organisation_id, actor=principal.actor, action=action, subject=f"role:{role_id}", now=now
    )
