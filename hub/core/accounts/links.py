"""Links that work once and for a limited time: the first set-up, and choosing a password."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.accounts.errors import SignInRefusedError
from hub.core.accounts.models import one_time_links
from hub.core.accounts.secrets import fingerprint, new_secret

Kind = Literal["first_run", "password"]
LIFETIME = {"first_run": timedelta(hours=24), "password": timedelta(days=3)}
DEAD_LINK = "This link was used already, has expired, or was replaced by a newer one. Ask for a new link."


def issue_link(connection: Connection, kind: Kind, now: datetime, *, user_id: UUID | None = None) -> str:
    """Make a link and return its secret part; an earlier link for the same purpose stops working."""
    connection.execute(
        sa.delete(one_time_links).where(
            (one_time_links.c.expires_at < now)
            | ((one_time_links.c.kind == kind) & one_time_links.c.user_id.is_not_distinct_from(user_id))
        )
    )
    token = new_secret()
    connection.execute(
        sa.insert(one_time_links).values(
            token_sha256=fingerprint(token),
            kind=kind,
            user_id=user_id,
            created_at=now,
            expires_at=now + LIFETIME[kind],
        )
    )
    return token


def use_link(connection: Connection, token: str, *, kind: Kind, now: datetime) -> None:
    """Mark the link used, in one statement, so that of two at once only one succeeds; else ``SignInRefusedError``."""
    used = connection.execute(
        sa.update(one_time_links)
        .where(
            one_time_links.c.token_sha256 == fingerprint(token),
            one_time_links.c.kind == kind,
            one_time_links.c.used_at.is_(None),
            one_time_links.c.expires_at > now,
        )
        .values(used_at=now)
    )
    if not used.rowcount:
        raise SignInRefusedError(DEAD_LINK)


def require_living_link(connection: Connection, token: str, kind: Kind, now: datetime) -> None:
    """Raise ``SignInRefusedError`` for a link that would not work; asked before a costly password hash."""
    found = connection.scalar(
        sa.select(one_time_links.c.kind).where(
            one_time_links.c.token_sha256 == fingerprint(token),
            one_time_links.c.kind == kind,
            one_time_links.c.used_at.is_(None),
            one_time_links.c.expires_at > now,
        )
    )
    if found is None:
        raise SignInRefusedError(DEAD_LINK)


def user_of_link(connection: Connection, token: str, now: datetime) -> UUID | None:
    """Whose password a living link may set; None for any other link."""
    return connection.scalar(
        sa.select(one_time_links.c.user_id).where(
            one_time_links.c.token_sha256 == fingerprint(token),
            one_time_links.c.kind == "password",
            one_time_links.c.used_at.is_(None),
            one_time_links.c.expires_at > now,
        )
    )
