"""What the public forms need of the rest of the hub, as narrow as they need it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hub.core.intake.receipts import Accepted, Delivery

Entries = Mapping[str, Sequence[str]]
"""Every name and all its values, as a visitor posted them."""


class FormLedger(Protocol):
    """The front door of the ledger."""

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store; ``KeyReusedError`` and ``DatabaseUnavailableError`` say why not."""
        ...

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count a request that was turned away."""
        ...
