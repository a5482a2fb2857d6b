"""Handing reports over and noting what came of them.

A report is ``sent`` before its request leaves. Until its outcome is known it is sent again under the same event id,
for as long as the platform knows that id again; after that nobody can say whether it counted, and it ends as
``unknown``. Everything here runs in the caller's transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.connector.conversions import (
    Conversion,
    ConversionProfile,
    ConversionTarget,
)
from hub.core.conversions.models import conversion_reports, conversion_rules
from hub.core.conversions.submissions import click_ids_of
from hub.core.intake.models import receipts
from hub.core.leads.models import consents, lead_submissions, leads
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import AnyRow

LEASE = timedelta(minutes=10)
"""How long a report that was sent is left alone until its outcome should be known: longer than any call takes."""
MARGIN = timedelta(minutes=2)
"""A report that would be too old in so short a time may be so when it arrives, and spoil others with it."""
WORDS: Mapping[str, str] = {
    "rule_removed": "The rule was removed before this was sent.",
    "lead_deleted": "The lead was deleted before this was sent.",
    "no_consent": "The person gave no consent for this purpose, or withdrew it.",
    "window_over": "The platform takes this for a limited time only, which is over.",
    "outcome_lost": "It was sent, but no answer came, and the platform would not know it again by now. It may have "
    "counted.",
}
_OF_ALL = {ALL_ORGANISATIONS: "the schedule reports for every organisation"}


@dataclass(frozen=True, slots=True)
class DueConnection:
    """A connection with reports that are due."""

    organisation_id: UUID
    connection_id: UUID


@dataclass(frozen=True, slots=True)
class Claimed:
    """Events of one target that are marked as sent, at ``sent_at``, and must now leave. ``attempts`` is how often the
    one that was tried most often leaves with this. ``sent_at`` is None once they may have been taken."""

    target: ConversionTarget
    conversions: tuple[Conversion, ...]
    attempts: int
    sent_at: datetime | None

    @property
    def event_ids(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(each.event_id for each in self.conversions)


def is_any_open(connection: Connection) -> bool:
    """Whether any report still waits for something, over all organisations."""
    statement = sa.select(sa.literal(1)).where(conversion_reports.c.next_attempt_at.is_not(None)).limit(1)
    return connection.scalar(statement.execution_options(**_OF_ALL)) is not None


def due_connections(connection: Connection, now: datetime) -> list[DueConnection]:
    """Where something is to be sent now, over all organisations."""
    statement = (
        sa.select(conversion_reports.c.organisation_id, conversion_reports.c.connection_id)
        .distinct()
        .where(conversion_reports.c.next_attempt_at <= now)
        .execution_options(**_OF_ALL)
    )
    return [DueConnection(*row) for row in connection.execute(statement)]


def settle_overdue(connection: Connection, now: datetime) -> int:
    """End what cannot be sent any more, whatever its connection and rule do: its time is over, or its rule is gone.
    Says how many ended."""
    return sum(
        _end(connection, state, code, now, conversion_reports.c.next_attempt_at.is_not(None), *conditions)
        for state, code, conditions in (
            ("withheld", "rule_removed", (conversion_reports.c.rule_id.is_(None), _is("waiting"))),
            ("withheld", "lead_deleted", (conversion_reports.c.lead_id.is_(None), _is("waiting"))),
            ("too_late", "window_over", (conversion_reports.c.report_until <= now + MARGIN, _is("waiting"))),
            ("unknown", "outcome_lost", (conversion_reports.c.report_until <= now + MARGIN, *_lost(now))),
            ("unknown", "outcome_lost", (conversion_reports.c.rule_id.is_(None), *_lost(now))),
            ("unknown", "outcome_lost", (conversion_reports.c.lead_id.is_(None), *_lost(now))),
        )
    )


def claim(
    connection: Connection, organisation_id: UUID, connection_id: UUID, profile: ConversionProfile, now: datetime
) -> Claimed | None:
    """Mark the next due events of one target as sent and return them; None where nothing is due.

    Those that must not or cannot be sent any more end here, so that a batch may be empty and still not be the last.
    """
    rows = _due(connection, organisation_id, connection_id, profile.batch_size, now)
    if not rows:
        return None
    given = _consents(connection, organisation_id, rows)
    leaving: list[AnyRow] = []
    for row in rows:
        verdict = _verdict(row, profile, given, now)
        if verdict is None:
            leaving.append(row)
        else:
            _end(connection, *verdict, now, conversion_reports.c.organisation_id == organisation_id, _one(row.id))
    if leaving:
        connection.execute(
            sa.update(conversion_reports)
            .where(
                conversion_reports.c.organisation_id == organisation_id,
                conversion_reports.c.id.in_([row.id for row in leaving]),
            )
            .values(
                state="sent",
                attempts=conversion_reports.c.attempts + 1,
                first_sent_at=sa.func.coalesce(conversion_reports.c.first_sent_at, sa.literal(now, _MOMENT)),
                next_attempt_at=now + LEASE,
            )
        )
    first = rows[0]
    target = ConversionTarget(id=first.target_id, name=first.target_name, part_id=first.part_id)
    attempts = max((row.attempts for row in leaving), default=0) + 1
    return Claimed(target, tuple(_conversion(row, profile) for row in leaving), attempts, now)


def _due(
    connection: Connection, organisation_id: UUID, connection_id: UUID, limit: int, now: datetime
) -> Sequence[AnyRow]:
    """The oldest due report with others of its target, locked, each with what is to be told. Those of a rule that is
    switched off wait."""
    is_due = sa.and_(
        conversion_reports.c.organisation_id == organisation_id,
        conversion_reports.c.connection_id == connection_id,
        conversion_reports.c.next_attempt_at <= now,
        _ALLOWED,
    )
    oldest = connection.execute(
        sa.select(conversion_reports.c.target_id, conversion_reports.c.part_id)
        .outerjoin(conversion_rules, _RULE)
        .where(is_due)
        .order_by(conversion_reports.c.happened_at, conversion_reports.c.id)
        .limit(1)
    ).first()
    if oldest is None:
        return ()
    return connection.execute(
        sa.select(
            conversion_reports,
            conversion_rules.c.value_field,
            conversion_rules.c.currency,
            conversion_rules.c.consent_purpose,
            leads.c.person_id,
            leads.c["values"],
            lead_submissions.c.connection_id.label("came_by"),
            lead_submissions.c.campaign,
            lead_submissions.c.first_touch,
            lead_submissions.c.submitted_at,
            receipts.c.source_id,
        )
        .outerjoin(conversion_rules, _RULE)
        .outerjoin(leads, _LEAD)
        .outerjoin(lead_submissions, _SUBMISSION)
        .outerjoin(receipts, _RECEIPT)
        .where(
            is_due,
            conversion_reports.c.target_id == oldest.target_id,
            conversion_reports.c.part_id.is_not_distinct_from(oldest.part_id),
        )
        .order_by(conversion_reports.c.happened_at, conversion_reports.c.id)
        .limit(limit)
        .with_for_update(of=conversion_reports, skip_locked=True)
    ).all()


def _verdict(
    row: AnyRow, profile: ConversionProfile, given: Mapping[tuple[UUID, str], bool], now: datetime
) -> tuple[str, str] | None:
    """State and code with which a report ends without being sent; None where it is to be sent."""
    was_sent = row.state == "sent"
    if was_sent and profile.repeatable_for is not None and now >= row.first_sent_at + profile.repeatable_for:
        return "unknown", "outcome_lost"
    code = _why_withheld(row, given)
    if code is not None:
        return ("unknown", "outcome_lost") if was_sent else ("withheld", code)
    if row.report_until is not None and row.report_until <= now + MARGIN:
        return ("unknown", "outcome_lost") if was_sent else ("too_late", "window_over")
    return None


def _why_withheld(row: AnyRow, given: Mapping[tuple[UUID, str], bool]) -> str | None:
    if row.rule_id is None:
        return "rule_removed"
    if row.person_id is None or row.submitted_at is None:
        return "lead_deleted"
    if row.consent_purpose is not None and not given.get((row.person_id, row.consent_purpose), False):
        return "no_consent"
    return None


def _conversion(row: AnyRow, profile: ConversionProfile) -> Conversion:
    amount, currency = _amount(row)
    return Conversion(
        event_id=row.event_id,
        event_name=row.event_name,
        happened_at=row.happened_at,
        submitted_at=row.submitted_at,
        lead_id=row.source_id if profile.by_lead_id and row.came_by == row.connection_id else None,
        click_ids=dict(click_ids_of(row, profile)),
        value=amount,
        currency=currency if amount is not None else None,
    )


def _amount(row: AnyRow) -> tuple[Decimal | None, str | None]:
    """What the lead is worth by the rule's field; nothing where it is empty, below zero or without currency."""
    value: JsonValue = row.values.get(row.value_field) if row.value_field else None
    currency = row.currency
    if isinstance(value, dict):
        currency = value.get("currency") or currency
        value = value.get("amount")
    if value is None or currency is None or isinstance(value, bool):
        return None, None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None, None
    return (amount, str(currency)) if amount.is_finite() and amount >= 0 else (None, None)


