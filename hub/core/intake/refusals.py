"""Requests that were turned away, counted for the operator as well."""

from collections import Counter
from typing import Any

from hub.core.intake.ledger import Ledger
from hub.core.intake.receipts import Path


class CountingLedger(Ledger):
    """A ledger that also keeps how many requests this process turned away, by way in and reason.

    The table of refusals grows with every address that sends nonsense: too long to be read at each measurement.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.turned_away: Counter[tuple[str, str]] = Counter()

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count here and in the table. The address may be made up by the sender, so it names no counter."""
        path = Path.FORM if endpoint.startswith("form") else Path.WEBHOOK
        self.turned_away[path.value, reason] += 1
        await super().count_refusal(endpoint, reason, sender)
