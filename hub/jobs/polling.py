"""Polling one source form, and finding the forms to poll.

Pages become receipts before the cursor is stored, so a crash between the two repeats a page and loses none. The
mark moves when the last page is stored (``hub.core.pulls``). How far back a listing starts is the mark less the
connector's overlap: sources hand out late arrivals and are not exact about time.
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Connector, Polls
from hub.connector.clock import Clock
from hub.connector.errors import ConnectorError, PartAccessLostError, PermanentError, RetryableError
from hub.connector.models import Cursor, Page, SourceForm
from hub.core.connections.part_limits import PartWork
from hub.core.connections.parts import lacks_rights, refresh_rights
from hub.core.intake.receipts import Delivery, Path
from hub.core.jobs.service import Job
from hub.core.pulls import queries, service
from hub.core.pulls.queries import Pull
from hub.core.upkeep.queries import active_connection
from hub.db.engine import Database
from hub.jobs.opening import ConnectionKey, Connections, Connectors, FormCatalogue, Ledger, find, uuid_in
from hub.jobs.part_watch import PartWatch

POLL = "poll"
LIST_FORMS = "list_forms"


def poll_job(key: ConnectionKey, source_form_id: UUID) -> Job:
    """The job that polls a form; while one is not done, another is not added."""
    payload = key.payload(source_form=str(source_form_id))
    return Job(POLL, f"{POLL}:{source_form_id}", payload, key.organisation_id, key.partition)


class Polling:
    """Handlers of the jobs ``poll`` and ``list_forms``.

    Both raise ``RetryableError`` to be tried again and ``RateLimitedError`` to have the whole connection wait;
    other errors end this run, and the next one comes by schedule. A part of the account that is out of reach is
    noted, and the others are read all the same.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        connectors: Connectors,
        connections: Connections,
        ledger: Ledger,
        catalogue: FormCatalogue,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connectors = connectors
        self._connections = connections
        self._ledger = ledger
        self._catalogue = catalogue

    async def poll(self, payload: JsonValue) -> None:
        """Read one form from its mark to the end of the listing."""
        key, source_form_id = ConnectionKey.read(payload), uuid_in(payload, "source_form")
        connector = await self._active_connector(key)
        pull = await self._database.read(queries.pull_of, key.organisation_id, source_form_id)
        if connector is None or not isinstance(connector, Polls) or pull is None:
            return
        parts = PartWatch(self._database, self._clock, key, PartWork.READING)
        await parts.look()
        if parts.is_resting(pull.form.part_id):
            return

        async def read(access: Access) -> None:
            pull = await self._database.read(queries.pull_of, key.organisation_id, source_form_id)
            if pull is not None:
                await _Listing(self._database, self._clock, self._ledger, key, connector, pull).read(access)

        try:
            await self._connections.run(key.organisation_id, key.connection_id, read)
        except ConnectorError as error:
            sentence = error.user_message
            await self._database.write(service.note_failure, key.organisation_id, source_form_id, sentence)
            if isinstance(error, PartAccessLostError):
                parts.refused(error)
            raise
        else:
            parts.reached(pull.form.part_id)
        finally:
            await parts.store()

    async def list_forms(self, payload: JsonValue) -> None:
        """Look which forms and questions the source has now, and read new forms at once. Where a right was missing
        on a part, look whether it still is."""
        key = ConnectionKey.read(payload)
        connector = await self._active_connector(key)
        if connector is None:
            return
        parts = PartWatch(self._database, self._clock, key, PartWork.LISTING_FORMS)
        await parts.look()

        async def list_all(access: Access) -> tuple[Sequence[SourceForm], bool]:
            forms = await connector.list_forms(access)
            parts.worked_on_all(access)
            return forms, can_be_polled(connector, access)

        try:
            forms, is_polled = await self._connections.run(key.organisation_id, key.connection_id, list_all)
        except PartAccessLostError as error:
            parts.refused(error)
            raise
        finally:
            await parts.store()
        now = self._clock.now()
        await self._catalogue.found(key, forms, now)
        if is_polled:
            await self._database.write(service.ensure_marks, key.organisation_id, key.connection_id, now)
        where = (key.organisation_id, key.connection_id)
        if await self._database.read(lacks_rights, *where):
            account = await self._connections.run(*where, connector.identify)
            await self._database.write(refresh_rights, *where, account)

    async def _active_connector(self, key: ConnectionKey) -> Connector | None:
        active = await self._database.read(active_connection, key.organisation_id, key.connection_id)
        return find(self._connectors, active.connector) if active else None


def can_be_polled(connector: Connector, access: Access) -> bool:
    """Whether the source can be asked for its submissions, as the connection is set up."""
    if not isinstance(connector, Polls):
        return False
    return connector.manifest.settings is None or connector.lists(access.settings_model())


class _Listing:
    """One listing of one form, from where the last one ended or broke off."""

    def __init__(
        self, database: Database, clock: Clock, ledger: Ledger, key: ConnectionKey, connector: Connector, pull: Pull
    ) -> None:
        self._database = database
        self._clock = clock
        self._ledger = ledger
        self._key = key
        self._connector = connector
        self._pull = pull
        self._row = (key.organisation_id, pull.source_form_id)

    async def read(self, access: Access) -> None:
        """To its end; raises what the connector raises, and ``RetryableError`` where it ends without an end."""
        assert isinstance(self._connector, Polls)  # noqa: S101 - the caller asked
        since = self._pull.resume or await self._begin()
        ended = False
        try:
            async for page in self._connector.fetch(access, self._pull.form, since):
                ended = await self._store(page)
        except PermanentError as error:
            await self._restart(error)
        if not ended:
            raise RetryableError("The source's listing broke off before its end.", code="listing_incomplete")

    async def _begin(self) -> Cursor | None:
        await self._database.write(service.begin_listing, *self._row, self._clock.now())
        mark = self._pull.mark
        return Cursor(mark=mark - self._connector.manifest.overlap) if mark is not None else None

    async def _store(self, page: Page) -> bool:
        """Store a page, then its cursor; says whether it was the last."""
        now = self._clock.now()
        if page.submissions:
            await self._ledger.accept(
                Delivery(
                    organisation_id=self._key.organisation_id,
                    connection_id=self._key.connection_id,
                    connector=self._connector.manifest.key,
                    path=Path.PULL,
                    received_at=now,
                    submissions=page.submissions,
                )
            )
        if page.cursor.token is not None:
            await self._database.write(service.note_page, *self._row, page.cursor)
            return False
        next_run_at = now + self._connector.manifest.poll_every
        await self._database.write(service.end_listing, *self._row, page.cursor, now=now, next_run_at=next_run_at)
        return True

    async def _restart(self, error: PermanentError) -> None:
        """Sources forget the places inside their listings after a while; from the mark there is always a way."""
        if self._pull.resume is None:
            raise error
        await self._database.write(service.forget_listing, *self._row)
        raise RetryableError("The listing must be read from its beginning again.", code="listing_restarted") from error
