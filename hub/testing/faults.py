"""Faults of a simulated platform: named, composable, and the same in each run."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class PlatformAnswer:
    """An answer in the platform's own form. ``body``: JSON text or any other bytes."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


@dataclass
class CallFaults:
    """What goes wrong when we call the platform.

    Order of effect: ``slow_seconds`` delays every call, ``limited_until`` refuses calls, then ``answers``
    are given one per call instead of the true ones.
    """

    slow_seconds: float = 0.0
    limited_until: datetime | None = None
    is_client_refused: bool = False
    answers: deque[PlatformAnswer] = field(default_factory=deque)

    def wait_left(self, now: datetime) -> timedelta | None:
        """How long calls are still refused; None where they are not."""
        if self.limited_until is None or self.limited_until <= now:
            return None
        return self.limited_until - now


@dataclass
class DeliveryFaults:
    """What goes wrong when the platform calls us: deliveries lost, sent again, out of order."""

    copies: int = 1
    order: random.Random | None = None
    dropped_share: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def disturb(self, deliveries: Sequence[ItemT]) -> list[ItemT]:
        """The deliveries as they really leave: some dropped, each repeated, then shuffled."""
        kept = [each for each in deliveries if self.dice.random() >= self.dropped_share]
        sent = [each for each in kept for _ in range(self.copies)]
        if self.order is not None:
            self.order.shuffle(sent)
        return sent
