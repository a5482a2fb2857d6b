"""Registering, beating and taking over, each in one transaction of the caller's.

``Releases`` is what gives a dead process's work back (its jobs, its receipts); it runs in the transaction that
removes the process, so that a claimant which dies half-way has claimed nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.processes.models import processes
from hub.core.processes.watch import Heartbeat
from hub.db.upsert import insert

Releases = Callable[[Connection, str], object]


def register(
    connection: Connection, name: str, incarnation: str, now: datetime, releases: Sequence[Releases] = ()
) -> None:
    """Enter a process that holds its name; what a predecessor of that name left is released."""
    for release in releases:
        release(connection, name)
    row = {"name": name, "incarnation": incarnation, "beats": 0, "started_at": now, "beat_at": now}
    statement = insert(connection, processes).values(**row)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def beat(connection: Connection, name: str, incarnation: str, now: datetime) -> bool:
    """Show that the process lives; False where others took it for dead, and its work with it."""
    beaten = connection.execute(
        sa.update(processes)
        .where(processes.c.name == name, processes.c.incarnation == incarnation)
        .values(beats=processes.c.beats + 1, beat_at=now)
    )
    return beaten.rowcount == 1


def leave(connection: Connection, name: str, incarnation: str, releases: Sequence[Releases] = ()) -> None:
    """An orderly end: what is still open goes to others at once."""
    for release in releases:
        release(connection, name)
    connection.execute(sa.delete(processes).where(processes.c.name == name, processes.c.incarnation == incarnation))


def take_over(connection: Connection, dead: Heartbeat, releases: Sequence[Releases]) -> bool:
    """Claim a process that was seen silent and release its work; exactly one claimant gets True (DG-06).

    A process that beat again since it was seen is left alone.
    """
    claimed = connection.execute(
        sa.delete(processes).where(
            processes.c.name == dead.name,
            processes.c.incarnation == dead.incarnation,
            processes.c.beats == dead.beats,
        )
    )
    if claimed.rowcount != 1:
        return False
    for release in releases:
        release(connection, dead.name)
    return True
