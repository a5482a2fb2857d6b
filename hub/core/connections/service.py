"""Changes of a connection's state: each writes the state, the grant's fate, the audit record and the outbox event
in the caller's transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit.service import record
from hub.core.connections import grants
from hub.core.connections.apps import settings_generation
from hub.core.connections.models import connections
from hub.core.connections.state import (
    Activated,
    Authorised,
    Change,
    ConnectionFacts,
    ConnectionState,
    Deactivated,
    Deleted,
    Disconnected,
    Event,
    GrantFate,
    GrantLost,
    transition,
)
from hub.core.organisations.models import organisations
from hub.core.outbox.service import publish
from hub.db.schema import new_id

_NAMES: dict[type[Event], str] = {
    Authorised: "connection_authorised",
    GrantLost: "connection_grant_lost",
    Deactivated: "connection_deactivated",
    Activated: "connection_activated",
    Disconnected: "connection_disconnected",
    Deleted: "connection_deleted",
}
"""Action of the audit record and kind of the outbox event."""

THE_HUB = "hub"
"""The actor of what happens without anybody doing it."""


class UnknownConnectionError(Exception):
    """The organisation has no such connection."""


def lock_facts(connection: Connection, organisation_id: UUID, connection_id: UUID) -> ConnectionFacts:
    """The facts that a decision needs; the row stays locked until the transaction ends."""
    return _facts(connection, sa.select(connections).where(*_is(organisation_id, connection_id)).with_for_update())


def read_facts(connection: Connection, organisation_id: UUID, connection_id: UUID) -> ConnectionFacts:
    """The same facts where nothing is to be decided yet."""
    return _facts(connection, sa.select(connections).where(*_is(organisation_id, connection_id)))


def apply_event(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    event: Event,
    *,
    actor: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> Change:
    """Let an event happen. Raises ``EventRefusedError`` and ``UnknownConnectionError``; then nothing is written."""
    facts = lock_facts(connection, organisation_id, connection_id)
    change = transition(facts, event, now)
    noted = {"from": facts.state.value, "reason": change.reason, **(detail or {})}
    name, subject = _NAMES[type(event)], f"connection:{connection_id}"
    record(
        connection,
        organisation_id,
        actor=actor,
        action=name,
        subject=subject,
        now=now,
        detail=noted,
    )
    if change.admins_are_told or not isinstance(event, GrantLost):
        publish(connection, organisation_id, kind=name, subject_id=connection_id, payload=noted, now=now)
    if change.grant is GrantFate.DESTROYED:
        grants.destroy(connection, organisation_id, connection_id)
    if change.state is None:
        connection.execute(sa.delete(connections).where(*_is(organisation_id, connection_id)))
    else:
        values = _values(facts, change, now)
        connection.execute(sa.update(connections).where(*_is(organisation_id, connection_id)).values(**values))
    return change


def deactivate(
    connection: Connection, organisation_id: UUID, connection_id: UUID, *, actor: str, now: datetime
) -> None:
    """Switch a connection off; its grant stays."""
    apply_event(connection, organisation_id, connection_id, Deactivated(), actor=actor, now=now)


def activate(
    connection: Connection, organisation_id: UUID, connection_id: UUID, *, actor: str, now: datetime
) -> ConnectionState | None:
    """Switch a connection on again; the state it came to may be that an admin must sign in."""
    return apply_event(connection, organisation_id, connection_id, Activated(), actor=actor, now=now).state


def lose_grant(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    *,
    reason: str,
    user_message: str,
    now: datetime,
    generation: int | None = None,
    detail: dict[str, Any] | None = None,
) -> bool:
    """Note that the grant is dead, once; the admins get one notice however many callers found out.

    ``generation`` is that of the grant (or of the app's settings, where those are the keys) which was refused: where
    another one is stored by now, or the connection has none any more, nothing happens and the answer is False.
    """
    facts = lock_facts(connection, organisation_id, connection_id)
    if facts.state not in (ConnectionState.ACTIVE, ConnectionState.INACTIVE) or not facts.has_grant:
        return False
    stored = grants.current_generation(connection, organisation_id, connection_id)
    if stored is None:
        app_id = connection.scalar(sa.select(connections.c.app_id).where(*_is(organisation_id, connection_id)))
        stored = settings_generation(connection, organisation_id, app_id)
    if generation is not None and stored is not None and stored != generation:
        return False
    event = GrantLost(reason)
    apply_event(connection, organisation_id, connection_id, event, actor=THE_HUB, now=now, detail=detail)
    connection.execute(
        sa.update(connections)
        .where(*_is(organisation_id, connection_id))
        .values(last_error=user_message, last_error_at=now, next_attempt_at=None)
    )
    return True


def ensure_hosted_connection(
    connection: Connection, organisation_id: UUID, connector_key: str, now: datetime, *, name: str = "Our own forms"
) -> UUID:
    """The connection of the connector that hosts our own forms; made once per organisation, active, without grant."""
    found = _hosted(connection, organisation_id, connector_key)
    if found is not None:
        return found
    # Two first submissions at one moment must not make two: the organisation's row is the lock.
    connection.execute(
        sa.select(organisations.c.id).where(organisations.c.id == organisation_id).with_for_update(key_share=True)
    )
    return _hosted(connection, organisation_id, connector_key) or create_connection(
        connection,
        organisation_id,
        connector=connector_key,
        app_id=None,
        name=name,
        state=ConnectionState.ACTIVE,
        needs_grant=False,
        now=now,
    )


def create_connection(
    connection: Connection,
    organisation_id: UUID,
    *,
    connector: str,
    app_id: UUID | None,
    name: str,
    state: ConnectionState,
    needs_grant: bool,
    now: datetime,
    reason: str | None = None,
) -> UUID:
    """Write a new connection's row."""
    connection_id = new_id()
    connection.execute(
        sa.insert(connections).values(
            id=connection_id,
            organisation_id=organisation_id,
            connector=connector,
            app_id=app_id,
            name=name,
            missing_rights=[],
            state=state.value,
            reason=reason,
            needs_grant=needs_grant,
            created_at=now,
            state_changed_at=now,
        )
    )
    return connection_id


def _hosted(connection: Connection, organisation_id: UUID, connector_key: str) -> UUID | None:
    return connection.scalar(
        sa.select(connections.c.id)
        .where(
            connections.c.organisation_id == organisation_id,
            connections.c.connector == connector_key,
            connections.c.app_id.is_(None),
        )
        .order_by(connections.c.id)
        .limit(1)
    )


def _facts(connection: Connection, statement: sa.Select[Any]) -> ConnectionFacts:
    row = connection.execute(statement).first()
    if row is None:
        raise UnknownConnectionError("This connection does not exist.")
    return ConnectionFacts(
        state=ConnectionState(row.state),
        reason=row.reason,
        has_grant=row.has_grant,
        needs_grant=row.needs_grant,
        account_id=row.account_id,
        authorised_until=row.authorised_until,
    )


def _values(facts: ConnectionFacts, change: Change, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"state": change.state and change.state.value, "reason": change.reason}
    if change.state is not facts.state:
        values["state_changed_at"] = now
    if change.grant is GrantFate.DESTROYED:
        values |= {"has_grant": False, "expires_at": None, "authorised_until": None}
    if change.grant is GrantFate.REPLACED:
        values |= {"failures_in_row": 0, "last_error": None, "next_attempt_at": None, "reminded_days": None}
    return values


def _is(organisation_id: UUID, connection_id: UUID) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return connections.c.organisation_id == organisation_id, connections.c.id == connection_id
