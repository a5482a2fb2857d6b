"""The parts of the hub that routes about leads, receipts and connections work with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from hub.connector.base import Connector
from hub.core.connections.access import ConnectionAccess
from hub.core.connections.authorising import Authoriser
from hub.core.connections.authorising_by_keys import KeyAuthoriser
from hub.core.connections.disconnecting import Disconnector
from hub.core.connections.sealing import Sealer
from hub.core.intake.lanes import IntakeLanes
from hub.core.intake.ledger import Ledger
from hub.core.intake.receiving import Receiver


@dataclass(frozen=True, kw_only=True)
class WorkingParts:
    """Made once per process by the composition root; ``services.get(WorkingParts)``."""

    connectors: Mapping[str, Connector]
    sealer: Sealer
    ledger: Ledger
    intake: IntakeLanes
    receiver: Receiver
    access: ConnectionAccess
    authoriser: Authoriser
    key_authoriser: KeyAuthoriser
    disconnector: Disconnector
    process_name: str
    on_connected: Callable[[UUID, UUID], Awaitable[None]]
    """Told organisation and connection when one begins to work: its forms are listed and read at once."""
    on_redriven: Callable[[], Awaitable[None]]
    """Told that settled receipts are pending again."""
    reachable: Callable[[str], str]
    """Where a browser reaches an address of a platform: another only where simulators stand in for it."""
