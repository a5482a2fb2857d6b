"""What the public forms need of the rest of the hub, as narrow as they need it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from hub.connector.models import InboundRequest, Manifest, RawSubmission
from hub.core.intake.receipts import Accepted, Delivery

Entries = Mapping[str, Sequence[str]]
"""Every name and all its values, as a visitor posted them."""


class FormPost(Protocol):
    """One post, read by the connector."""

    @property
    def raw(self) -> RawSubmission:
        """The submission, with what looks like spam."""
        ...

    @property
    def entries(self) -> Entries:
        """All that was typed."""
        ...

    @property
    def nonce(self) -> str | None:
        """Of a genuine render token."""
        ...


class FormConnector(Protocol):
    """The connector that reads posts to the hub's own forms."""

    @property
    def manifest(self) -> Manifest:
        """Its key is that of the connection."""
        ...

    def read_post(self, request: InboundRequest, secret: SecretStr) -> FormPost:
        """Read one post; ``BadPayloadError`` where that cannot be done."""
        ...

    def issue_token(
        self, form_key: str, version: int, *, bits: int, nonce: str, now: datetime, secret: SecretStr
    ) -> str:
        """A render token."""
        ...

    def renew_token(self, text: str, *, now: datetime, secret: SecretStr, nonce: str | None = None) -> str | None:
        """A render token for a page that is open for long, or for a second submission from it."""
        ...


class FormLedger(Protocol):
    """The front door of the ledger."""

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store; ``KeyReusedError`` and ``DatabaseUnavailableError`` say why not."""
        ...

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count a request that was turned away."""
        ...
