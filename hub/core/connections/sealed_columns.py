"""Every sealed column there is, for the check that all of them can be opened (I7)."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.keyring import KeyringError
from hub.core.connections.models import authorisation_requests, connector_apps, grants
from hub.core.connections.sealing import Sealer, UnsealError
from hub.db.guard import ALL_ORGANISATIONS


@dataclass(frozen=True)
class UnreadableValue:
    """A stored value that does not open, and why."""

    table: str
    row: str
    column: str
    problem: str


SEALED_COLUMNS: tuple[tuple[sa.Column[Any], sa.Column[Any]], ...] = (
    (connector_apps.c.id, connector_apps.c.settings),
    (grants.c.connection_id, grants.c.ciphertext),
    (authorisation_requests.c.state_sha256, authorisation_requests.c.code_verifier),
)
"""Primary key and sealed column of each table."""


def unreadable_values(connection: Connection, sealer: Sealer) -> list[UnreadableValue]:
    """Open every sealed value; those that do not."""
    found: list[UnreadableValue] = []
    for key, column in SEALED_COLUMNS:
        statement = (
            sa.select(key.label("key"), column.label("sealed"), key.table.c.organisation_id)
            .where(column.is_not(None))
            .execution_options(**{ALL_ORGANISATIONS: "the check looks at every stored secret"})
        )
        for row in connection.execute(statement):
            try:
                sealer.open(connection, row.organisation_id, key.table.name, row.key, column.name, row.sealed)
            except (UnsealError, KeyringError) as problem:
                found.append(UnreadableValue(key.table.name, str(row.key), column.name, str(problem)))
    return found
