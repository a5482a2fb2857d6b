"""What a simulator remembers: the leads it holds, the calls it saw, the deliveries it made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.connector.conversations import Channel
from hub.connector.models import InboundRequest


@dataclass(frozen=True)
class SeenRequest:
    """One call that reached the simulator. Header names are lower case; ``query``: last value wins."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredSubmission:
    """One lead at the source. ``answers`` by question key; all values of a multiple choice in one tuple."""

    source_id: str
    form_id: str
    answers: Mapping[str, tuple[str, ...]]
    submitted_at: datetime
    is_test: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class SentDelivery:
    """One request that left towards the hub. ``status`` is None where no answer came."""

    request: InboundRequest
    source_ids: tuple[str, ...]
    status: int | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the hub took responsibility for it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Challenge:
    """A handshake that the source makes before it delivers, and the reply body that it insists on."""

    request: InboundRequest
    reply: bytes


@dataclass(frozen=True)
class TakenMessage:
    """A message that the platform took for delivery. ``key`` is our own id, where the request carried one."""

    provider_id: str
    channel: Channel
    sender: str
    recipient: str
    text: str = field(repr=False)
    key: str | None = None


@dataclass(frozen=True)
class CountedConversion:
    """An event that the platform counted, once under its id. ``taken_at`` is when it came."""

    target_id: str
    event_id: str
    event_name: str
    happened_at: datetime
    taken_at: datetime
