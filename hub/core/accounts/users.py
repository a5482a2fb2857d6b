"""People of an organisation. With the scope ``centre`` one sees and changes only people of one's own centres."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from hub.core.accounts import links, queries, roles
from hub.core.accounts.errors import InvalidValueError, NotFoundError
from hub.core.accounts.permissions import Scope
from hub.core.accounts.principal import Principal, Reach
from hub.core.accounts.sessions import end_sessions_of_users
from hub.core.audit import service as audit
from hub.core.organisations.models import centres, user_centres, users
from hub.core.organisations.service import make_assignee
from hub.db.schema import new_id


@dataclass(frozen=True, slots=True)
class Person:
    """One user as it is shown; the password is not part of it."""

    id: UUID
    name: str
    email: str
    role_id: UUID
    is_active: bool
    has_password: bool
    centre_ids: tuple[UUID, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What to change; None leaves a field as it is."""

    name: str | None = None
    role_id: UUID | None = None
    is_active: bool | None = None
    centre_ids: tuple[UUID, ...] | None = None


def list_users(
    connection: Connection, reach: Reach, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Person]:
    """People within reach, newest first, starting after the one at ``before``."""
    statement = _people(reach).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(limit)
    if before is not None:
        moment, last_id = before
        statement = statement.where(
            (users.c.created_at < moment) | ((users.c.created_at == moment) & (users.c.id < last_id))
        )
    return _with_centres(connection, reach.organisation_id, connection.execute(statement).all())


def find_user(connection: Connection, reach: Reach, user_id: UUID) -> Person:
    """One person within reach. Raises ``NotFoundError``."""
    found = connection.execute(_people(reach).where(users.c.id == user_id)).one_or_none()
    if found is None:
        raise NotFoundError("There is no such person.")
    return _with_centres(connection, reach.organisation_id, [found])[0]


def create_user(
    connection: Connection,
    principal: Principal,
    reach: Reach,
    *,
    name: str,
    email: str,
    role_id: UUID,
    centre_ids: tuple[UUID, ...],
    now: datetime,
) -> tuple[Person, str]:
    """Store a person without a password; returns them and the secret of a link to choose one."""
    roles.require_assignable(connection, principal, role_id)
    _require_centres(connection, reach, centre_ids, at_least_one=True)
    user_id = new_id()
    try:
        with connection.begin_nested():
            connection.execute(
                sa.insert(users).values(
                    id=user_id,
                    organisation_id=reach.organisation_id,
                    email=queries.normalise_email(email),
                    name=name,
                    role_id=role_id,
                    is_active=True,
                    created_at=now,
                )
            )
    except IntegrityError:
        raise InvalidValueError("/email", "This e-mail address has an account already; use another.") from None
    _set_centres(connection, reach.organisation_id, user_id, centre_ids)
    if roles.may_work_leads(connection, reach.organisation_id, role_id):
        make_assignee(connection, reach.organisation_id, user_id)
    _record(connection, principal, "user_created", user_id, now)
    return find_user(connection, reach, user_id), links.issue_link(connection, "password", now, user_id=user_id)


def change_user(
    connection: Connection, principal: Principal, reach: Reach, user_id: UUID, change: PersonChange, now: datetime
) -> Person:
    """Change a person. A new role, centre list or state acts at once: their sessions end, but for the caller's own."""
    roles.lock_organisation(connection, reach.organisation_id)
    before = find_user(connection, reach, user_id)
    roles.require_assignable(connection, principal, before.role_id)
    if change.role_id is not None:
        roles.require_assignable(connection, principal, change.role_id)
    if change.centre_ids is not None:
        _require_centres(connection, reach, set(change.centre_ids) ^ set(before.centre_ids), at_least_one=False)
        _set_centres(connection, reach.organisation_id, user_id, change.centre_ids)
    wanted = {"name": change.name, "role_id": change.role_id, "is_active": change.is_active}
    values = {column: value for column, value in wanted.items() if value is not None}
    if values:
        connection.execute(
            sa.update(users)
            .where(users.c.organisation_id == reach.organisation_id, users.c.id == user_id)
            .values(**values)
        )
    if (change.role_id, change.is_active, change.centre_ids) != (None, None, None):
        roles.require_somebody_in_charge(connection, reach.organisation_id)
        end_sessions_of_users(connection, reach.organisation_id, [user_id], but=principal.session_id)
    _record(connection, principal, "user_changed", user_id, now)
    return _whole(connection, reach, user_id)


