"""The form behind a public key as it stands now, read once for all who ask at the same moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.forms import queries
from hub.core.forms.definition import FormDefinition
from hub.core.forms.queries import PublicForm
from hub.core.forms.status import FormStatus
from hub.db.engine import Database

DEFINITIONS_KEPT = 500

_Version = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class CurrentForm:
    """A form that was published, with the definition that collects."""

    key: str
    row: PublicForm
    version: int
    definition: FormDefinition

    @property
    def is_inactive(self) -> bool:
        """Whether what arrives goes to quarantine."""
        return not self.row.is_collecting


class CurrentForms:
    """Looks forms up for one process. Nothing that can change is kept: a look-up is shared only by those who asked
    before it began, so that a form that was just switched off is seen as such."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queued: dict[str, asyncio.Task[CurrentForm | None]] = {}
        self._running: dict[str, asyncio.Task[CurrentForm | None]] = {}
        self._definitions: OrderedDict[_Version, FormDefinition] = OrderedDict()

    async def find(self, key: str) -> CurrentForm | None:
        """The published form with this key; None for an unknown one and for a draft.

        Raises ``DatabaseUnavailableError``.
        """
        task = self._queued.get(key)
        if task is None:
            task = asyncio.create_task(self._find_after(self._running.get(key), key))
            self._queued[key] = task
        return await asyncio.shield(task)

    async def version(self, form: CurrentForm, version: int) -> FormDefinition | None:
        """A former published definition of the form; None where there is none."""
        found = self._definitions.get((form.row.id, version))
        if found is None:
            found = await self._database.read(queries.find_version, form.row.organisation_id, form.row.id, version)
            self._keep((form.row.id, version), found)
        return found

    async def _find_after(self, earlier: "asyncio.Task[CurrentForm | None] | None", key: str) -> CurrentForm | None:
        if earlier is not None:
            await asyncio.wait([earlier])
        own = self._running[key] = self._queued.pop(key)
        try:
            row, read = await self._database.read(_load, key, self._definitions.keys())
        finally:
            if self._running.get(key) is own:
                del self._running[key]
        if row is None or row.published_version is None or row.status is FormStatus.DRAFT:
            return None
        version = (row.id, row.published_version)
        self._keep(version, read)
        definition = read or self._definitions.get(version)
        return CurrentForm(key, row, row.published_version, definition) if definition else None

    def _keep(self, version: _Version, definition: FormDefinition | None) -> None:
        if definition is not None:
            self._definitions[version] = definition
            if len(self._definitions) > DEFINITIONS_KEPT:
                self._definitions.popitem(last=False)


def _load(
    connection: Connection, key: str, known: Container[_Version]
) -> tuple[PublicForm | None, FormDefinition | None]:
    row = queries.find_public_form(connection, key)
    if row is None or row.published_version is None or (row.id, row.published_version) in known:
        return row, None
    return row, queries.find_version(connection, row.organisation_id, row.id, row.published_version)
