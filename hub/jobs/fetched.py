"""Receipts of thin deliveries, as the job that fetches them sees the ledger."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.connector.models import Pointer, RawSubmission
from hub.core.intake import pointers
from hub.db.engine import Database
from hub.db.types import AnyRow
from hub.jobs.opening import ConnectionKey
from hub.jobs.resolving import BATCH, NotResolved, PointerReceipt


class ThinReceipts:
    """A ``PointerReceipts``. ``wake`` tells the intake of this process that there is something to work off."""

    def __init__(self, database: Database, clock: Clock, process_name: str, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._process_name = process_name
        self._wake = wake

    async def load(self, key: ConnectionKey, receipt_ids: Sequence[UUID]) -> Sequence[PointerReceipt]:
        """Those among them that are still pending and not fetched; then others of the connection, never tried."""
        rows = await self._database.read(_load, key, receipt_ids)
        return [
            PointerReceipt(
                row.id,
                Pointer(source_id=row.source_id, form_id=row.form_id, part_id=row.part_id),
                row.received_at,
                row.attempts,
            )
            for row in rows
        ]

    async def resolved(self, key: ConnectionKey, receipt_id: UUID, raw: RawSubmission) -> None:
        """Keep what was fetched and have it worked off in this process."""
        await self._database.write(pointers.store_fetched, key.organisation_id, {receipt_id: raw}, self._process_name)
        self._wake()

    async def failed(self, key: ConnectionKey, receipt_id: UUID, failure: NotResolved) -> None:
        """Count an attempt, and quarantine the receipt where the failure is final."""
        await self._database.write(
            pointers.note_unfetched,
            key.organisation_id,
            receipt_id,
            reason=failure.reason,
            detail=failure.sentence,
            is_final=failure.final,
            now=self._clock.now(),
        )


def _load(connection: Connection, key: ConnectionKey, receipt_ids: Sequence[UUID]) -> list[AnyRow]:
    own = list(pointers.load_unfetched(connection, key.organisation_id, receipt_ids))
    if len(own) < BATCH:
        room = BATCH - len(own)
        own += pointers.load_untried(connection, key.organisation_id, key.connection_id, room, but=receipt_ids)
    return own
