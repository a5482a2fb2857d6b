"""The side of a simulator to which a business reports what became of its leads."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hub.connector.clock import Clock
from hub.connector.conversions import ConversionTarget
from hub.testing.journal import CountedConversion


class Converting:
    """What a platform counted, and which targets it hides. For sources that take no reports, it stays empty.

    A subclass looks at ``lost_targets`` in the routes that list and take, judges each event there as its platform does,
    and calls ``count`` for those that it takes.
    """

    clock: Clock

    def __init__(self) -> None:
        self.counted_conversions: list[CountedConversion] = []
        self.lost_targets: set[str] = set()

    def conversion_target(self) -> ConversionTarget:
        """A target to which the person whom ``authorize`` signs in may report."""
        raise NotImplementedError(f"{type(self).__name__} takes no reports; override conversion_target() if it does")

    def clicks_of(self, source_id: str) -> Mapping[str, str]:
        """The click ids of a lead, as its campaign holds them; empty where the platform knows leads by their id."""
        return {}

    def lose_target(self, target_id: str) -> None:
        """A target is deleted, or its right is taken away: from now on it is refused; leads are read as before."""
        self.lost_targets.add(target_id)

    def count(
        self,
        target_id: str,
        event_id: str,
        event_name: str,
        happened_at: datetime,
        *,
        known_for: timedelta | None = None,
    ) -> bool:
        """The platform takes an event; False, and nothing is counted, where it knows the id already, which it does for
        ``known_for`` (None: for good)."""
        now = self.clock.now()
        for each in self.counted_conversions:
            is_same = (each.target_id, each.event_id, each.event_name) == (target_id, event_id, event_name)
            if is_same and (known_for is None or now - each.taken_at < known_for):
                return False
        self.counted_conversions.append(CountedConversion(target_id, event_id, event_name, happened_at, now))
        return True
