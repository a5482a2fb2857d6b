"""A clock that stands still until it is moved."""

import asyncio
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Time for tests and simulators: it moves when told to, or when somebody sleeps on it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move the time; backwards too, as real clocks do when they are set."""
        self._now += by

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, and give others a turn."""
        self.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)
