"""The transaction that ends receipts: leads are written and dispositions set, together or not at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.field_mappings.findings import UnknownAnswers, note_unknown_answers
from hub.core.intake import counters
from hub.core.intake.models import receipts
from hub.core.intake.preparing import Failed
from hub.core.intake.receipts import Disposition
from hub.core.leads.batch import LeadBatch
from hub.core.leads.incoming import Incoming, Outcome
from hub.core.leads.routing_requests import request_of
from hub.core.routing.service import RoutingSession
from hub.db.bulk import update_rows

_HELD = sa.select(receipts.c.id, receipts.c.lease_generation).where(
    receipts.c.organisation_id == sa.bindparam("organisation"),
    receipts.c.id.in_(sa.bindparam("ids", expanding=True)),
    receipts.c.disposition == Disposition.PENDING.value,
    receipts.c.lease_owner == sa.bindparam("owner"),
)
_HELD_LOCKED = _HELD.order_by(receipts.c.id).with_for_update()


@dataclass(frozen=True, slots=True)
class Work:
    """A receipt and what was made of it."""

    row: Mapping[str, Any]
    made: Incoming | Failed


def settle(connection: Connection, batch: Sequence[Work], process_name: str, now: datetime) -> list[Outcome]:
    """Write everything that the batch means, organisation by organisation.

    A receipt that this process no longer holds (its lease went to another) is left out: a stale worker can
    change nothing (DG-06).
    """
    by_organisation: dict[UUID, list[Work]] = {}
    for work in batch:
        by_organisation.setdefault(work.row["organisation_id"], []).append(work)
    outcomes: list[Outcome] = []
    for organisation_id in sorted(by_organisation):
        outcomes += _settle_organisation(
            connection, organisation_id, by_organisation[organisation_id], process_name, now
        )
    return outcomes


def _settle_organisation(
    connection: Connection, organisation_id: UUID, batch: list[Work], process_name: str, now: datetime
) -> list[Outcome]:
    incoming = any(isinstance(work.made, Incoming) for work in batch)
    session = RoutingSession.open(connection, organisation_id, now) if incoming else None
    batch = _still_held(connection, organisation_id, batch, process_name)
    outcomes = [
        Outcome(work.made.receipt_id, work.made.disposition.value, None, work.made.reason)
        for work in batch
        if isinstance(work.made, Failed)
    ]
    if session is not None:
        items = [work.made for work in batch if isinstance(work.made, Incoming)]
        leads = LeadBatch(connection, organisation_id, _route_with(session), now)
        outcomes += leads.write(items)
        session.flush(connection)
        _note_unknown_answers(connection, organisation_id, items, now)
    _store_outcomes(connection, organisation_id, batch, outcomes, now)
    return outcomes


def _route_with(session: RoutingSession) -> Callable[[Incoming, UUID | None], Any]:
    def route(item: Incoming, former_owner_id: UUID | None) -> Any:
        if item.submission.is_test:
            return session.enqueue(None, actor="hub")._replace(claim_until=None)
        return session.route(request_of(item, former_owner_id))

    return route


def _note_unknown_answers(
    connection: Connection, organisation_id: UUID, items: Sequence[Incoming], now: datetime
) -> None:
    """Answers that no rule took are on the lead all the same; here the form's admins learn of them (X-05)."""
    forms: dict[UUID, dict[str, UnknownAnswers]] = {}
    for item in items:
        if item.source_form_id is None or not item.mapped.unmapped:
            continue
        labels = {answer.key: answer.label for answer in item.submission.answers}
        counted = forms.setdefault(item.source_form_id, {})
        for key in item.mapped.unmapped:
            leads = counted[key].leads if key in counted else 0
            counted[key] = UnknownAnswers(labels[key], leads + 1)
    for source_form_id in sorted(forms):
        note_unknown_answers(connection, organisation_id, source_form_id, forms[source_form_id], now)


def _still_held(connection: Connection, organisation_id: UUID, batch: list[Work], process_name: str) -> list[Work]:
    statement = _HELD_LOCKED if connection.dialect.name == "postgresql" else _HELD
    held = {
        row.id: row.lease_generation
        for row in connection.execute(
            statement,
            {"organisation": organisation_id, "ids": [work.row["id"] for work in batch], "owner": process_name},
        )
    }
    mine = [work for work in batch if held.get(work.row["id"]) == work.row.get("lease_generation", 0)]
    # A receipt can be in a batch twice: offered by the ledger, and found by a look at the database at that moment.
    return list({work.row["id"]: work for work in mine}.values())


def _store_outcomes(
    connection: Connection, organisation_id: UUID, batch: list[Work], outcomes: list[Outcome], now: datetime
) -> None:
    if not outcomes:
        return
    rows = {work.row["id"]: work for work in batch}
    details = {work.row["id"]: work.made.detail for work in batch if isinstance(work.made, Failed)}
    update_rows(
        connection,
        receipts,
        ("organisation_id", "id"),
        [
            {
                "organisation_id": organisation_id,
                "id": outcome.receipt_id,
                "disposition": outcome.disposition,
                "reason": outcome.reason,
                "detail": details.get(outcome.receipt_id),
                "lead_id": outcome.lead_id,
                "settled_at": now,
                "lease_owner": None,
            }
            for outcome in outcomes
        ],
    )
    counters.count_moves(
        connection,
        (
            (counters.line_of(rows[outcome.receipt_id].row), Disposition.PENDING.value, outcome.disposition)
            for outcome in outcomes
        ),
    )
