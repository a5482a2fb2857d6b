"""Invariants I1 to I5, read straight from the files of the senders and the rows of the hub.

Shares no code with the demonstration's own check, so that both would have to be wrong in the same way.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa


def broken_invariants(folder: Path, database_url: str) -> list[str]:
    """What does not hold; empty where everything does."""
    engine = sa.create_engine(database_url)
    try:
        with engine.connect() as connection:
            return [*_ids(connection, folder), *_sums(connection), *_leftovers(connection)]
    finally:
        engine.dispose()


def _ids(connection: sa.Connection, folder: Path) -> list[str]:
    told = [line for journal in sorted(folder.rglob("platform.jsonl")) for line in _lines(journal)]
    leads = [each for each in told if each["kind"] == "lead"]
    announced = {name for each in told if each["kind"] == "acknowledged" for name in each["ids"]}
    posts = {each["key"]: each["way"] for each in _lines(folder / "visitors.jsonl") if each["kind"] == "post"}
    taken = {each["key"] for each in _lines(folder / "visitors.jsonl") if each["kind"] == "taken"}
    wanted = {each["id"] for each in leads} | {key for key in taken if posts[key] != "spam"}
    rows = _rows(connection, "SELECT source_id, path, disposition FROM receipts WHERE source_id IS NOT NULL")
    with_receipt = {(row.source_id, row.path) for row in rows}
    ids_with_receipt = {row.source_id for row in rows}
    keys = Counter(
        row.source_id for row in _rows(connection, "SELECT source_id FROM lead_keys WHERE lead_id IS NOT NULL")
    )
    made = Counter(row.source_id for row in rows if row.disposition in ("lead_created", "attached", "test"))
    found = [
        f"I1 {name} was acknowledged by webhook, no receipt"
        for name in announced
        if (name, "webhook") not in with_receipt
    ]
    found += [f"I1 {key} was acknowledged by form, no receipt" for key in taken if (key, "form") not in with_receipt]
    found += [f"I3 {name} has {keys[name]} leads" for name in wanted if keys[name] != 1]
    found += [f"I3 {name} was made {made[name]} times" for name in wanted if made[name] != 1]
    found += [f"I4 {name} has a lead, but nobody sent it" for name in keys if name not in wanted | set(posts)]
    found += [f"I4 {name} has a receipt, but nobody sent it" for name in ids_with_receipt - wanted - set(posts)]
    return found


def _sums(connection: sa.Connection) -> list[str]:
    counted = {
        row.entry: row.n
        for row in _rows(connection, "SELECT entry, SUM(receipts) AS n FROM ledger_days GROUP BY entry")
    }
    found = {
        row.disposition: row.n
        for row in _rows(connection, "SELECT disposition, COUNT(*) AS n FROM receipts GROUP BY disposition")
    }
    broken = []
    if counted.get("received", 0) != sum(found.values()):
        broken.append(f"I2 received {counted.get('received', 0)}, receipts {sum(found.values())}")
    for entry in set(counted) | set(found) - {"received"}:
        if entry != "received" and counted.get(entry, 0) != found.get(entry, 0):
            broken.append(f"I2 {entry}: counted {counted.get(entry, 0)}, receipts {found.get(entry, 0)}")
    orphans = "SELECT COUNT(*) FROM leads WHERE id NOT IN (SELECT lead_id FROM receipts WHERE lead_id IS NOT NULL)"
    if number := connection.exec_driver_sql(orphans).scalar():
        broken.append(f"I4 {number} leads without a receipt")
    for contact in ("email", "phone"):
        doubles = f"SELECT {contact} FROM leads WHERE NOT is_test AND {contact} IS NOT NULL GROUP BY {contact}"
        counted_twice = f"SELECT COUNT(*) FROM ({doubles} HAVING COUNT(*) > 1) AS d"
        if number := connection.exec_driver_sql(counted_twice).scalar():
            broken.append(f"I3 {number} people with more than one lead by {contact}")
    created = Counter(
        row.lead_id for row in _rows(connection, "SELECT lead_id FROM journey_steps WHERE kind = 'created'")
    )
    broken += [f"I3 lead {lead} was created {times} times" for lead, times in created.items() if times > 1]
    return broken


def _leftovers(connection: sa.Connection) -> list[str]:
    broken = []
    for what, statement in {
        "receipts pending": "SELECT COUNT(*) FROM receipts WHERE disposition = 'pending'",
        "receipts with a lease": "SELECT COUNT(*) FROM receipts WHERE lease_owner IS NOT NULL",
        "grants with a lease": "SELECT COUNT(*) FROM grants WHERE lease_owner IS NOT NULL",
        "jobs held by nobody": "SELECT COUNT(*) FROM jobs WHERE state = 'handed'",
        "processes that never signed off": "SELECT COUNT(*) FROM processes",
    }.items():
        if number := connection.exec_driver_sql(statement).scalar():
            broken.append(f"I5 {number} {what}")
    return broken


def _rows(connection: sa.Connection, statement: str) -> list[Any]:
    return list(connection.exec_driver_sql(statement))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
