"""Figures: medians with their spread, the machine they were taken on, and whether a target is reached."""

import os
import platform
import sqlite3
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median of several runs, with the lowest and the highest."""

    median: float
    lowest: float
    highest: float
    runs: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of these."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1], len(found))


@dataclass(frozen=True)
class Figure:
    """One line of the report. ``target`` is in the figure's unit, reached from above (``at_least``) or from below."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    spread: Spread | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "is_reached": self.is_reached}


def ratio(name: str, pairs: Sequence[tuple[float, float]], target: float | None = None) -> Figure:
    """Ours over theirs, pair by pair."""
    spread = Spread.of(ours / theirs for ours, theirs in pairs)
    return Figure(name, spread.median, "ratio", target, at_least=True, spread=spread)


def median(name: str, values: Iterable[float], unit: str, target: float | None = None) -> Figure:
    """The median of several runs; less is better where there is a target."""
    spread = Spread.of(values)
    return Figure(name, spread.median, unit, target, spread=spread)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * share))]


def machine() -> dict[str, Any]:
    """What the figures were taken on. ``load`` is the load average before: above 0.5 others were at work."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": sorted(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "filesystem": _filesystem(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _filesystem() -> str:
    """Of the folder in which databases are made."""
    folder = os.path.realpath(tempfile.gettempdir())
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    return max(((where, kind) for where, kind in mounts if folder.startswith(where)), key=lambda each: len(each[0]))[1]
