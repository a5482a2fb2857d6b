"""Signing in with e-mail and password, and choosing a password.

Password checks take tens of milliseconds, so they run between two short transactions, never inside one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.core.accounts import links, queries, rates, sessions
from hub.core.accounts.errors import InvalidValueError, SignInRefusedError
from hub.core.accounts.passwords import PasswordHashing, check_new_password
from hub.core.accounts.principal import Principal
from hub.core.audit import service as audit
from hub.core.organisations.models import organisations, users
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS

ATTEMPTS = 10
ATTEMPTS_OF_ALL = 1_000
PERIOD = timedelta(minutes=5)
_REFUSED = "E-mail address and password do not belong together, or the account is switched off. Check both."


@dataclass(frozen=True, slots=True)
class Visitor:
    """From where somebody signs in; address and agent are shown to them in their list of sessions.

    ``network`` is what attempts are counted by: the address, for IPv6 its /64.
    """

    address: str
    network: str
    agent: str


async def sign_in(
    database: Database, hashing: PasswordHashing, clock: Clock, *, email: str, password: str, visitor: Visitor
) -> str:
    """Check the password and start a session; returns the cookie value.

    Raises ``TooManyAttemptsError``, ``SignInRefusedError``, ``BusyError`` and ``DatabaseUnavailableError``. The
    attempt is counted before the password is looked at, so that parallel guesses share the limit. An unknown
    address costs as much time as a wrong password.
    """
    subject = f"sign-in {queries.normalise_email(email)} {visitor.network}"
    await database.write(_count, subject, clock.now())
    found = await database.read(queries.find_credentials, email)
    usable = found is not None and found.is_active
    matches = await hashing.verify(found.password_hash if found is not None and usable else None, password)
    if found is None or not matches:
        raise SignInRefusedError(_REFUSED)
    return await database.write(_begin, found, subject, visitor, clock.now())


def _count(connection: Connection, subject: str, now: datetime) -> None:
    rates.forget_old_windows(connection, now)
    rates.count_attempt(connection, subject, allowed=ATTEMPTS, period=PERIOD, now=now)
    rates.count_attempt(connection, "sign-in", allowed=ATTEMPTS_OF_ALL, period=PERIOD, now=now)


def _begin(connection: Connection, found: queries.Credentials, subject: str, visitor: Visitor, now: datetime) -> str:
    unchanged = connection.scalar(
        sa.select(users.c.id)
        .where(
            users.c.organisation_id == found.organisation_id,
            users.c.id == found.user_id,
            users.c.password_hash == found.password_hash,
            users.c.is_active.is_(True),
        )
        .with_for_update()
    )
    if unchanged is None:
        raise SignInRefusedError(_REFUSED)
    rates.forget_attempts(connection, subject)
    sessions.remove_ended_sessions(connection, now)
    audit.record(
        connection,
        found.organisation_id,
        actor=f"user:{found.user_id}",
        action="signed_in",
        subject=f"user:{found.user_id}",
        now=now,
    )
    return sessions.start_session(
        connection, found.organisation_id, found.user_id, address=visitor.address, agent=visitor.agent, now=now
    )


async def change_own_password(
    database: Database,
    hashing: PasswordHashing,
    clock: Clock,
    principal: Principal,
    *,
    current: str,
    new: str,
    network: str,
) -> str:
    """Replace the caller's password; every other session of theirs ends, the own one gets the returned value."""
    subject = f"password {principal.user_id} {network}"
    await database.write(_count, subject, clock.now())
    person = await database.read(_person, principal.user_id)
    if person is None or not await hashing.verify(person.password_hash, current):
        raise InvalidValueError("/current", "This is not your present password; type it again.")
    check_new_password(new, personal=(person.email, person.name, person.organisation), pointer="/new")
    hashed = await hashing.hash(new)
    return await database.write(_store_own, principal, hashed, subject, clock.now())


async def choose_password(
    database: Database, hashing: PasswordHashing, clock: Clock, *, token: str, password: str
) -> None:
    """Redeem a password link: set the password of its user and end all their sessions."""
    user_id = await database.read(links.user_of_link, token, clock.now())
    person = None if user_id is None else await database.read(_person, user_id)
    if user_id is None or person is None:
        raise SignInRefusedError(links.DEAD_LINK)
    check_new_password(password, personal=(person.email, person.name, person.organisation))
    hashed = await hashing.hash(password)
    await database.write(_store_by_link, token, user_id, person.organisation_id, hashed, clock.now())


@dataclass(frozen=True, slots=True)
class _Person:
    organisation_id: UUID
    organisation: str
    email: str
    name: str
    password_hash: str | None


def _person(connection: Connection, user_id: UUID) -> _Person | None:
    found = connection.execute(
        sa.select(
            users.c.organisation_id,
            organisations.c.name.label("organisation"),
            users.c.email,
            users.c.name,
            users.c.password_hash,
        )
        .join(organisations, organisations.c.id == users.c.organisation_id)
        .where(users.c.id == user_id, users.c.is_active.is_(True))
        .execution_options(**{ALL_ORGANISATIONS: "a person's own row, named by session or link"})
    ).one_or_none()
    return None if found is None else _Person(**found._mapping)


def _store_own(connection: Connection, principal: Principal, hashed: str, subject: str, now: datetime) -> str:
    if principal.session_id is None:
        raise SignInRefusedError("An API key has no password; sign in to change yours.")
    rates.forget_attempts(connection, subject)
    _store(connection, principal.organisation_id, principal.user_id, hashed, now, but=principal.session_id)
    return sessions.renew_session(connection, principal.organisation_id, principal.session_id)


def _store_by_link(
    connection: Connection, token: str, user_id: UUID, organisation_id: UUID, hashed: str, now: datetime
) -> None:
    links.use_link(connection, token, kind="password", now=now)
    _store(connection, organisation_id, user_id, hashed, now, but=None)


def _store(
    connection: Connection, organisation_id: UUID, user_id: UUID, hashed: str, now: datetime, *, but: UUID | None
) -> None:
    connection.execute(
        sa.update(users)
        .where(users.c.organisation_id == organisation_id, users.c.id == user_id)
        .values(password_hash=hashed)
    )
    sessions.end_sessions_of_users(connection, organisation_id, [user_id], but=but)
    audit.record(
        connection,
        organisation_id,
        actor=f"user:{user_id}",
        action="password_changed",
        subject=f"user:{user_id}",
        now=now,
    )
