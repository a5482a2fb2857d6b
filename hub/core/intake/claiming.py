"""Pending receipts change hands: after a crash, when a process fell silent, or on redrive."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.intake.lane import EVERYTHING, Lane
from hub.core.intake.models import receipts
from hub.core.intake.receipts import Disposition
from hub.core.processes.models import processes
from hub.db.guard import ALL_ORGANISATIONS

_SEES_ALL = {ALL_ORGANISATIONS: "the intake works off the receipts of every organisation"}
_PENDING = receipts.c.disposition == Disposition.PENDING.value

_NEEDED = tuple(
    receipts.c[name]
    for name in (
        "id",
        "organisation_id",
        "connection_id",
        "connector",
        "path",
        "form_id",
        "part_id",
        "source_id",
        "payload",
        "digest",
        "received_at",
        "lease_generation",
    )
)
"""Of a receipt that is worked off; the raw delivery, its largest part, is not among it."""
_WORKABLE = (
    sa.select(*_NEEDED)
    .where(_PENDING, receipts.c.lease_owner == sa.bindparam("owner"), receipts.c.payload.is_not(None))
    .order_by(receipts.c.id)
    .limit(sa.bindparam("most"))
    .execution_options(**_SEES_ALL)
)
_UNRESOLVED = (
    sa.select(receipts)
    .where(_PENDING, receipts.c.lease_owner == sa.bindparam("owner"), receipts.c.payload.is_(None))
    .order_by(receipts.c.id)
    .limit(sa.bindparam("most"))
    .execution_options(**_SEES_ALL)
)
_ABANDONED = (
    sa.select(receipts.c.lease_owner)
    .where(_PENDING, receipts.c.lease_owner.is_not(None), receipts.c.lease_owner.not_in(sa.select(processes.c.name)))
    .distinct()
    .execution_options(**_SEES_ALL)
)


def _moved(held_so_far: sa.ColumnElement[bool], new_owner: sa.BindParameter[str] | None) -> sa.Update:
    """Give pending receipts to another holder, or to none. They are locked in the order of their ids, as everybody
    does who locks several: two in different orders would wait for each other."""
    chosen = sa.select(receipts.c.id).where(_PENDING, held_so_far).order_by(receipts.c.id).with_for_update()
    return (
        sa.update(receipts)
        .where(receipts.c.id.in_(chosen))
        .values(lease_owner=new_owner, lease_generation=receipts.c.lease_generation + 1)
        .execution_options(**_SEES_ALL)
    )


_TAKE_OVER = _moved(
    sa.or_(receipts.c.lease_owner.is_(None), receipts.c.lease_owner.in_(sa.bindparam("from_owners", expanding=True))),
    sa.bindparam("new_owner"),
)
_RELEASE = _moved(receipts.c.lease_owner == sa.bindparam("owner"), None)


def take_over(connection: Connection, process_name: str, dead: Sequence[str]) -> int:
    """Take the pending receipts of dead processes (and of nobody); returns how many.

    A process takes over from its own predecessor too: the generation grows, so that whatever the predecessor
    still had under way settles nothing (DG-06).
    """
    return connection.execute(_TAKE_OVER, {"from_owners": list(dead), "new_owner": process_name}).rowcount


def abandoned(connection: Connection) -> list[str]:
    """Names under which receipts are pending although no process of that name is registered.

    A process may commit a last receipt after its work was released: when it was stopped or taken for dead just then.
    """
    return list(connection.scalars(_ABANDONED))


def read_held(connection: Connection, process_name: str, most: int, lane: Lane = EVERYTHING) -> list[dict[str, Any]]:
    """Pending receipts of a lane that this process holds and can work off, oldest first; of each what that needs."""
    found = connection.execute(lane.narrowed(_WORKABLE), {"owner": process_name, "most": most})
    return [dict(row._mapping) for row in found]


def read_unresolved(connection: Connection, process_name: str, most: int) -> list[dict[str, Any]]:
    """Thin deliveries that this process holds and that wait for their content."""
    return [dict(row._mapping) for row in connection.execute(_UNRESOLVED, {"owner": process_name, "most": most})]


def release(connection: Connection, process_name: str) -> int:
    """Take the pending receipts of a dead process from it; whoever sweeps next has them. Returns how many."""
    return connection.execute(_RELEASE, {"owner": process_name}).rowcount
