"""From stage changes to reports: the outbox is read once, in its order.

A batch of events, the reports it leads to and the place where reading goes on are one transaction: what is not
committed is read again, what is committed is not. Reading an event twice would change nothing either, because a report
stands under a key of its own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversions import ConversionProfile
from hub.core.connections.models import connections
from hub.core.conversions.models import conversion_cursors, conversion_reports, conversion_rules
from hub.core.conversions.submissions import matching_submission, report_until
from hub.core.leads.models import journey_steps, lead_submissions, leads
from hub.core.outbox.models import outbox_events
from hub.core.outbox.queries import BATCH, Position, events_after
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.db.types import AnyRow
from hub.db.upsert import insert

ProfileOf = Callable[[str], ConversionProfile | None]
"""The profile of a connector by its key; None where that is not installed or does not report (any more)."""
EVENTS = UUID("7d2c1a60-5f0e-5b0e-9a5e-3f1f8f6c2b11")
"""Namespace of the event ids (RFC 9562, version 5)."""
_OF_ALL = {ALL_ORGANISATIONS: "the schedule reports for every organisation"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A lead entered a stage."""

    lead_id: UUID
    stage_id: UUID | None
    """None: the one in which it began."""
    happened_at: datetime
    position: Position


def organisations_that_report(connection: Connection) -> list[UUID]:
    """Every organisation with a rule that is switched on."""
    statement = sa.select(conversion_rules.c.organisation_id).distinct().where(conversion_rules.c.is_active.is_(True))
    return list(connection.scalars(statement.execution_options(**_OF_ALL)))


def collect_reports(connection: Connection, organisation_id: UUID, profile_of: ProfileOf, now: datetime) -> bool:
    """Write the reports that the next events of the outbox ask for; says whether there may be more events."""
    cursor = connection.execute(
        sa.select(conversion_cursors).where(conversion_cursors.c.organisation_id == organisation_id).with_for_update()
    ).one_or_none()
    if cursor is None:
        return False
    events = events_after(connection, organisation_id, Position(cursor.transaction_number, cursor.number))
    if not events:
        return False
    rules = _active_rules(connection, organisation_id)
    if entries := [_entry(event) for event in events if event.kind in ("stage_changed", "lead_created")]:
        _write_reports(connection, organisation_id, rules, entries, profile_of, now)
    connection.execute(
        sa.update(conversion_cursors)
        .where(conversion_cursors.c.organisation_id == organisation_id)
        .values(transaction_number=events[-1].transaction_number, number=events[-1].number)
    )
    return len(events) == BATCH


def follow_restored_outbox(connection: Connection) -> None:
    """After a restore, and before its transactions lose their numbers, move every place in the outbox to where the
    first event stands that was not read: some may be read twice, which changes nothing."""
    for table, transaction, number in (
        (conversion_cursors, "transaction_number", "number"),
        (conversion_rules, "since_transaction", "since_number"),
    ):
        unread = (
            sa.select(sa.func.min(outbox_events.c.number) - 1)
            .where(
                outbox_events.c.organisation_id == table.c.organisation_id,
                sa.tuple_(outbox_events.c.transaction_number, outbox_events.c.number)
                > sa.tuple_(table.c[transaction], table.c[number]),
            )
            .scalar_subquery()
        )
        newest = (
            sa.select(sa.func.max(outbox_events.c.number))
            .where(outbox_events.c.organisation_id == table.c.organisation_id)
            .scalar_subquery()
        )
        place = {transaction: 0, number: sa.func.coalesce(unread, newest, 0)}
        connection.execute(sa.update(table).values(place).execution_options(**_OF_ALL))


def event_id_of(target_id: str, event_name: str, submission_id: UUID) -> str:
    """The key under which a platform knows an event, the same whenever it is made."""
    return str(uuid5(EVENTS, f"{target_id}\n{event_name}\n{submission_id}"))


def _active_rules(connection: Connection, organisation_id: UUID) -> Sequence[AnyRow]:
    return connection.execute(
        sa.select(conversion_rules, connections.c.connector)
        .join(
            connections,
            sa.and_(
                connections.c.id == conversion_rules.c.connection_id,
                connections.c.organisation_id == conversion_rules.c.organisation_id,
            ),
        )
        .where(conversion_rules.c.organisation_id == organisation_id, conversion_rules.c.is_active.is_(True))
        .order_by(conversion_rules.c.id)
    ).all()


