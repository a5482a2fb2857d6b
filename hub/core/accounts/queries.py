"""Who stands behind a cookie value, an API key or an e-mail address.

These are the only statements that look across organisations: before the sign-in nobody knows which one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.accounts.models import api_keys, sessions
from hub.core.accounts.permissions import KEY_HOLDERS, SESSION_HOLDERS, PermissionSet
from hub.core.accounts.principal import Principal
from hub.core.accounts.secrets import fingerprint
from hub.core.accounts.sessions import IDLE, TOUCH_EVERY
from hub.core.organisations.models import organisations, roles, user_centres, users
from hub.db.guard import ALL_ORGANISATIONS

_SIGNING_IN = {ALL_ORGANISATIONS: "the organisation comes from the sign-in"}

_PERSON = (users.c.organisation_id, users.c.id.label("user_id"), users.c.name, roles.c.permissions)

_BY_SESSION: sa.Select[Any] = (
    sa.select(*_PERSON, sessions.c.id.label("session_id"), sessions.c.seen_at)
    .join(sessions, sessions.c.user_id == users.c.id)
    .join(roles, roles.c.id == users.c.role_id)
    .where(
        sessions.c.token_sha256 == sa.bindparam("fingerprint"),
        sessions.c.expires_until > sa.bindparam("now", type_=sessions.c.expires_until.type),
        sessions.c.seen_at > sa.bindparam("idle_since", type_=sessions.c.seen_at.type),
        users.c.is_active.is_(True),
    )
    .execution_options(**_SIGNING_IN)
)

_BY_KEY: sa.Select[Any] = (
    sa.select(*_PERSON, api_keys.c.id.label("key_id"), api_keys.c.permissions.label("scoped"), api_keys.c.used_at)
    .join(api_keys, api_keys.c.user_id == users.c.id)
    .join(roles, roles.c.id == users.c.role_id)
    .where(
        api_keys.c.key_sha256 == sa.bindparam("fingerprint"),
        api_keys.c.expires_at > sa.bindparam("now", type_=api_keys.c.expires_at.type),
        api_keys.c.revoked_at.is_(None),
        users.c.is_active.is_(True),
    )
    .execution_options(**_SIGNING_IN)
)

_BY_EMAIL = (
    sa.select(users.c.organisation_id, users.c.id, users.c.password_hash, users.c.is_active)
    .where(users.c.email == sa.bindparam("email"))
    .execution_options(**_SIGNING_IN)
)

_CENTRES = sa.select(user_centres.c.centre_id).where(
    user_centres.c.organisation_id == sa.bindparam("organisation_id"),
    user_centres.c.user_id == sa.bindparam("user_id"),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A caller, and whether it is time to note that the session or key is in use."""

    principal: Principal
    needs_touch: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is compared with."""

    organisation_id: UUID
    user_id: UUID
    password_hash: str | None
    is_active: bool


def recognise_session(connection: Connection, token: str, now: datetime) -> Recognised | None:
    """The person whose browser holds this cookie value; None when it is unknown, ended, or the person disabled.

    Role and state are read each time, so that a change acts on the next request.
    """
    found = connection.execute(
        _BY_SESSION, {"fingerprint": fingerprint(token), "now": now, "idle_since": now - IDLE}
    ).one_or_none()
    if found is None:
        return None
    permissions = PermissionSet.stored(found.permissions).together_with(SESSION_HOLDERS)
    principal = _principal(connection, found, permissions, session_id=found.session_id)
    return Recognised(principal, now - found.seen_at >= TOUCH_EVERY)


def recognise_key(connection: Connection, key: str, now: datetime) -> Recognised | None:
    """The caller behind an API key: never more than its maker may do at this moment."""
    found = connection.execute(_BY_KEY, {"fingerprint": fingerprint(key), "now": now}).one_or_none()
    if found is None:
        return None
    scoped = PermissionSet.stored(found.scoped).within(PermissionSet.stored(found.permissions))
    principal = _principal(connection, found, scoped.together_with(KEY_HOLDERS), api_key_id=found.key_id)
    return Recognised(principal, found.used_at is None or now - found.used_at >= timedelta(minutes=1))


def find_credentials(connection: Connection, email: str) -> Credentials | None:
    """What is stored for an e-mail address, or None."""
    found = connection.execute(_BY_EMAIL, {"email": normalise_email(email)}).one_or_none()
    return None if found is None else Credentials(found.organisation_id, found.id, found.password_hash, found.is_active)


def has_organisation(connection: Connection) -> bool:
    """Whether the first set-up is done."""
    return connection.scalar(sa.select(organisations.c.id).limit(1)) is not None


def normalise_email(email: str) -> str:
    """How addresses are stored and compared."""
    return storable(email).strip().lower()


def _principal(
    connection: Connection,
    found: sa.Row[Any],
    permissions: PermissionSet,
    *,
    session_id: UUID | None = None,
    api_key_id: UUID | None = None,
) -> Principal:
    centres = connection.scalars(_CENTRES, {"organisation_id": found.organisation_id, "user_id": found.user_id})
    return Principal(
        organisation_id=found.organisation_id,
        user_id=found.user_id,
        name=found.name,
        permissions=permissions,
        centre_ids=frozenset(centres),
        session_id=session_id,
        api_key_id=api_key_id,
    )
