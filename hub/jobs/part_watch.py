"""What the jobs of a connection know and note about its parts: which are left alone for a while, which refused, which
work again."""

from datetime import datetime

import structlog

from hub.connector.access import Access
from hub.connector.clock import Clock
from hub.connector.errors import PartAccessLostError
from hub.core.connections.part_limits import PartWork, lift_limits, limit_parts, limited_parts
from hub.core.pulls.service import pull_part_soon
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey

log = structlog.get_logger(__name__)


class PartWatch:
    """The parts of one connection under one kind of work, during one job: ``look``, then ``store`` at its end."""

    def __init__(self, database: Database, clock: Clock, key: ConnectionKey, work: PartWork) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._work = work
        self._began_at = clock.now()
        self._limited: dict[str, datetime] = {}
        self._reached: set[str] = set()
        self._refused: dict[str, PartAccessLostError] = {}

    async def look(self) -> None:
        """Read which parts are limited at present."""
        where = (self._key.organisation_id, self._key.connection_id)
        self._limited = await self._database.read(limited_parts, *where, self._work)

    def is_resting(self, part_id: str | None) -> bool:
        """Whether the part refused so lately that it is not asked now."""
        if part_id is None:
            return False
        retry_at = self._limited.get(part_id)
        return part_id in self._refused or (retry_at is not None and self._clock.now() < retry_at)

    def reached(self, part_id: str | None) -> None:
        """The work was done for a part."""
        if part_id in self._limited and part_id is not None:
            self._reached.add(part_id)

    def refused(self, error: PartAccessLostError) -> None:
        """A part refused."""
        self._refused[error.part_id] = error

    def worked_on_all(self, access: Access) -> None:
        """After work on all parts at once: those that were skipped refused, the others did not. Where parts have
        tokens of their own, one without a token was not asked at all."""
        asked = frozenset(access.part_ids) or self._limited.keys()
        self._reached = {part_id for part_id in self._limited if part_id in asked}
        for error in access.skipped_parts.values():
            self.refused(error)

    async def store(self) -> None:
        """Keep what was noted. A part that can be read again is read at once; where none is left, the whole
        connection needs its admin. To be called when the success or failure of the work is stored already."""
        where, now = (self._key.organisation_id, self._key.connection_id), self._clock.now()
        again = sorted(self._reached - self._refused.keys())
        if again:
            await self._database.write(lift_limits, *where, self._work, again, now)
        if again and self._work is PartWork.READING:
            await self._database.write(pull_part_soon, *where, again, now)
        if self._refused:
            errors = list(self._refused.values())
            log.warning("parts are out of reach", connection=str(where[1]), reasons=[error.code for error in errors])
            await self._database.write(limit_parts, *where, self._work, errors, began_at=self._began_at, now=now)