def issue_password_link(
    connection: Connection, principal: Principal, reach: Reach, user_id: UUID, now: datetime
) -> str:
    """A link with which the person chooses a new password; only for people with no more rights than the caller."""
    person = find_user(connection, reach, user_id)
    roles.require_assignable(connection, principal, person.role_id)
    _record(connection, principal, "password_link_issued", user_id, now)
    return links.issue_link(connection, "password", now, user_id=user_id)


def _people(reach: Reach) -> sa.Select[Any]:
    statement = sa.select(
        users.c.id,
        users.c.name,
        users.c.email,
        users.c.role_id,
        users.c.is_active,
        users.c.password_hash.is_not(None).label("has_password"),
        users.c.created_at,
    ).where(users.c.organisation_id == reach.organisation_id)
    if reach.scope is Scope.ORGANISATION:
        return statement
    if reach.scope is Scope.OWN:
        return statement.where(users.c.id == reach.user_id)
    colleagues = sa.select(user_centres.c.user_id).where(
        user_centres.c.organisation_id == reach.organisation_id, user_centres.c.centre_id.in_(reach.centre_ids)
    )
    return statement.where(users.c.id.in_(colleagues))


def _with_centres(connection: Connection, organisation_id: UUID, found: Collection[sa.Row[Any]]) -> list[Person]:
    places: dict[UUID, list[UUID]] = {row.id: [] for row in found}
    for user_id, centre_id in connection.execute(
        sa.select(user_centres.c.user_id, user_centres.c.centre_id)
        .where(user_centres.c.organisation_id == organisation_id, user_centres.c.user_id.in_(places))
        .order_by(user_centres.c.centre_id)
    ):
        places[user_id].append(centre_id)
    return [Person(**row._mapping, centre_ids=tuple(places[row.id])) for row in found]


def _whole(connection: Connection, reach: Reach, user_id: UUID) -> Person:
    """The person after a change, which may have moved them out of the caller's own reach."""
    everywhere = Reach(reach.organisation_id, Scope.ORGANISATION, reach.user_id, reach.centre_ids)
    return find_user(connection, everywhere, user_id)


def _require_centres(connection: Connection, reach: Reach, centre_ids: Collection[UUID], *, at_least_one: bool) -> None:
    known = set(
        connection.scalars(
            sa.select(centres.c.id).where(
                centres.c.organisation_id == reach.organisation_id, centres.c.id.in_(centre_ids)
            )
        )
    )
    if reach.scope is not Scope.ORGANISATION:
        known &= reach.centre_ids
        if at_least_one and not centre_ids:
            raise InvalidValueError("/centre_ids", "Name at least one of your own centres.")
    if set(centre_ids) - known:
        raise InvalidValueError("/centre_ids", "One of these centres does not exist or is not yours; remove it.")


def _set_centres(connection: Connection, organisation_id: UUID, user_id: UUID, centre_ids: Collection[UUID]) -> None:
    connection.execute(
        sa.delete(user_centres).where(
            user_centres.c.organisation_id == organisation_id, user_centres.c.user_id == user_id
        )
    )
    if centre_ids:
        connection.execute(
            sa.insert(user_centres),
            [
                {"organisation_id": organisation_id, "user_id": user_id, "centre_id": centre_id}
                for centre_id in sorted(set(centre_ids))
            ],
        )


def _record(connection: Connection, principal: Principal, action: str, user_id: UUID, now: datetime) -> None:
    audit.record(
        connection, principal.organisation_id, actor=principal.actor, action=action, subject=f"user:{user_id}", now=now
    )
