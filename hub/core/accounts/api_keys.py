"""API keys: shown once, stored hashed, scoped, expiring; they die with the account of their maker."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.accounts.errors import ExceedsOwnRightsError, InvalidValueError, NotFoundError
from hub.core.accounts.models import api_keys
from hub.core.accounts.permissions import PermissionSet, Scope
from hub.core.accounts.principal import Principal, Reach
from hub.core.accounts.secrets import fingerprint, new_secret
from hub.core.audit import service as audit
from hub.db.schema import new_id

PREFIX = "lh_"
LONGEST = timedelta(days=366)
_HINT_LENGTH = 8


def create_key(
    connection: Connection,
    principal: Principal,
    *,
    name: str,
    permissions: list[str],
    expires_at: datetime,
    now: datetime,
) -> tuple[UUID, str]:
    """Store a key for the caller; returns its id and, this once, the key itself.

    Raises ``InvalidValueError`` and, where the caller lacks one of the permissions, ``ExceedsOwnRightsError``.
    """
    if not now < expires_at <= now + LONGEST:
        raise InvalidValueError("/expires_at", f"Choose a moment in the future, at most {LONGEST.days} days ahead.")
    try:
        wanted = PermissionSet.parse(permissions)
    except ValueError as problem:
        raise InvalidValueError("/permissions", str(problem)) from None
    if not principal.permissions.covers(wanted):
        raise ExceedsOwnRightsError("A key cannot do more than you may; remove the permissions that you do not have.")
    key_id, key = new_id(), new_secret(PREFIX)
    connection.execute(
        sa.insert(api_keys).values(
            id=key_id,
            organisation_id=principal.organisation_id,
            user_id=principal.user_id,
            name=name,
            hint=key[:_HINT_LENGTH],
            key_sha256=fingerprint(key),
            permissions=wanted.texts(),
            created_at=now,
            expires_at=expires_at,
        )
    )
    _record(connection, principal, "api_key_created", key_id, now)
    return key_id, key


def revoke_key(connection: Connection, principal: Principal, reach: Reach, key_id: UUID, now: datetime) -> None:
    """Make a key useless at once. Raises ``NotFoundError``."""
    revoked = connection.execute(
        sa.update(api_keys)
        .where(
            api_keys.c.organisation_id == reach.organisation_id,
            api_keys.c.id == key_id,
            api_keys.c.revoked_at.is_(None),
            *_within(reach),
        )
        .values(revoked_at=now)
    )
    if not revoked.rowcount:
        raise NotFoundError("There is no such API key; it may have been revoked already.")
    _record(connection, principal, "api_key_revoked", key_id, now)


def list_keys(
    connection: Connection, reach: Reach, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[sa.Row[Any]]:
    """Keys that were not revoked, newest first, starting after the key at ``before``."""
    c = api_keys.c
    statement = (
        sa.select(c.id, c.user_id, c.name, c.hint, c.permissions, c.created_at, c.expires_at, c.used_at)
        .where(c.organisation_id == reach.organisation_id, c.revoked_at.is_(None), *_within(reach))
        .order_by(c.created_at.desc(), c.id.desc())
        .limit(limit)
    )
    if before is not None:
        moment, last_id = before
        statement = statement.where((c.created_at < moment) | ((c.created_at == moment) & (c.id < last_id)))
    return list(connection.execute(statement))


def note_use(connection: Connection, organisation_id: UUID, key_id: UUID, now: datetime) -> None:
    """Remember when a key was last used."""
    connection.execute(
        sa.update(api_keys)
        .where(api_keys.c.organisation_id == organisation_id, api_keys.c.id == key_id)
        .values(used_at=now)
    )


def _within(reach: Reach) -> list[sa.ColumnElement[bool]]:
    return [api_keys.c.user_id == reach.user_id] if reach.scope is not Scope.ORGANISATION else []


def _record(connection: Connection, principal: Principal, action: str, key_id: UUID, now: datetime) -> None:
    audit.record(
        connection,
        principal.organisation_id,
        actor=principal.actor,
        action=action,
        subject=f"api_key:{key_id}",
        now=now,
    )
