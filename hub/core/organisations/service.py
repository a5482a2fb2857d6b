"""Changing organisations, their centres, and who in them takes leads."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.checks import coded, named, zoned
from hub.core.organisations.errors import RefusedChangeError
from hub.core.organisations.models import centres, config_versions, users
from hub.core.organisations.queries import require_owned
from hub.core.routing.models import assignees
from hub.db.schema import new_id
from hub.db.upsert import insert


def bump_config_version(connection: Connection, organisation_id: UUID) -> None:
    """Tell every process that configuration changed. Call it first in the change, in the same transaction:
    the row's lock then also puts changes of one organisation's configuration one after the other."""
    first = insert(connection, config_versions).values(organisation_id=organisation_id, version=1)
    grown = {"version": config_versions.c.version + 1}
    connection.execute(first.on_conflict_do_update(index_elements=["organisation_id"], set_=grown))


def create_centre(
    connection: Connection, organisation_id: UUID, *, name: str, code: str, time_zone: str, now: datetime
) -> UUID:
    """Add a centre; its code is unique in the organisation."""
    bump_config_version(connection, organisation_id)
    centre_id = new_id()
    row = {
        "id": centre_id,
        "organisation_id": organisation_id,
        "name": named(name),
        "code": coded(code, _centre_codes(connection, organisation_id)),
        "time_zone": zoned(time_zone),
        "is_active": True,
        "created_at": now,
    }
    connection.execute(sa.insert(centres).values(row))
    return centre_id


def update_centre(
    connection: Connection,
    organisation_id: UUID,
    centre_id: UUID,
    *,
    name: str | None = None,
    code: str | None = None,
    time_zone: str | None = None,
    is_active: bool | None = None,
) -> None:
    """Change what is given. A centre is never removed, because leads point at it; it is made inactive."""
    bump_config_version(connection, organisation_id)
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = named(name)
    if code is not None:
        changes["code"] = coded(code, _centre_codes(connection, organisation_id, but=centre_id))
    if time_zone is not None:
        changes["time_zone"] = zoned(time_zone)
    if is_active is not None:
        changes["is_active"] = is_active
    require_owned(connection, organisation_id, centres, [centre_id], what="centre")
    if changes:
        mine = (centres.c.organisation_id == organisation_id, centres.c.id == centre_id)
        connection.execute(sa.update(centres).where(*mine).values(changes))


def make_assignee(
    connection: Connection,
    organisation_id: UUID,
    user_id: UUID,
    *,
    takes_leads: bool = True,
    capacity: int | None = None,
    weight: int = 1,
) -> None:
    """Let a user of the organisation take leads; does nothing for one who already may. Raises
    ``UnknownRecordError`` for a user of somebody else."""
    require_owned(connection, organisation_id, users, [user_id], what="user")
    check_capacity(capacity)
    check_weight(weight)
    mine = (assignees.c.organisation_id == organisation_id, assignees.c.user_id == user_id)
    if connection.execute(sa.select(assignees.c.user_id).where(*mine)).first() is not None:
        return
    row = {
        "user_id": user_id,
        "organisation_id": organisation_id,
        "takes_leads": takes_leads,
        "capacity": capacity,
        "weight": weight,
    }
    connection.execute(sa.insert(assignees).values(row))


def check_capacity(capacity: int | None) -> None:
    """How many open leads a person may have: None for no limit, or a whole number from 0."""
    if capacity is not None and not 0 <= capacity <= 1_000_000:
        raise RefusedChangeError("capacity must be empty (no limit) or from 0 to 1000000", field="capacity")


def check_weight(weight: int) -> None:
    """A person's share in the weighted strategy, from 1 to 100."""
    if not 1 <= weight <= 100:
        raise RefusedChangeError(
            "weight must be from 1 to 100; to give somebody no leads, switch off that they take leads", field="weight"
        )


def _centre_codes(connection: Connection, organisation_id: UUID, but: UUID | None = None) -> list[str]:
    statement = sa.select(centres.c.id, centres.c.code).where(centres.c.organisation_id == organisation_id)
    return [row.code for row in connection.execute(statement) if row.id != but]
