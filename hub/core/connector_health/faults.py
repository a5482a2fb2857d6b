"""What went wrong with connectors in this process: counted, remembered, and logged at its beginning and its end."""

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from hub.connector.clock import Clock
from hub.core.connections.apart import FaultKind

log = structlog.get_logger(__name__)
QUIET = timedelta(minutes=1)
"""A connector that failed counts as well again when it answers and no fault came for so long."""


@dataclass(frozen=True)
class Health:
    """How one connector is doing in this process."""

    connector: str
    is_apart: bool = False
    is_failing: bool = False
    last_fault_at: datetime | None = None
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Fault:
    """So many faults of one kind in one step of a connector (the function that was called); ``reason`` is of the
    last."""

    connector: str
    step: str
    kind: FaultKind
    number: int
    reason: str
    last_at: datetime


@dataclass(frozen=True)
class Changes:
    """What is new since the last time."""

    health: tuple[Health, ...]
    faults: tuple[Fault, ...]


@dataclass
class Faults:
    """The faults of every connector in this process. May be told from any thread."""

    clock: Clock
    counts: Counter[tuple[str, FaultKind]] = field(default_factory=Counter)
    """By connector and kind, since the process started."""
    _health: dict[str, Health] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _new: dict[tuple[str, str, FaultKind], Fault] = field(default_factory=dict)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def health(self, connector: str) -> Health:
        """How it is doing now."""
        return self._health.get(connector) or Health(connector)

    def all_health(self) -> tuple[Health, ...]:
        """Of every connector that is apart or ever failed, in the order of their keys."""
        return tuple(self._health[key] for key in sorted(self._health))

    def note(self, connector: str, step: str, kind: FaultKind, reason: str, *, rest: float = 0.0) -> None:
        """A fault happened; ``rest`` are the seconds for which the connector is left alone now."""
        now = self.clock.now()
        with self._changing:
            before = self.health(connector)
            until = now + timedelta(seconds=rest) if rest else None
            self._put(replace(before, is_failing=True, last_fault_at=now, rests_until=until))
            self.counts[connector, kind] += 1
            self._add(Fault(connector, step, kind, 1, reason, now))
        if not before.is_failing:
            log.warning("connector_failing", connector=connector, step=step, kind=kind.value, reason=reason)

    def note_success(self, connector: str) -> None:
        """It answered as it should."""
        before = self._health.get(connector)
        if before is None or not before.is_failing or before.last_fault_at is None:
            return
        if self.clock.now() - before.last_fault_at < QUIET:
            return
        with self._changing:
            self._put(replace(before, is_failing=False, rests_until=None))
        log.warning("connector_recovered", connector=connector)

    def note_apart(self, connector: str, why: str) -> None:
        """It runs in a process of its own from now on."""
        with self._changing:
            self._put(replace(self.health(connector), is_apart=True))
        log.info("connector_runs_apart", connector=connector, reason=why)

    def take_changes(self) -> Changes:
        """What is new since the last call, to be kept."""
        with self._changing:
            changes = Changes(tuple(self._health[key] for key in sorted(self._changed)), tuple(self._new.values()))
            self._changed.clear()
            self._new.clear()
        return changes

    def give_back(self, changes: Changes) -> None:
        """They could not be kept: they are new again."""
        with self._changing:
            self._changed.update(each.connector for each in changes.health)
            for fault in changes.faults:
                self._add(fault)

    def _put(self, health: Health) -> None:
        self._health[health.connector] = health
        self._changed.add(health.connector)

    def _add(self, fault: Fault) -> None:
        key = fault.connector, fault.step, fault.kind
        before = self._new.get(key)
        if before is None:
            self._new[key] = fault
            return
        last = fault if fault.last_at >= before.last_at else before
        self._new[key] = replace(last, number=before.number + fault.number)
