"""Account parts of a connection: pages, customer accounts, numbers, each with its centre and missing rights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Account
from hub.core.audit.service import record
from hub.core.connections.models import connection_parts, connections, part_limits
from hub.core.connections.state import ConnectionState
from hub.core.organisations.models import centres
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow

NOT_SHARED = "It is no longer shared with the hub; share it again when you sign in."
"""Said of a part that an earlier sign-in reached and the newest one does not."""


@dataclass(frozen=True)
class Part:
    """One part of an account, with the centre that its leads belong to.

    ``missing_rights`` are what the last sign-in lacked and what failed since; ``limited_since`` and ``causes`` (codes
    of errors) speak of the latter only.
    """

    part_id: str
    name: str
    missing_rights: tuple[str, ...]
    centre_id: UUID | None
    centre_name: str | None
    is_selected: bool
    limited_since: datetime | None = None
    causes: tuple[str, ...] = ()


class UnknownPartError(Exception):
    """The connection has no such part, or the organisation no such centre."""


def store_parts(connection: Connection, organisation_id: UUID, connection_id: UUID, account: Account) -> None:
    """Write what a sign-in reached. Centre and selection of known parts stay; unreached parts are kept, marked.
    What failed for a part before is to be tried anew."""
    known = {part.part_id for part in list_parts(connection, organisation_id, connection_id)}
    reached = {part.id: part for part in account.parts}
    for part_id, part in reached.items():
        values = {"name": part.name, "missing_rights": list(part.missing_rights)}
        if part_id in known:
            _change(connection, organisation_id, connection_id, part_id, values)
        else:
            connection.execute(
                sa.insert(connection_parts).values(
                    connection_id=connection_id, part_id=part_id, organisation_id=organisation_id, **values
                )
            )
    connection.execute(
        sa.delete(part_limits).where(
            part_limits.c.organisation_id == organisation_id, part_limits.c.connection_id == connection_id
        )
    )
    for part_id in known - reached.keys():
        _change(connection, organisation_id, connection_id, part_id, {"missing_rights": [NOT_SHARED]})


def lacks_rights(connection: Connection, organisation_id: UUID, connection_id: UUID) -> bool:
    """Whether the last look at the account missed something on a part that is shared; it may have been granted since
    then at the platform, without anybody signing in again."""
    stored = connection.scalars(
        sa.select(connection_parts.c.missing_rights).where(
            connection_parts.c.organisation_id == organisation_id, connection_parts.c.connection_id == connection_id
        )
    )
    return any(rights and NOT_SHARED not in rights for rights in stored)


def refresh_rights(connection: Connection, organisation_id: UUID, connection_id: UUID, account: Account) -> None:
    """Write which rights are missing on the known parts now."""
    for part in account.parts:
        _change(connection, organisation_id, connection_id, part.id, {"missing_rights": list(part.missing_rights)})


def set_centre(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    part_id: str,
    centre_id: UUID | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Say which centre the leads of a part belong to. Raises ``UnknownPartError``."""
    if centre_id is not None:
        own = sa.select(centres.c.id).where(centres.c.organisation_id == organisation_id, centres.c.id == centre_id)
        if connection.scalar(own) is None:
            raise UnknownPartError("This centre does not exist.")
    if not _change(connection, organisation_id, connection_id, part_id, {"centre_id": centre_id}):
        raise UnknownPartError("This connection has no such part.")
    record(
        connection,
        organisation_id,
        actor=actor,
        action="part_centre_changed",
        subject=f"connection:{connection_id}",
        now=now,
        detail={"part_id": part_id, "centre_id": centre_id and str(centre_id)},
    )


def list_parts(connection: Connection, organisation_id: UUID, connection_id: UUID) -> list[Part]:
    """The parts of a connection by name."""
    return parts_by_connection(connection, organisation_id, connection_id).get(connection_id, [])


def parts_by_connection(
    connection: Connection, organisation_id: UUID, connection_id: UUID | None = None
) -> dict[UUID, list[Part]]:
    """The parts of all connections of an organisation, or of one."""
    statement = (
        sa.select(connection_parts, centres.c.name.label("centre_name"))
        .outerjoin(
            centres,
            sa.and_(
                centres.c.id == connection_parts.c.centre_id,
                centres.c.organisation_id == connection_parts.c.organisation_id,
            ),
        )
        .where(connection_parts.c.organisation_id == organisation_id)
        .order_by(connection_parts.c.name, connection_parts.c.part_id)
    )
    if connection_id is not None:
        statement = statement.where(connection_parts.c.connection_id == connection_id)
    limits = _limits(connection, organisation_id, connection_id)
    found: dict[UUID, list[Part]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.connection_id, []).append(_part(row, limits.get((row.connection_id, row.part_id), [])))
    return found


def _limits(
    connection: Connection, organisation_id: UUID, connection_id: UUID | None
) -> dict[tuple[UUID, str], list[AnyRow]]:
    statement = (
        sa.select(part_limits)
        .where(part_limits.c.organisation_id == organisation_id)
        .order_by(part_limits.c.since, part_limits.c.work)
    )
    if connection_id is not None:
        statement = statement.where(part_limits.c.connection_id == connection_id)
    found: dict[tuple[UUID, str], list[AnyRow]] = {}
    for row in connection.execute(statement):
        found.setdefault((row.connection_id, row.part_id), []).append(row)
    return found


def _part(row: AnyRow, limits: Sequence[AnyRow]) -> Part:
    return Part(
        part_id=row.part_id,
        name=row.name,
        missing_rights=tuple(dict.fromkeys((*row.missing_rights, *(limit.message for limit in limits)))),
        centre_id=row.centre_id,
        centre_name=row.centre_name,
        is_selected=row.is_selected,
        limited_since=limits[0].since if limits else None,
        causes=tuple(dict.fromkeys(limit.code for limit in limits)),
    )


def route(
    connection: Connection, connector: str, app_id: UUID, part_id: str | None
) -> list[tuple[UUID, UUID, ConnectionState]]:
    """Which connections a delivery to an app's endpoint is for: ``(organisation, connection, state)`` each.

    With ``part_id`` those that hold this part and have it selected, of whichever organisation; without, all of
    the app. Every state is returned: what to do with a delivery for an inactive one is the caller's question.
    """
    statement = (
        sa.select(connections.c.organisation_id, connections.c.id, connections.c.state)
        .where(connections.c.connector == connector, connections.c.app_id == app_id)
        .order_by(connections.c.id)
        .execution_options(**{ALL_ORGANISATIONS: "one endpoint of a platform's app may serve several"})
    )
    if part_id is not None:
        statement = statement.join(
            connection_parts,
            sa.and_(
                connection_parts.c.connection_id == connections.c.id,
                connection_parts.c.organisation_id == connections.c.organisation_id,
            ),
        ).where(connection_parts.c.part_id == part_id, connection_parts.c.is_selected)
    return [(row.organisation_id, row.id, ConnectionState(row.state)) for row in connection.execute(statement)]


def _change(
    connection: Connection, organisation_id: UUID, connection_id: UUID, part_id: str, values: Mapping[str, object]
) -> bool:
    changed = connection.execute(
        sa.update(connection_parts)
        .where(
            connection_parts.c.organisation_id == organisation_id,
            connection_parts.c.connection_id == connection_id,
            connection_parts.c.part_id == part_id,
        )
        .values(**values)
    )
    return bool(changed.rowcount)