def _entry(event: AnyRow) -> _Entry:
    stage_id = UUID(event.payload["to"]) if event.kind == "stage_changed" else None
    return _Entry(event.subject_id, stage_id, event.occurred_at, Position.of(event))


def _write_reports(
    connection: Connection,
    organisation_id: UUID,
    rules: Sequence[AnyRow],
    entries: Sequence[_Entry],
    profile_of: ProfileOf,
    now: datetime,
) -> None:
    lead_ids = {entry.lead_id for entry in entries}
    begun_in = _first_stages(connection, organisation_id, {each.lead_id for each in entries if each.stage_id is None})
    sent = _submissions(connection, organisation_id, lead_ids)
    rows = []
    for entry in entries:
        stage_id = entry.stage_id or begun_in.get(entry.lead_id)
        for rule in rules:
            profile = profile_of(rule.connector)
            begins = Position(rule.since_transaction, rule.since_number)
            if profile is None or rule.stage_id != stage_id or entry.position <= begins:
                continue
            found = matching_submission(sent.get(entry.lead_id, ()), profile, rule.connection_id)
            if found is not None:
                rows.append(_row(rule, profile, entry, found, now))
    if rows:
        statement = insert(connection, conversion_reports).on_conflict_do_nothing(
            index_elements=["organisation_id", "event_id"]
        )
        connection.execute(statement, rows)


def _row(rule: AnyRow, profile: ConversionProfile, entry: _Entry, submission: AnyRow, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": rule.organisation_id,
        "rule_id": rule.id,
        "lead_id": entry.lead_id,
        "submission_id": submission.id,
        "connection_id": rule.connection_id,
        "target_id": rule.target_id,
        "target_name": rule.target_name,
        "part_id": rule.part_id,
        "event_name": rule.event_name,
        "event_id": event_id_of(rule.target_id, rule.event_name, submission.id),
        "state": "waiting",
        "message": "",
        "happened_at": entry.happened_at,
        "report_until": report_until(profile, entry.happened_at, submission.submitted_at),
        "created_at": now,
        "next_attempt_at": now,
    }


def _first_stages(connection: Connection, organisation_id: UUID, lead_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The stage in which each lead began: what its first move left, or where it still stands."""
    if not lead_ids:
        return {}
    standing = sa.select(leads.c.id, leads.c.stage_id).where(
        leads.c.organisation_id == organisation_id, leads.c.id.in_(lead_ids)
    )
    found = {row.id: row.stage_id for row in connection.execute(standing)}
    moves = (
        sa.select(journey_steps.c.lead_id, journey_steps.c.detail)
        .where(
            journey_steps.c.organisation_id == organisation_id,
            journey_steps.c.lead_id.in_(lead_ids),
            journey_steps.c.kind == "stage_changed",
        )
        .order_by(journey_steps.c.id.desc())
    )
    return {**found, **{row.lead_id: UUID(row.detail["from"]) for row in connection.execute(moves)}}


def _submissions(
    connection: Connection, organisation_id: UUID, lead_ids: Iterable[UUID]
) -> Mapping[UUID, Sequence[AnyRow]]:
    """What people sent, by lead, in the order in which the leads got it: what comes late, though it was sent before,
    must not take the place of what was reported already. A lead that is a test, or was deleted, has none."""
    statement = (
        sa.select(
            lead_submissions.c.id,
            lead_submissions.c.lead_id,
            lead_submissions.c.connection_id,
            lead_submissions.c.campaign,
            lead_submissions.c.first_touch,
            lead_submissions.c.submitted_at,
        )
        .join(
            leads,
            sa.and_(
                leads.c.id == lead_submissions.c.lead_id,
                leads.c.organisation_id == lead_submissions.c.organisation_id,
            ),
        )
        .where(
            lead_submissions.c.organisation_id == organisation_id,
            lead_submissions.c.lead_id.in_(set(lead_ids)),
            leads.c.is_test.is_(False),
        )
        .order_by(lead_submissions.c.id)
    )
    found: dict[UUID, list[AnyRow]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.lead_id, []).append(row)
    return found