def _consents(connection: Connection, organisation_id: UUID, rows: Sequence[AnyRow]) -> Mapping[tuple[UUID, str], bool]:
    """By person and purpose, whether the last word about it was a yes."""
    people = {row.person_id for row in rows if row.consent_purpose is not None and row.person_id is not None}
    if not people:
        return {}
    said = connection.execute(
        sa.select(consents.c.person_id, consents.c.purpose, consents.c.is_given)
        .where(consents.c.organisation_id == organisation_id, consents.c.person_id.in_(people))
        .order_by(consents.c.given_at, consents.c.id)
    )
    return {(row.person_id, row.purpose): row.is_given for row in said if row.purpose is not None}


def _end(connection: Connection, state: str, code: str, now: datetime, *which: sa.ColumnElement[bool]) -> int:
    values = {"state": state, "code": code, "message": WORDS[code], "next_attempt_at": None, "settled_at": now}
    statement = sa.update(conversion_reports).where(*which).values(**values)
    return connection.execute(statement.execution_options(**_OF_ALL)).rowcount


def _lost(now: datetime) -> Iterator[sa.ColumnElement[bool]]:
    """Sent, and the answer should have come by now."""
    yield _is("sent")
    yield conversion_reports.c.next_attempt_at <= now


def _is(state: str) -> sa.ColumnElement[bool]:
    return conversion_reports.c.state == state


def _one(report_id: UUID) -> sa.ColumnElement[bool]:
    return conversion_reports.c.id == report_id


def _same_organisation(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.organisation_id == conversion_reports.c.organisation_id


_MOMENT = conversion_reports.c.first_sent_at.type
_RULE = sa.and_(conversion_rules.c.id == conversion_reports.c.rule_id, _same_organisation(conversion_rules))
_LEAD = sa.and_(leads.c.id == conversion_reports.c.lead_id, _same_organisation(leads))
_SUBMISSION = sa.and_(lead_submissions.c.id == conversion_reports.c.submission_id, _same_organisation(lead_submissions))
_RECEIPT = sa.and_(receipts.c.id == lead_submissions.c.receipt_id, _same_organisation(receipts))
_ALLOWED = sa.or_(conversion_rules.c.id.is_(None), conversion_rules.c.is_active.is_(True))
