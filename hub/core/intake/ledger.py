"""The ledger's front door: a delivery is on the disk when ``accept`` returns, and not before.

Concurrent deliveries share a commit: what came while the last commit ran goes into the next one. No timer is
involved, so a lone delivery waits for nobody and a crowd costs one flush.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from hub.connector.clock import Clock
from hub.connector.text import storable
from hub.core.intake import counters
from hub.core.intake.known import Known, key_of, known_digests
from hub.core.intake.models import receipts, refusals
from hub.core.intake.receipts import Accepted, Delivery, KeyReusedError, Path, rows_of
from hub.db.bulk import Values, bulk_insert
from hub.db.engine import Database, DatabaseUnavailableError
from hub.db.upsert import add_counts

log = structlog.get_logger(__name__)

ROWS_PER_COMMIT = 1_000
FEW_ROWS = 64
"""So many are stored on the event loop itself, see ``Database.write_at_once``."""
TURNS = 3
"""Turns of the event loop from the bytes of a request to its delivery: those that came together share a commit."""


@dataclass(slots=True)
class _Waiting:
    """One delivery: its receipts, and the same as values that the writing thread only passes on."""

    rows: list[dict[str, Any]]
    values: list[Values]
    is_strict: bool
    done: "asyncio.Future[Accepted]"


class Ledger:
    """Accepts deliveries for one process. ``on_stored`` is called on the event loop with rows just committed,
    ``on_unsure`` where the database did not answer: what was to be stored may stand there, and nobody knows of it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        process_name: str,
        on_stored: Callable[[Sequence[dict[str, Any]]], None] = lambda rows: None,
        on_unsure: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._process_name = process_name
        self._on_stored = on_stored
        self._on_unsure = on_unsure
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._refused: Counter[tuple[str, date, str, str]] = Counter()
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many deliveries wait for their commit."""
        return len(self._waiting)

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store a delivery; when this returns its receipts are committed and flushed (DG-01).

        Raises ``DatabaseUnavailableError`` when they are not (answer 503), and ``KeyReusedError`` for a strict
        repeat with another content (answer 422).
        """
        done: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        rows = rows_of(delivery, self._process_name)
        self._waiting.append(_Waiting(rows, self._values(rows), delivery.strict_repeat, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit_waiting(), name="ledger")
        return await done

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count a request that was turned away; its body is not kept (decision 6)."""
        now = self._clock.now()
        self._refused[storable(endpoint)[:200], now.date(), storable(reason)[:60], storable(sender)[:64]] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit_waiting(), name="ledger")

    def _values(self, rows: list[dict[str, Any]]) -> list[Values]:
        insert = bulk_insert(receipts, tuple(rows[0]), self._database.engine.dialect)
        try:
            return [insert.values(row) for row in rows]
        except Exception as failure:
            raise _not_storable(failure) from failure

    async def close(self) -> None:
        """Wait until no delivery waits any more. Counts of refusals that cannot be stored now are given up."""
        self._closing = True
        while self._task is not None and not self._task.done():
            await self._task

    async def _commit_waiting(self) -> None:
        while self._waiting or self._refused:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            group = self._take_group()
            refused, self._refused = self._refused, Counter()
            await self._store_group(group)
            if refused:
                await self._store_refusals(refused)

    async def _store_group(self, group: list[_Waiting]) -> None:
        if not group:
            return
        try:
            is_small = sum(len(each.rows) for each in group) <= FEW_ROWS
            write = self._database.write_at_once if is_small else self._database.write
            outcomes = await write(_store, group)
        except DatabaseUnavailableError as failure:
            self._fail(group, failure)
        except Exception as failure:
            if len(group) == 1:
                self._fail(group, failure)
            for alone in group if len(group) > 1 else ():
                await self._store_group([alone])
        else:
            self._report(group, outcomes)

    def _take_group(self) -> list[_Waiting]:
        size, end = 0, 0
        for waiting in self._waiting:
            size += len(waiting.rows)
            end += 1
            if size >= ROWS_PER_COMMIT:
                break
        group, self._waiting = self._waiting[:end], self._waiting[end:]
        return group

    def _report(self, group: list[_Waiting], outcomes: list[bool | None]) -> None:
        stored: list[dict[str, Any]] = []
        for waiting, repeated in zip(group, outcomes, strict=True):
            if repeated is None:
                _set_exception(waiting.done, KeyReusedError("this key was used before, with another content"))
                continue
            stored += waiting.rows
            if not waiting.done.done():
                waiting.done.set_result(Accepted(tuple(row["id"] for row in waiting.rows), repeated))
        if stored:
            self._offer(stored)

    def _offer(self, stored: list[dict[str, Any]]) -> None:
        """Whatever goes wrong with whom they are offered to: they are stored, and others wait for their commit."""
        try:
            self._on_stored(stored)
        except Exception:
            log.exception("stored_receipts_were_not_taken")
            self._on_unsure()

    def _fail(self, group: list[_Waiting], failure: Exception) -> None:
        if not isinstance(failure, DatabaseUnavailableError):
            failure = _not_storable(failure)
        for waiting in group:
            _set_exception(waiting.done, failure)
        self._on_unsure()

    async def _store_refusals(self, refused: Mapping[tuple[str, date, str, str], int]) -> None:
        try:
            await self._database.write(_add_refusals, refused, self._clock.now())
        except DatabaseUnavailableError:
            if self._closing:
                log.warning("refusals_not_counted", requests=sum(refused.values()))
                return
            self._refused.update(refused)
            await self._clock.sleep(0.05)
        except Exception as failure:
            # Counts must never stand in the way of deliveries.
            log.warning("refusals_not_counted", requests=sum(refused.values()), error=type(failure).__name__)


def _set_exception(future: "asyncio.Future[Accepted]", failure: Exception) -> None:
    if not future.done():
        future.set_exception(failure)


def _not_storable(failure: Exception) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"the ledger could not store: {type(failure).__name__}")


def _store(connection: Connection, group: list[_Waiting]) -> list[bool | None]:
    """Insert the rows of a group. Per delivery: whether it repeats, or None where a strict repeat was refused.

    Rows of a pull that a former pull stored with the same content are left out: listings overlap on purpose, and
    the same row read again is no new receipt.
    """
    pulled = [row for each in group for row in each.rows if row["path"] == Path.PULL.value]
    strict = [each.rows[0] for each in group if each.is_strict]
    known = known_digests(connection, [*pulled, *strict]) if pulled or strict else {}
    outcomes: list[bool | None] = []
    rows: list[dict[str, Any]] = []
    values: list[Values] = []
    for each in group:
        outcome = _repeats(each.rows[0], known) if each.is_strict else False
        outcomes.append(outcome)
        if outcome is None:
            continue
        if pulled:
            _leave_out_read_again(each, known)
        rows += each.rows
        values += each.values
    if rows:
        bulk_insert(receipts, tuple(rows[0]), connection.dialect).insert(connection, values)
        counters.count_received(connection, rows)
    return outcomes


def _leave_out_read_again(waiting: _Waiting, known: Known) -> None:
    kept = [place for place, row in enumerate(waiting.rows) if not _is_read_again(row, known)]
    waiting.rows = [waiting.rows[place] for place in kept]
    waiting.values = [waiting.values[place] for place in kept]


def _repeats(row: dict[str, Any], known: Known) -> bool | None:
    key = key_of(row)
    if key is None:
        return False
    if key not in known:
        known[key] = {row["digest"]}
        return False
    return True if row["digest"] in known[key] else None


def _is_read_again(row: dict[str, Any], known: Known) -> bool:
    if row["path"] != Path.PULL.value:
        return False
    key = key_of(row)
    return key is not None and row["digest"] in known.get(key, ())


def _add_refusals(connection: Connection, refused: Mapping[tuple[str, date, str, str], int], now: Any) -> None:
    add_counts(
        connection,
        refusals,
        "requests",
        [
            {"endpoint": endpoint, "day": day, "reason": reason, "sender": sender, "requests": number, "last_at": now}
            for (endpoint, day, reason, sender), number in refused.items()
        ],
    )
