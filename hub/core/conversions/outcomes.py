"""Noting what came of the reports that were sent. Everything here runs in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversions import ConversionOutcome, ConversionVerdict
from hub.connector.text import storable
from hub.core.conversions.models import conversion_reports, conversion_rules
from hub.core.conversions.sending import Claimed

NOT_YET = timedelta(hours=6)
"""When to try again what the platform will take later without saying when."""
_LONGEST = 500
_IS_SENT = conversion_reports.c.state == "sent"


def record_outcomes(
    connection: Connection,
    organisation_id: UUID,
    claimed: Claimed,
    outcomes: Sequence[ConversionOutcome],
    now: datetime,
) -> None:
    """Note what the platform said of each event. One of which it said nothing stays sent, and is sent again."""
    known = {each.event_id: each for each in outcomes}
    for event_id in claimed.event_ids:
        if (outcome := known.get(event_id)) is not None:
            _record(connection, organisation_id, event_id, outcome, now)
    _set_problem(connection, organisation_id, claimed, None, "", now)


def record_failure(
    connection: Connection,
    organisation_id: UUID,
    claimed: Claimed,
    *,
    code: str,
    message: str,
    try_again_at: datetime,
    was_taken: bool | None,
    is_lasting: bool,
    now: datetime,
) -> None:
    """Note that a whole call failed. ``was_taken`` None: nobody knows, so its events stay sent; False: those that left
    for the first time wait, as if they had not. A lasting failure is shown on the rules of the target until something
    gets through."""
    mine = (
        conversion_reports.c.organisation_id == organisation_id,
        conversion_reports.c.event_id.in_(claimed.event_ids),
        _IS_SENT,
    )
    told = {"code": code[:60], "message": _short(message), "next_attempt_at": try_again_at}
    if was_taken is False and claimed.sent_at is not None:
        never_left = conversion_reports.c.first_sent_at == claimed.sent_at
        waits = {"state": "waiting", "first_sent_at": None}
        connection.execute(sa.update(conversion_reports).where(*mine, never_left).values(**told, **waits))
    connection.execute(sa.update(conversion_reports).where(*mine).values(**told))
    if is_lasting:
        _set_problem(connection, organisation_id, claimed, code[:60], _short(message), now)


def _record(
    connection: Connection, organisation_id: UUID, event_id: str, outcome: ConversionOutcome, now: datetime
) -> None:
    values: dict[str, Any] = {"code": (outcome.code or "")[:60] or None, "message": _short(outcome.message)}
    if outcome.verdict is ConversionVerdict.NOT_YET:
        again_at = now + (outcome.retry_after or NOT_YET)
        values |= {"state": "waiting", "first_sent_at": None, "next_attempt_at": again_at}
    else:
        values |= {"state": outcome.verdict.value, "next_attempt_at": None, "settled_at": now}
    connection.execute(
        sa.update(conversion_reports)
        .where(
            conversion_reports.c.organisation_id == organisation_id,
            conversion_reports.c.event_id == event_id,
            _IS_SENT,
        )
        .values(**values)
    )


def _set_problem(
    connection: Connection, organisation_id: UUID, claimed: Claimed, code: str | None, message: str, now: datetime
) -> None:
    """Show on the rules of the events why nothing gets through, or that it does again."""
    rules = sa.select(conversion_reports.c.rule_id).where(
        conversion_reports.c.organisation_id == organisation_id,
        conversion_reports.c.event_id.in_(claimed.event_ids),
    )
    statement = sa.update(conversion_rules).where(
        conversion_rules.c.organisation_id == organisation_id,
        conversion_rules.c.id.in_(rules),
        conversion_rules.c.problem_code.is_distinct_from(code),
    )
    is_set = code is not None
    connection.execute(
        statement.values(problem_code=code, problem=message if is_set else None, problem_since=now if is_set else None)
    )


def _short(text: str) -> str:
    return storable(text)[:_LONGEST]
