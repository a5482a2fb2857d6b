"""How long writing transactions of a server process last, noted inside it.

``bench.servers`` has this module imported by the hub that it starts where BENCH_TRANSACTIONS names a file; the
figures are written there when the process ends.
"""

import atexit
import json
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from time import perf_counter
from typing import Any

from hub.db.engine import Database

FILE = os.environ.get("BENCH_TRANSACTIONS")
_seconds: list[float] = []


def _timed(write: Callable[..., Any]) -> Callable[..., Any]:
    """From the moment at which the work has the writer until its commit is on the disk."""

    @wraps(write)
    def write_timed(self: Database, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        started = 0.0

        def begun(*inner: Any, **named: Any) -> Any:
            nonlocal started
            started = perf_counter()
            return work(*inner, **named)

        try:
            return write(self, begun, *args, **kwargs)
        finally:
            if started:
                _seconds.append(perf_counter() - started)

    return write_timed


def _save() -> None:
    found = sorted(_seconds)
    if FILE and found:
        noted = {
            "transactions": len(found),
            "p50_ms": found[len(found) // 2] * 1000,
            "p99_ms": found[int(len(found) * 0.99)] * 1000,
            "longest_ms": found[-1] * 1000,
        }
        Path(FILE).write_text(json.dumps(noted))


if FILE:
    Database.write_now = _timed(Database.write_now)  # type: ignore[method-assign]
    Database.write_here = _timed(Database.write_here)  # type: ignore[method-assign]
    atexit.register(_save)
