"""What the jobs need from the rest of the hub, as narrow protocols; ``hub.bootstrap`` wires them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from pydantic import JsonValue

from hub.connector.access import Access
from hub.connector.base import Connector
from hub.connector.models import SourceForm
from hub.core.intake.receipts import Accepted, Delivery
from hub.core.jobs.service import Job

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConnectionKey:
    """Which connection of which organisation."""

    organisation_id: UUID
    connection_id: UUID

    @property
    def partition(self) -> str:
        """The jobs of one connection wait together."""
        return f"connection:{self.connection_id}"

    def job(self, kind: str, **more: JsonValue) -> Job:
        """The job of a kind for this connection: at most one at a time."""
        return Job(kind, f"{kind}:{self.connection_id}", self.payload(**more), self.organisation_id, self.partition)

    def payload(self, **more: JsonValue) -> dict[str, JsonValue]:
        """As a job's payload."""
        return {"organisation": str(self.organisation_id), "connection": str(self.connection_id), **more}

    @classmethod
    def read(cls, payload: JsonValue) -> "ConnectionKey":
        """From a job's payload."""
        return cls(uuid_in(payload, "organisation"), uuid_in(payload, "connection"))


class Connections(Protocol):
    """Authorised work for connections; ``hub.core.connections.access.ConnectionAccess``."""

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        """An access with a grant that is fresh, renewed first where it is due."""
        ...

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        """Do some work and note how it went. ``work`` may be called twice."""
        ...


class Connectors(Protocol):
    """The installed connectors; ``hub.connectors.Registry``."""

    def get(self, key: str, /) -> Connector | None:
        """The connector of a key; None, or a ``LookupError``, where it is not installed."""
        ...


class Ledger(Protocol):
    """Where deliveries become receipts; ``hub.core.intake.ledger.Ledger``."""

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store a delivery; when this returns its receipts are on the disk."""
        ...


class FormCatalogue(Protocol):
    """Keeps the source forms and finds drift."""

    async def found(self, key: ConnectionKey, forms: Sequence[SourceForm], now: datetime) -> None:
        """Every form that the source lists at present; others are no longer live."""
        ...


def find(connectors: Connectors, key: str) -> Connector | None:
    """The connector, None where it is not installed (any more)."""
    try:
        return connectors.get(key)
    except LookupError:
        return None


def uuid_in(payload: JsonValue, name: str) -> UUID:
    """An id in a job's payload. Raises ``ValueError`` where there is none."""
    value = payload.get(name) if isinstance(payload, dict) else None
    if not isinstance(value, str):
        raise ValueError(f"the payload has no {name}")
    return UUID(value)
