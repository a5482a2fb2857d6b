"""Storing what a process noticed of its connectors."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connector_health.faults import Fault, Health
from hub.core.connector_health.models import connector_faults, connector_health

REASON_LENGTH = 200


def store(
    connection: Connection, process: str, health: Sequence[Health], faults: Sequence[Fault], now: datetime
) -> None:
    """Keep what changed: the health of connectors in this process, and faults since the last time."""
    for each in sorted(health, key=lambda one: one.connector):
        _store_health(connection, process, each, now)
    for fault in sorted(faults, key=lambda one: (one.connector, one.step, one.kind)):
        _add_fault(connection, fault)


def forget(connection: Connection, process: str) -> None:
    """A process of this name starts anew: what its predecessor noticed is no longer so. The ledger stays."""
    connection.execute(sa.delete(connector_health).where(connector_health.c.process == process))


def _store_health(connection: Connection, process: str, health: Health, now: datetime) -> None:
    key = (connector_health.c.connector == health.connector, connector_health.c.process == process)
    values = {
        "is_apart": health.is_apart,
        "is_failing": health.is_failing,
        "rests_until": health.rests_until,
        "changed_at": now,
    }
    changed = connection.execute(sa.update(connector_health).where(*key).values(values))
    if not changed.rowcount:
        row = {"connector": health.connector, "process": process, **values}
        connection.execute(sa.insert(connector_health).values(row))


def _add_fault(connection: Connection, fault: Fault) -> None:
    table = connector_faults.c
    reason = fault.reason[:REASON_LENGTH]
    key = (table.connector == fault.connector, table.step == fault.step, table.kind == fault.kind.value)
    added = connection.execute(
        sa.update(connector_faults)
        .where(*key)
        .values(number=table.number + fault.number, reason=reason, last_at=fault.last_at)
    )
    if not added.rowcount:
        connection.execute(
            sa.insert(connector_faults).values(
                connector=fault.connector,
                step=fault.step,
                kind=fault.kind.value,
                number=fault.number,
                reason=reason,
                first_at=fault.last_at,
                last_at=fault.last_at,
            )
        )
