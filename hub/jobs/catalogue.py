"""Source forms as listings find them, kept in the core, with drift told to the admins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.models import SourceForm
from hub.core.field_mappings.source_forms import upsert_source_forms
from hub.core.outbox.service import publish
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey


class KnownForms:
    """Keeps what a source lists; a ``FormCatalogue``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(self, key: ConnectionKey, forms: Sequence[SourceForm], now: datetime) -> None:
        """Take over a listing; what changed since the last one becomes findings and one event each."""
        await self._database.write(_take_over, key.organisation_id, key.connection_id, forms, now)


def _take_over(
    connection: Connection, organisation_id: UUID, connection_id: UUID, forms: Sequence[SourceForm], now: datetime
) -> None:
    for finding in upsert_source_forms(connection, organisation_id, connection_id, forms, now):
        publish(
            connection,
            organisation_id,
            kind="drift_found",
            subject_id=finding.source_form_id,
            payload={"kind": finding.kind, "question": finding.question_key},
            now=now,
        )
