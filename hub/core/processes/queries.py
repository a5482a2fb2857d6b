"""Reading the processes."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.processes.models import processes
from hub.core.processes.watch import Heartbeat


def heartbeats(connection: Connection) -> list[Heartbeat]:
    """Every registered process as it stands now."""
    rows = connection.execute(sa.select(processes.c.name, processes.c.incarnation, processes.c.beats))
    return [Heartbeat(*row) for row in rows]


def last_beats(connection: Connection) -> dict[str, datetime]:
    """When each process last showed that it lives, for pages and metrics."""
    rows = connection.execute(sa.select(processes.c.name, processes.c.beat_at).order_by(processes.c.name))
    return {row.name: row.beat_at for row in rows}
