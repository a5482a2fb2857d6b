"""The ledger of a deployment, read from its tables, beside what senders know (invariants I1 to I5)."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import grants
from hub.core.intake.balance import recount
from hub.core.intake.models import receipts
from hub.core.jobs.models import jobs
from hub.core.leads.models import lead_keys, leads
from hub.core.organisations.models import organisations
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS

ALL = {ALL_ORGANISATIONS: "a test looks at everything"}
LOOK_EVERY = 0.1


class Books:
    """Reads the tables of a deployment. ``close`` it."""

    def __init__(self, database_url: str) -> None:
        self.database = Database(database_url)

    def close(self) -> None:
        """End its connections."""
        self.database.close()

    async def pending_of(self, holder: str | None = None) -> set[UUID]:
        """Pending receipts, of one process (by the end of its name) or all."""
        wanted = receipts.c.disposition == "pending"
        if holder is not None:
            wanted = sa.and_(wanted, receipts.c.lease_owner.endswith(holder))
        return await self.database.read(_ids, sa.select(receipts.c.id).where(wanted))

    async def jobs_of(self, holder: str) -> set[UUID]:
        """Jobs that a process has now, by the end of its name."""
        query = sa.select(jobs.c.id).where(jobs.c.state == "handed", jobs.c.run_by.endswith(holder))
        return await self.database.read(_ids, query)

    async def until_settled(self, ids: Collection[UUID], within: float) -> float | None:
        """Wait until none of these receipts is pending; the moment (monotonic), None where it took too long."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not await self.pending_of() & set(ids):
                return time.monotonic()
            await asyncio.sleep(LOOK_EVERY)
        return None

    async def until_nothing_is_pending(self, within: float) -> bool:
        """Wait until every receipt has its disposition."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not await self.pending_of():
                return True
            await asyncio.sleep(LOOK_EVERY)
        return False

    async def dispositions_of(self, key: str) -> list[str]:
        """How the receipts of one submission ended, in alphabetical order."""
        query = sa.select(receipts.c.disposition).where(receipts.c.source_id == key).execution_options(**ALL)
        return sorted(await self.database.read(lambda connection: connection.scalars(query).all()))

    async def differences(self, taken: Collection[str], wanted: Collection[str]) -> list[str]:
        """Every way in which the books differ from the senders' journals; empty if all is well."""
        return await self.database.read(_differences, frozenset(taken), frozenset(wanted))


def _ids(connection: Connection, query: sa.Select[Any]) -> set[UUID]:
    return set(connection.scalars(query.execution_options(**ALL)))


def _differences(connection: Connection, taken: frozenset[str], wanted: frozenset[str]) -> list[str]:
    found: list[str] = []
    rows = connection.execute(sa.select(receipts).execution_options(**ALL)).all()
    by_source: dict[str, list[Any]] = {}
    for row in rows:
        by_source.setdefault(row.source_id or "", []).append(row)
    missing = taken - set(by_source)
    found += _some("I1: acknowledged and without a receipt", missing)
    found += _some("I2: a receipt that nobody sent", set(by_source) - wanted)
    found += _some("I2: without a disposition", {str(row.id) for row in rows if row.disposition == "pending"})
    made = {key: Counter(row.disposition for row in own) for key, own in by_source.items()}
    odd = {f"{key} {dict(count)}" for key, count in made.items() if _is_odd(count)}
    found += _some("I3: not exactly one lead", odd)
    found += _leads_without_receipts(connection, {row.lead_id for row in rows})
    found += _some("I5: still held", {str(row.id) for row in rows if row.lease_owner is not None})
    found += _open_grants(connection)
    for organisation_id in connection.scalars(sa.select(organisations.c.id)).all():
        if not (counted := recount(connection, organisation_id)).agrees:
            found.append(f"I2: the balance does not hold: {counted}")
    return found


def _is_odd(count: Mapping[str, int]) -> bool:
    return count.get("lead_created", 0) != 1 or bool(set(count) - {"lead_created", "duplicate"})


def _leads_without_receipts(connection: Connection, known: set[UUID | None]) -> list[str]:
    there = set(connection.scalars(sa.select(leads.c.id).execution_options(**ALL)))
    keyed = connection.scalars(sa.select(lead_keys.c.lead_id).execution_options(**ALL)).all()
    found = _some("I4: a lead without a receipt", {str(each) for each in there - known})
    return found + _some("I3: two keys for a lead", {str(lead) for lead, n in Counter(keyed).items() if n > 1})


def _open_grants(connection: Connection) -> list[str]:
    open_ones = sa.select(grants.c.connection_id).where(
        sa.or_(grants.c.lease_owner.is_not(None), grants.c.intent_at.is_not(None))
    )
    return _some("I5: a grant is held", {str(each) for each in _ids(connection, open_ones)})


def _some(what: str, which: Collection[str]) -> list[str]:
    return [f"{what} ({len(which)}): {', '.join(sorted(which)[:5])}"] if which else []
