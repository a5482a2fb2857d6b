"""Writing many rows at once: what goes in comes out, on both databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.core.intake.models import ledger_days, receipts
from hub.db.bulk import insert_rows, update_rows
from hub.db.engine import Database
from hub.db.schema import new_id
from hub.db.upsert import add_counts
from tests.factories import START, add_organisation

ODD_TEXTS = ("", "\\N", "a\tb\nc\r\\d", "quote \" and ' and ,", "héllo 日本 🎈", "\\x41")


@pytest.fixture
def home(database: Database) -> UUID:
    """An organisation."""
    return database.write_now(add_organisation)


def receipt(home: UUID, place: int, **more: Any) -> dict[str, Any]:
    """A row of ``receipts`` without the columns that have defaults."""
    return {
        "id": new_id(),
        "organisation_id": home,
        "connection_id": None,
        "connector": "reference",
        "path": "webhook",
        "delivery_id": new_id(),
        "position": place,
        "form_id": "form-1",
        "source_id": f"lead-{place}",
        "is_pointer": False,
        "raw": bytes(range(256)),
        "headers": {},
        "payload": {"text": "\x00\ud800", "list": [1, None, {"deep": True}]},
        "digest": "",
        "received_at": START + timedelta(microseconds=place),
        "disposition": "pending",
        **more,
    }


def stored(database: Database, home: UUID) -> list[Any]:
    """Every receipt in the order of its position."""
    query = sa.select(receipts).where(receipts.c.organisation_id == home).order_by(receipts.c.position)
    return list(database.read_now(lambda connection: connection.execute(query).all()))


@pytest.mark.parametrize("number", [1, 2, 31, 32, 33, 100])
def test_rows_come_out_as_they_went_in(database: Database, home: UUID, number: int) -> None:
    """Every type of column, whatever number of rows; unnamed columns get their defaults."""
    rows = [receipt(home, place, form_id=ODD_TEXTS[place % len(ODD_TEXTS)]) for place in range(number)]
    database.write_now(insert_rows, receipts, rows)
    found = stored(database, home)
    assert [{name: row._mapping[name] for name in rows[0]} for row in found] == rows
    assert {(row.attempts, row.lease_generation, row.settled_at) for row in found} == {(0, 0, None)}


@pytest.mark.parametrize("number", [1, 33])
def test_an_update_changes_the_rows_with_its_keys_alone(database: Database, home: UUID, number: int) -> None:
    """Each row gets its own values; rows of another organisation under the same id would not match."""
    other = database.write_now(add_organisation)
    rows = [receipt(home, place) for place in range(number + 1)]
    database.write_now(insert_rows, receipts, rows)
    moment = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    changes = [
        {
            "organisation_id": home,
            "id": row["id"],
            "disposition": "quarantined",
            "reason": f"reason-{place}" if place % 2 else None,
            "lead_id": new_id(),
            "settled_at": moment,
            "lease_owner": None,
        }
        for place, row in enumerate(rows[:number])
    ]
    foreign = {**changes[0], "organisation_id": other, "id": rows[number]["id"]}
    database.write_now(update_rows, receipts, ("organisation_id", "id"), [*changes, foreign])
    found = stored(database, home)
    for row, change in zip(found, changes, strict=False):
        assert {name: row._mapping[name] for name in change} == change
    assert (found[number].disposition, found[number].settled_at) == ("pending", None)


def test_a_failure_is_the_one_that_sqlalchemy_names(database: Database, home: UUID) -> None:
    """Whoever isolates a poisoned row catches one class of error on both databases, and nothing is half written."""
    row = receipt(home, 0)
    with pytest.raises(sa.exc.IntegrityError):
        database.write_now(insert_rows, receipts, [row, row])
    assert stored(database, home) == []


def test_counts_add_up(database: Database, home: UUID) -> None:
    """A count is added to the row with the same key, or makes it."""
    key = {"organisation_id": home, "connection_id": home, "path": "webhook", "day": date(2026, 1, 1)}
    rows = [{**key, "entry": entry, "receipts": 2} for entry in ("received", "pending")]
    for _ in range(2):
        database.write_now(add_counts, ledger_days, "receipts", rows)
    query = sa.select(ledger_days.c.entry, ledger_days.c.receipts).where(ledger_days.c.organisation_id == home)
    assert dict(database.read_now(lambda connection: list(connection.execute(query)))) == {"received": 4, "pending": 4}
