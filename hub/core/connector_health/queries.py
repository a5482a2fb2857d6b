"""Reading how connectors are doing, over all processes of the hub."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.apart import FaultKind
from hub.core.connector_health.models import connector_faults, connector_health
from hub.core.processes.models import processes


@dataclass(frozen=True)
class FaultLine:
    """One line of the ledger of faults: what failed, in which way, how often; ``reason`` is of the last."""

    step: str
    kind: FaultKind
    number: int
    reason: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class ProcessHealth:
    """How a connector is doing in one process of the hub."""

    process: str
    is_apart: bool
    is_failing: bool
    rests_until: datetime | None


def health_of(connection: Connection) -> dict[str, list[ProcessHealth]]:
    """By connector: in each registered process in which it runs apart or ever failed."""
    table = connector_health.c
    rows = connection.execute(
        sa.select(table.connector, table.process, table.is_apart, table.is_failing, table.rests_until)
        .where(table.process.in_(sa.select(processes.c.name)))
        .order_by(table.connector, table.process)
    )
    found: dict[str, list[ProcessHealth]] = {}
    for row in rows:
        found.setdefault(row.connector, []).append(ProcessHealth(*row[1:]))
    return found


def faults_of(connection: Connection) -> dict[str, Sequence[FaultLine]]:
    """The ledger of faults by connector, the latest first."""
    table = connector_faults.c
    rows = connection.execute(sa.select(connector_faults).order_by(table.connector, table.last_at.desc(), table.step))
    found: dict[str, list[FaultLine]] = {}
    for row in rows:
        line = FaultLine(row.step, FaultKind(row.kind), row.number, row.reason, row.first_at, row.last_at)
        found.setdefault(row.connector, []).append(line)
    return dict(found)
