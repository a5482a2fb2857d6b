"""A lane: those receipts of a process that one intake works off, in turn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hub.connector.base import Connector
from hub.core.connections.apart import is_apart
from hub.core.intake.models import receipts


@dataclass(frozen=True)
class Lane:
    """``only``: the key of the one connector whose receipts are taken; None: those of every connector that runs in the
    hub's process, as whoever runs apart may keep a reader waiting and then has a lane of its own."""

    only: str | None = None
    connectors: Mapping[str, Connector] = field(default_factory=dict)

    def apart(self) -> tuple[str, ...]:
        """The keys of the connectors that run apart now."""
        return tuple(key for key, connector in self.connectors.items() if is_apart(connector))

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a receipt belongs here."""
        if self.only is not None:
            return bool(row["connector"] == self.only)
        return not is_apart(self.connectors.get(row["connector"]))

    def narrowed(self, found: sa.Select[Any]) -> sa.Select[Any]:
        """A statement that reads receipts, kept to those of this lane."""
        if self.only is not None:
            return found.where(receipts.c.connector == self.only)
        elsewhere = self.apart()
        return found.where(receipts.c.connector.not_in(elsewhere)) if elsewhere else found


EVERYTHING = Lane()
"""Of every connector; none of them runs apart."""
