"""The first organisation and its administrator. There is no default account: a link, once, for a day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.accounts import links, queries, sessions
from hub.core.accounts.built_in_roles import BUILT_IN_ROLES
from hub.core.accounts.errors import ConflictError
from hub.core.accounts.sign_in import Visitor
from hub.core.audit import service as audit
from hub.core.organisations.models import organisations, roles, users
from hub.db.schema import new_id

SetUp = Callable[[Connection, UUID, datetime], None]
"""What another subject does when an organisation is made: ``(connection, organisation_id, now)``."""
_DONE = "The hub is set up already. Sign in, or ask an administrator for an account."


@dataclass(frozen=True, slots=True)
class NewOrganisation:
    """``country`` ISO 3166-1 alpha-2, ``language`` BCP 47, ``time_zone`` IANA."""

    name: str
    country: str
    language: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class NewPerson:
    """``email`` as typed; it is stored in lower case."""

    name: str
    email: str
    password_hash: str | None


def issue_first_run_link(connection: Connection, now: datetime) -> str | None:
    """The secret of a new first-run link, or None once an organisation exists."""
    return None if queries.has_organisation(connection) else links.issue_link(connection, "first_run", now)


def redeem_first_run_link(
    connection: Connection,
    token: str,
    organisation: NewOrganisation,
    administrator: NewPerson,
    *,
    visitor: Visitor,
    now: datetime,
    set_up: Sequence[SetUp] = (),
) -> str:
    """Make the first organisation and sign its administrator in; returns the cookie value.

    Raises ``SignInRefusedError`` for a dead link and ``ConflictError`` once an organisation exists.
    """
    links.use_link(connection, token, kind="first_run", now=now)
    if queries.has_organisation(connection):
        raise ConflictError(_DONE)
    organisation_id, user_id = create_organisation(connection, organisation, administrator, now=now, set_up=set_up)
    return sessions.start_session(
        connection, organisation_id, user_id, address=visitor.address, agent=visitor.agent, now=now
    )


def create_organisation(
    connection: Connection,
    organisation: NewOrganisation,
    administrator: NewPerson,
    *,
    now: datetime,
    set_up: Sequence[SetUp] = (),
) -> tuple[UUID, UUID]:
    """Store an organisation with the built-in roles and one administrator; returns both ids."""
    organisation_id, user_id = new_id(), new_id()
    connection.execute(
        sa.insert(organisations).values(
            id=organisation_id,
            name=organisation.name,
            country=organisation.country,
            language=organisation.language,
            time_zone=organisation.time_zone,
            created_at=now,
        )
    )
    role_ids = {name: new_id() for name in BUILT_IN_ROLES}
    connection.execute(
        sa.insert(roles),
        [
            {"id": role_ids[name], "organisation_id": organisation_id, "name": name, "permissions": list(grants)}
            for name, grants in BUILT_IN_ROLES.items()
        ],
    )
    connection.execute(
        sa.insert(users).values(
            id=user_id,
            organisation_id=organisation_id,
            email=queries.normalise_email(administrator.email),
            name=administrator.name,
            password_hash=administrator.password_hash,
            role_id=role_ids["Administrator"],
            is_active=True,
            created_at=now,
        )
    )
    for step in set_up:
        step(connection, organisation_id, now)
    audit.record(
        connection,
        organisation_id,
        actor=f"user:{user_id}",
        action="organisation_created",
        subject=f"organisation:{organisation_id}",
        now=now,
    )
    return organisation_id, user_id
