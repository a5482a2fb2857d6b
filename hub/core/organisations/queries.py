"""Reading organisations and their centres."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import UnknownRecordError
from hub.core.organisations.models import centres, config_versions, organisations

_VERSION = sa.select(config_versions.c.version).where(
    config_versions.c.organisation_id == sa.bindparam("organisation_id")
)


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation. ``country`` is ISO 3166-1 alpha-2, ``language`` BCP 47, ``time_zone`` an IANA name."""

    id: UUID
    name: str
    country: str
    language: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Centre:
    """A location of an organisation."""

    id: UUID
    name: str
    code: str
    time_zone: str
    is_active: bool


def config_version(connection: Connection, organisation_id: UUID) -> int:
    """The number that grows with every change of configuration; 0 when nothing was configured yet.

    Whoever keeps a copy of configuration reads the number before the configuration: a change in between then
    leaves the copy under too low a number, and it is read once more than needed, never once too few.
    """
    return connection.execute(_VERSION, {"organisation_id": organisation_id}).scalar() or 0


def organisation(connection: Connection, organisation_id: UUID) -> Organisation:
    """The organisation, or ``UnknownRecordError``."""
    found = connection.execute(sa.select(organisations).where(organisations.c.id == organisation_id)).one_or_none()
    if found is None:
        raise UnknownRecordError("organisation")
    return Organisation(found.id, found.name, found.country, found.language, found.time_zone)


def list_centres(connection: Connection, organisation_id: UUID) -> list[Centre]:
    """All centres by name, the inactive ones too."""
    statement = sa.select(centres).where(centres.c.organisation_id == organisation_id).order_by(centres.c.name)
    rows = connection.execute(statement)
    return [Centre(row.id, row.name, row.code, row.time_zone, row.is_active) for row in rows]


def require_owned(
    connection: Connection, organisation_id: UUID, table: sa.Table, ids: Iterable[UUID], *, what: str
) -> None:
    """Raise ``UnknownRecordError`` unless every id is a row of ``table`` that belongs to the organisation."""
    wanted = set(ids)
    if not wanted:
        return
    statement = sa.select(sa.func.count()).where(table.c.organisation_id == organisation_id, table.c.id.in_(wanted))
    if connection.execute(statement).scalar_one() != len(wanted):
        raise UnknownRecordError(what)
