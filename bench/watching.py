"""Seeing leads appear, from outside the hub: another process that reads the database as anybody could."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from bench.servers import Place
from bench.world import World


class Watcher:
    """Reads what is committed, with the driver alone: a look costs some ten microseconds."""

    def __init__(self, where: Place, world: World) -> None:
        self._is_sqlite = where.database_url.startswith("sqlite")
        self._organisation: Any = UUID(world.organisation_id)
        if self._is_sqlite:
            self._organisation = self._organisation.hex
            path = where.database_url.removeprefix("sqlite:///")
            self._connection: Any = sqlite3.connect(path, isolation_level=None, timeout=15)
        else:
            address = where.database_url.replace("postgresql+psycopg://", "postgresql://")
            self._connection = psycopg.connect(address, autocommit=True)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def has_lead(self, source_id: str) -> bool:
        """Whether the lead with this id of the source is there, with an owner or a queue."""
        query = "SELECT 1 FROM lead_keys WHERE organisation_id = ? AND scope = ? AND source_id = ?"
        return bool(self._rows(query, self._organisation, "bench_source", source_id))

    def leads_after(self, last: Any) -> list[tuple[Any, float]]:
        """Leads newer than this id, with the moment at which the sender sent each (seconds since 1970)."""
        where = "organisation_id = ?" + (" AND id > ?" if last else "")
        given = (self._organisation, last) if last else (self._organisation,)
        moment = "submitted_at" if self._is_sqlite else "extract(epoch FROM submitted_at)"
        found = self._rows(f"SELECT id, {moment} FROM leads WHERE {where} ORDER BY id LIMIT 1000", *given)
        scale = 1_000_000 if self._is_sqlite else 1
        return [(row[0], float(row[1]) / scale) for row in found]

    def pending(self) -> int:
        """Receipts that are no lead yet."""
        return int(self._rows("SELECT count(*) FROM receipts WHERE disposition = 'pending'")[0][0])

    def _rows(self, query: str, *values: Any) -> list[Any]:
        if not self._is_sqlite:
            query = query.replace("?", "%s")
        found: list[Any] = self._connection.execute(query, values).fetchall()
        return found


@contextmanager
def watching(where: Place, world: World) -> Iterator[Watcher]:
    """A watcher, closed afterwards."""
    watcher = Watcher(where, world)
    try:
        yield watcher
    finally:
        watcher.close()


def wait_for(watcher: Watcher, source_id: str, *, within: float = 10.0) -> float:
    """The moment (``time.time``) at which the lead was there."""
    until = time.time() + within
    while time.time() < until:
        if watcher.has_lead(source_id):
            return time.time()
        time.sleep(0.0002)
    raise SystemExit(f"the lead {source_id} did not appear within {within} s")
