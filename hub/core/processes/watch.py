"""Deciding that a process is dead, by watching its counter and not its clock."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A process as seen at one look."""

    name: str
    incarnation: str
    beats: int


class Watch:
    """What one process has seen of the others.

    A process counts as dead when its counter stood still over ``looks`` looks. Looks are counted instead of time
    compared: a difference between the clocks of two hosts, a clock that is set, or a pause of the watcher itself
    makes nobody dead.
    """

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._seen: dict[str, tuple[Heartbeat, int]] = {}

    def look(self, heartbeats: Iterable[Heartbeat]) -> list[Heartbeat]:
        """Note what is seen now; the processes that have been silent for too long."""
        seen: dict[str, tuple[Heartbeat, int]] = {}
        for heartbeat in heartbeats:
            before, still = self._seen.get(heartbeat.name, (None, 0))
            seen[heartbeat.name] = (heartbeat, still + 1 if before == heartbeat else 0)
        self._seen = seen
        return [heartbeat for heartbeat, still in seen.values() if still >= self._looks]
