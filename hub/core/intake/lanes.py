"""The intake of a process whose connectors may run apart: one lane for all that run here, one for each that does not.

A connector in a process of its own may keep its reader waiting, for seconds or for as long as it rests. It keeps only
its own lane waiting; the receipts in it stay pending, which is watched and alarmed like any that wait too long.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hub.connector.base import Connector
from hub.connector.clock import Clock
from hub.core.intake.form_work import FormWorks
from hub.core.intake.lane import Lane
from hub.core.intake.work_off import Intake, Listener
from hub.db.engine import Database

LOOK_EVERY = 1.0
"""Seconds until a connector that was moved apart has a lane of its own."""


@dataclass
class IntakeLanes:
    """Works off what one process holds; to be used like a single ``Intake``."""

    database: Database
    clock: Clock
    process_name: str
    connectors: Mapping[str, Connector]
    is_busy: Callable[[], bool] = lambda: False
    on_pointers: Callable[[Sequence[Mapping[str, Any]]], None] = lambda rows: None
    on_settled: Listener = lambda outcomes: None
    _own: dict[str, Intake] = field(default_factory=dict)
    _threads: list[ThreadPoolExecutor] = field(default_factory=list)
    _opening: asyncio.Task[None] | None = None

    @cached_property
    def _common(self) -> Intake:
        return self._intake(Lane(connectors=self.connectors), None)

    def start(self) -> None:
        """Begin to work, first of all on what the database already holds for this process."""
        self._common.start()
        self._open_lanes()
        self._opening = asyncio.create_task(self._keep_opening(), name="intake lanes")

    async def stop(self) -> None:
        """Finish the batches under way; what is left stays pending in the database."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await asyncio.gather(self._common.stop(), *(lane.stop() for lane in self._own.values()))
        for threads in self._threads:
            threads.shutdown(wait=False)

    def offer(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows that the ledger has just committed (called on the event loop)."""
        if not self._own:
            self._common.offer(rows)
            return
        by_lane: dict[str | None, list[Mapping[str, Any]]] = {}
        for row in rows:
            key = row["connector"] if row["connector"] in self._own else None
            by_lane.setdefault(key, []).append(row)
        for key, taken in by_lane.items():
            (self._common if key is None else self._own[key]).offer(taken)

    def look_again(self) -> None:
        """Read what the database holds for this process: after a start, a take-over, a redrive, a resolve."""
        for lane in (self._common, *self._own.values()):
            lane.look_again()

    async def _keep_opening(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._open_lanes()

    def _open_lanes(self) -> None:
        for key in Lane(connectors=self.connectors).apart():
            if key not in self._own:
                threads = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{key}")
                self._threads.append(threads)
                self._own[key] = self._intake(Lane(key, self.connectors), threads)
                self._own[key].start()

    def _intake(self, lane: Lane, threads: ThreadPoolExecutor | None) -> Intake:
        return Intake(
            self.database,
            self.clock,
            self.process_name,
            self.connectors,
            FormWorks(self.database, self.clock),
            is_busy=lambda: self.is_busy(),
            on_pointers=lambda rows: self.on_pointers(rows),
            on_settled=lambda outcomes: self.on_settled(outcomes),
            lane=lane,
            threads=threads,
        )
