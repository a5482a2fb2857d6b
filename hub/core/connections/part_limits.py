"""What a connection cannot do for one of its parts while its grant lives: a page whose own token is dead, a customer
account that took a right back.

Each kind of work sets and lifts its own limits, so that a part whose deliveries cannot be switched on is still read,
and a limit goes exactly when the work that failed succeeds. The connection stays active as long as one part can do
something; when none can, the grant counts as lost.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.errors import PartAccessLostError
from hub.core.audit.service import record
from hub.core.connections.models import grants, part_limits
from hub.core.connections.parts import NOT_SHARED, Part, list_parts
from hub.core.connections.service import THE_HUB, lock_facts, lose_grant
from hub.core.connections.state import ConnectionState
from hub.core.outbox.service import publish

TRIED_AGAIN_AFTER = timedelta(minutes=10)
"""How long nothing is tried for a part after it refused; its owner should not have to wait longer (TK-08)."""


class PartWork(StrEnum):
    """What the hub does for each part of an account."""

    READING = "reading"
    LISTING_FORMS = "listing_forms"
    SUBSCRIBING = "subscribing"


def limit_parts(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    work: PartWork,
    refusals: Iterable[PartAccessLostError],
    *,
    began_at: datetime,
    now: datetime,
) -> None:
    """Note that parts refused a kind of work that began at ``began_at``; the admins are told once for each part.

    A refusal of a grant that was replaced since is not held against the new one, and one about a part that the
    connection does not have says nothing.
    """
    facts = lock_facts(connection, organisation_id, connection_id)
    if facts.state is not ConnectionState.ACTIVE or _is_renewed_since(
        connection, organisation_id, connection_id, began_at
    ):
        return
    parts = {part.part_id: part for part in list_parts(connection, organisation_id, connection_id)}
    noted = {error.part_id: error for error in refusals if error.part_id in parts}
    for part_id, error in sorted(noted.items()):
        _set_limit(connection, organisation_id, connection_id, work, error, now)
        if not parts[part_id].causes:
            _tell(connection, organisation_id, connection_id, "connection_part_limited", parts[part_id], error, now)
    if noted and _all_dead(connection, organisation_id, connection_id, parts):
        first = noted[min(noted)]
        lose_grant(
            connection, organisation_id, connection_id, reason=first.code, user_message=first.user_message, now=now
        )


def lift_limits(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    work: PartWork,
    part_ids: Collection[str],
    now: datetime,
) -> None:
    """Note that a kind of work succeeded for parts; where nothing else limits one, the admins are told."""
    lifted = set(
        connection.scalars(
            sa.delete(part_limits)
            .where(
                *_of(organisation_id, connection_id),
                part_limits.c.work == work.value,
                part_limits.c.part_id.in_(part_ids),
            )
            .returning(part_limits.c.part_id)
        )
    )
    for part in list_parts(connection, organisation_id, connection_id) if lifted else ():
        if part.part_id in lifted and not part.causes:
            _tell(connection, organisation_id, connection_id, "connection_part_restored", part, None, now)


def limited_parts(
    connection: Connection, organisation_id: UUID, connection_id: UUID, work: PartWork
) -> dict[str, datetime]:
    """The parts for which this work failed, each with the moment at which it may be tried again."""
    rows = connection.execute(
        sa.select(part_limits.c.part_id, part_limits.c.retry_at).where(
            *_of(organisation_id, connection_id), part_limits.c.work == work.value
        )
    )
    return {row.part_id: row.retry_at for row in rows}


def _set_limit(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    work: PartWork,
    error: PartAccessLostError,
    now: datetime,
) -> None:
    values = {"code": error.code, "message": error.user_message, "retry_at": now + TRIED_AGAIN_AFTER}
    mine = (part_limits.c.part_id == error.part_id, part_limits.c.work == work.value)
    changed = connection.execute(
        sa.update(part_limits).where(*_of(organisation_id, connection_id), *mine).values(**values)
    )
    if not changed.rowcount:
        connection.execute(
            sa.insert(part_limits).values(
                connection_id=connection_id,
                part_id=error.part_id,
                work=work.value,
                organisation_id=organisation_id,
                since=now,
                **values,
            )
        )


def _all_dead(connection: Connection, organisation_id: UUID, connection_id: UUID, parts: Mapping[str, Part]) -> bool:
    """Whether no selected part can be read, nor anything else be done for it."""
    found: dict[str, set[str]] = {}
    limits = sa.select(part_limits.c.part_id, part_limits.c.work).where(*_of(organisation_id, connection_id))
    for row in connection.execute(limits):
        found.setdefault(row.part_id, set()).add(row.work)
    others = {PartWork.LISTING_FORMS.value, PartWork.SUBSCRIBING.value}
    return all(
        NOT_SHARED in part.missing_rights
        or PartWork.READING.value in found.get(part.part_id, ())
        or others <= found.get(part.part_id, set())
        for part in parts.values()
        if part.is_selected
    )


def _is_renewed_since(connection: Connection, organisation_id: UUID, connection_id: UUID, moment: datetime) -> bool:
    stored_at: datetime | None = connection.scalar(
        sa.select(grants.c.stored_at).where(
            grants.c.organisation_id == organisation_id, grants.c.connection_id == connection_id
        )
    )
    return stored_at is not None and stored_at > moment


def _tell(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    kind: str,
    part: Part,
    error: PartAccessLostError | None,
    now: datetime,
) -> None:
    noted: dict[str, Any] = {"part_id": part.part_id, "part": part.name, "centre": part.centre_name}
    if error is not None:
        noted |= {"reason": error.code, "sentence": error.user_message}
    subject = f"connection:{connection_id}"
    record(connection, organisation_id, actor=THE_HUB, action=kind, subject=subject, now=now, detail=noted)
    publish(connection, organisation_id, kind=kind, subject_id=connection_id, payload=noted, now=now)


def _of(organisation_id: UUID, connection_id: UUID) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return part_limits.c.organisation_id == organisation_id, part_limits.c.connection_id == connection_id
