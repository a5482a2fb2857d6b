"""Receipts that stay pending for too long, and the alert that tells of them (X-01).

An alert is a row that stands while there are such receipts. Raising and ending it is an event each, so that whoever
listens is told once, whatever the number of processes that look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.intake.models import overdue_alerts, receipts
from hub.core.intake.receipts import Disposition
from hub.core.outbox.service import publish
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow
from hub.db.upsert import insert

RAISED, ENDED = "receipts_overdue", "receipts_caught_up"
_OF_ALL: dict[str, Any] = {ALL_ORGANISATIONS: "the hub watches over the receipts of every organisation"}
_PENDING = receipts.c.disposition == Disposition.PENDING.value


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many receipts of an organisation are pending for too long, and when the oldest of them was received."""

    organisation_id: UUID
    receipts: int
    oldest_received_at: datetime


@dataclass(frozen=True, slots=True)
class Turned:
    """Which alerts one look raised, and for which organisations it ended one."""

    raised: tuple[Overdue, ...] = ()
    ended: tuple[UUID, ...] = ()


def oldest_pending(connection: Connection) -> datetime | None:
    """When the oldest pending receipt of all was received; None where none is pending."""
    asked = sa.select(sa.func.min(receipts.c.received_at)).where(_PENDING).execution_options(**_OF_ALL)
    oldest: datetime | None = connection.scalar(asked)
    return oldest


def overdue(connection: Connection, received_before: datetime) -> list[Overdue]:
    """The organisations of which receipts are pending that were received before a moment."""
    rows = connection.execute(
        sa.select(receipts.c.organisation_id, sa.func.count(), sa.func.min(receipts.c.received_at))
        .where(_PENDING, receipts.c.received_at < received_before)
        .group_by(receipts.c.organisation_id)
        .order_by(receipts.c.organisation_id)
        .execution_options(**_OF_ALL)
    )
    return [Overdue(*row) for row in rows]


def alert_of(connection: Connection, organisation_id: UUID) -> AnyRow | None:
    """The alert that stands for an organisation, if one does."""
    return connection.execute(
        sa.select(overdue_alerts).where(overdue_alerts.c.organisation_id == organisation_id)
    ).first()


def count_alerts(connection: Connection) -> int:
    """For how many organisations an alert stands."""
    counted = sa.select(sa.func.count()).select_from(overdue_alerts).execution_options(**_OF_ALL)
    return connection.execute(counted).scalar_one()


def turn_alerts(connection: Connection, found: Sequence[Overdue], now: datetime) -> Turned:
    """Raise, bring up to date and end alerts, so that they say what was found."""
    raised = tuple(each for each in found if _raise_or_update(connection, each, now))
    overdue_ids = {each.organisation_id for each in found}
    standing = connection.scalars(sa.select(overdue_alerts.c.organisation_id).execution_options(**_OF_ALL)).all()
    ended = tuple(each for each in standing if each not in overdue_ids and _end(connection, each, now))
    return Turned(raised, ended)


def _raise_or_update(connection: Connection, found: Overdue, now: datetime) -> bool:
    """Whether it is raised by this; processes that look at the same moment raise it once."""
    facts = {"receipts": found.receipts, "oldest_received_at": found.oldest_received_at}
    row = {"organisation_id": found.organisation_id, **facts, "raised_at": now}
    statement = insert(connection, overdue_alerts).values(**row).on_conflict_do_nothing()
    if connection.scalar(statement.returning(overdue_alerts.c.organisation_id)) is None:
        mine = overdue_alerts.c.organisation_id == found.organisation_id
        connection.execute(sa.update(overdue_alerts).where(mine).values(**facts))
        return False
    payload = {"receipts": found.receipts, "oldest_received_at": found.oldest_received_at.isoformat()}
    _tell(connection, found.organisation_id, RAISED, payload, now)
    return True


def _end(connection: Connection, organisation_id: UUID, now: datetime) -> bool:
    mine = overdue_alerts.c.organisation_id == organisation_id
    if not connection.execute(sa.delete(overdue_alerts).where(mine)).rowcount:
        return False
    _tell(connection, organisation_id, ENDED, {}, now)
    return True


def _tell(connection: Connection, organisation_id: UUID, kind: str, payload: dict[str, Any], now: datetime) -> None:
    publish(connection, organisation_id, kind=kind, subject_id=organisation_id, payload=payload, now=now)
