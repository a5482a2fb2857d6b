"""How fast the work behind the ledger goes: large batches when it can, and rests when more arrives than it could do."""

from time import perf_counter

SMALLEST_BATCH, LARGEST_BATCH = 16, 400
IDLE_TARGET, BUSY_TARGET = 0.025, 0.008
"""Seconds a settling transaction should hold the writer: less while deliveries wait for their commit."""
REST, LONGEST_REST = 4.0, 0.2
"""A rest is so many times as long as the batch before it, but at most so many seconds: the work takes a fifth of the
time at least, and never stands still."""
LOOK_EVERY = 0.1
FULL_LOAD = 0.6
"""Above this share of what could be worked off, arrivals count as more than that: senders that wait for their answers
are slowed down by the work, and would look like few."""


class Pace:
    """Deliveries go before the work on them. As long as the work keeps up with them, that needs no rule; where more
    arrives than it could work off, a backlog is certain, and so it leaves most of the time to the deliveries."""

    def __init__(self) -> None:
        self.batch_size = 32
        self._arrived = 0
        self._since = perf_counter()
        self._arriving = 0.0
        self._working = 0.0

    @property
    def is_overrun(self) -> bool:
        """Whether more receipts arrive than could well be worked off in the same time."""
        return self._working > 0 and self._arriving > FULL_LOAD * self._working

    @property
    def is_receiving(self) -> bool:
        """Whether receipts arrived lately."""
        return self._arriving > 0

    def note_arrivals(self, number: int) -> None:
        """Receipts were stored."""
        self._arrived += number

    def rest_after(self, size: int, seconds: float) -> float:
        """How many seconds to rest after a batch of that size that took so long.

        A batch that was not full tells that the work keeps up, and its speed tells nothing: most of it is the commit.
        """
        now = perf_counter()
        if now - self._since >= LOOK_EVERY:
            self._arriving = self._arrived / (now - self._since)
            self._arrived, self._since = 0, now
        if size < self.batch_size:
            return 0.0
        speed = size / max(seconds, 1e-6)
        self._working = 0.7 * self._working + 0.3 * speed if self._working else speed
        return min(LONGEST_REST, REST * seconds) if self.is_overrun else 0.0

    def adapt(self, size: int, seconds: float, *, is_busy: bool) -> None:
        """Let batches grow and shrink, so that the transaction of one holds the writer as long as it should."""
        target = BUSY_TARGET if is_busy or self.is_overrun else IDLE_TARGET
        if seconds > target and size >= self.batch_size:
            self.batch_size = max(SMALLEST_BATCH, int(self.batch_size * max(0.5, target / seconds)))
        elif size >= self.batch_size and seconds < target * 0.7:
            self.batch_size = min(LARGEST_BATCH, int(self.batch_size * min(2.0, target / max(seconds, 1e-6))))
