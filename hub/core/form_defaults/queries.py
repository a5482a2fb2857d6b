"""Reading form defaults."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.form_defaults.defaults import NO_DEFAULTS, FormDefaults
from hub.core.form_defaults.models import form_defaults, part_defaults


def load_form_defaults(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> FormDefaults:
    """What was saved for a source form; everything None if nothing was."""
    mine = (form_defaults.c.organisation_id == organisation_id, form_defaults.c.source_form_id == source_form_id)
    row = connection.execute(sa.select(form_defaults).where(*mine)).one_or_none()
    return NO_DEFAULTS if row is None else FormDefaults.of_row(row)


def load_part_defaults(
    connection: Connection, organisation_id: UUID, connection_id: UUID, part_id: str | None
) -> FormDefaults:
    """What new forms of an account part begin with."""
    statement = sa.select(part_defaults).where(
        part_defaults.c.organisation_id == organisation_id,
        part_defaults.c.connection_id == connection_id,
        part_defaults.c.part_id == part_id,
    )
    row = connection.execute(statement).one_or_none() if part_id is not None else None
    return NO_DEFAULTS if row is None else FormDefaults.of_row(row)
