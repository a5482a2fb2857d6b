"""Sessions of people: a random value in a cookie, its SHA-256 in a row.

Why not a session library: the one for our web framework stores the cookie's value itself as the key of the
record and keeps that key when rights change; here the stored value is useless to a thief of the database, and
every row has a second, harmless id under which its owner can see and end it.

Idle time is counted from ``seen_at``, which is written at most every ``TOUCH_EVERY``; a session therefore ends
between 29.5 and 30 minutes after the last request, never later.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.accounts.models import sessions
from hub.core.accounts.secrets import fingerprint, new_secret
from hub.core.organisations.models import users
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY = timedelta(seconds=30)
_AGENT_LENGTH = 200


def start_session(
    connection: Connection, organisation_id: UUID, user_id: UUID, *, address: str, agent: str, now: datetime
) -> str:
    """Store a new session and return the value for the cookie, which exists nowhere else."""
    token = new_secret()
    connection.execute(
        sa.insert(sessions).values(
            id=new_id(),
            organisation_id=organisation_id,
            user_id=user_id,
            token_sha256=fingerprint(token),
            address=address,
            agent=storable(agent[:_AGENT_LENGTH]),
            created_at=now,
            seen_at=now,
            expires_until=now + ABSOLUTE,
        )
    )
    return token


def renew_session(connection: Connection, organisation_id: UUID, session_id: UUID) -> str:
    """Give a living session a new cookie value (after its holder's rights or password changed); the old one dies."""
    token = new_secret()
    connection.execute(
        sa.update(sessions)
        .where(sessions.c.organisation_id == organisation_id, sessions.c.id == session_id)
        .values(token_sha256=fingerprint(token))
    )
    return token


def touch_session(connection: Connection, organisation_id: UUID, session_id: UUID, now: datetime) -> None:
    """Note that the session is in use."""
    connection.execute(
        sa.update(sessions)
        .where(sessions.c.organisation_id == organisation_id, sessions.c.id == session_id)
        .values(seen_at=now)
    )


def end_session(connection: Connection, organisation_id: UUID, user_id: UUID, session_id: UUID) -> bool:
    """End one session of a user; False where the user has none of that id."""
    ended = connection.execute(
        sa.delete(sessions).where(
            sessions.c.organisation_id == organisation_id,
            sessions.c.user_id == user_id,
            sessions.c.id == session_id,
        )
    )
    return bool(ended.rowcount)


def end_sessions_of_users(
    connection: Connection, organisation_id: UUID, user_ids: Collection[UUID], *, but: UUID | None = None
) -> None:
    """End every session of these users at once, except the session ``but``."""
    statement = sa.delete(sessions).where(
        sessions.c.organisation_id == organisation_id, sessions.c.user_id.in_(user_ids)
    )
    connection.execute(statement if but is None else statement.where(sessions.c.id != but))


def end_sessions_of_role(
    connection: Connection, organisation_id: UUID, role_id: UUID, *, but: UUID | None = None
) -> None:
    """End the sessions of everybody who holds a role that was changed."""
    holders = connection.scalars(
        sa.select(users.c.id).where(users.c.organisation_id == organisation_id, users.c.role_id == role_id)
    ).all()
    end_sessions_of_users(connection, organisation_id, holders, but=but)


def sessions_of_user(connection: Connection, organisation_id: UUID, user_id: UUID, now: datetime) -> list[sa.Row[Any]]:
    """The living sessions of a user, newest first."""
    return list(
        connection.execute(
            sa.select(
                sessions.c.id,
                sessions.c.address,
                sessions.c.agent,
                sessions.c.created_at,
                sessions.c.seen_at,
                sessions.c.expires_until,
            )
            .where(
                sessions.c.organisation_id == organisation_id,
                sessions.c.user_id == user_id,
                sessions.c.expires_until > now,
                sessions.c.seen_at > now - IDLE,
            )
            .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        )
    )


def remove_ended_sessions(connection: Connection, now: datetime) -> None:
    """Delete what can never be used again."""
    connection.execute(
        sa.delete(sessions)
        .where((sessions.c.expires_until <= now) | (sessions.c.seen_at <= now - IDLE))
        .execution_options(**{ALL_ORGANISATIONS: "ended sessions of all organisations are removed"})
    )
