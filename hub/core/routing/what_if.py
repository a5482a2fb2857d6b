"""Trying rules and a strategy on past leads (X-09): load per person and waiting, as it was and as it would have been.

The trial knows when leads came and when they were closed, and who is absent or out of hours by what is set now; it
looks for room whenever a lead comes, is closed, or a queue's clock ends. Nothing is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import leads
from hub.core.organisations.errors import RefusedChangeError
from hub.core.routing.loading import load_team
from hub.core.routing.models import assignments
from hub.core.routing.past_requests import load_requests
from hub.core.routing.queries import routing_strategy
from hub.core.routing.references import check_references
from hub.core.routing.rules import RuleDraft, ready
from hub.core.routing.team import Strategy, Team
from hub.core.routing.trial import PastLead, Tally, Trial
from hub.db.schema import new_id
from hub.db.types import to_micros

MAX_LEADS = 100_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Comparison:
    """What past leads got (``actual``) and what they would have got (``proposed``)."""

    leads: int
    actual: Tally
    proposed: Tally


def what_if(
    connection: Connection,
    organisation_id: UUID,
    rules: Sequence[RuleDraft] | None,
    strategy: Strategy | None,
    since: datetime,
    until: datetime,
) -> Comparison:
    """Route the leads submitted from ``since`` to ``until`` again; None for what should stay as it is.

    Raises ``RefusedChangeError`` for a rule that names something unknown, or more than 100,000 leads.
    """
    for draft in rules or ():
        check_references(connection, organisation_id, draft)
    tried = None if rules is None else [ready(new_id(), draft) for draft in rules if draft.is_active]
    team = load_team(connection, organisation_id, strategy or routing_strategy(connection, organisation_id), tried)
    still_open = _open_at(connection, organisation_id, since)
    _turn_back(connection, organisation_id, team, still_open, since)
    past = _past_leads(connection, organisation_id, since, until)
    actual = _actual(connection, organisation_id, team, past, still_open, since, until)
    trial = Trial(team)
    for lead in still_open:
        if lead.closed_at is not None:
            trial.expect_close(lead.id, lead.closed_at, lead.assignee_id)
    for part in _parts(past):
        trial.receive(part, load_requests(connection, organisation_id, [lead.id for lead in part]))
    return Comparison(len(past), actual, trial.finish(until))


def _turn_back(
    connection: Connection, organisation_id: UUID, team: Team, still_open: Sequence[PastLead], since: datetime
) -> None:
    """Put the team's counts to where they stood at ``since``."""
    counts: dict[UUID, int] = {}
    for lead in still_open:
        if lead.assignee_id is not None:
            counts[lead.assignee_id] = counts.get(lead.assignee_id, 0) + 1
    latest = _latest_assignments(connection, organisation_id, since)
    for member in team.members:
        member.open_leads = counts.get(member.user_id, 0)
        member.last_assigned = to_micros(latest[member.user_id]) if member.user_id in latest else 0
        member.current_weight = 0
    team.latest_assignment = max((member.last_assigned for member in team.members), default=0)


def _latest_assignments(connection: Connection, organisation_id: UUID, since: datetime) -> dict[UUID, datetime]:
    statement = (
        sa.select(assignments.c.assignee_id, sa.func.max(assignments.c.assigned_at))
        .where(
            assignments.c.organisation_id == organisation_id,
            assignments.c.assigned_at < since,
            assignments.c.assignee_id.is_not(None),
        )
        .group_by(assignments.c.assignee_id)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def _past_leads(connection: Connection, organisation_id: UUID, since: datetime, until: datetime) -> list[PastLead]:
    within = (leads.c.submitted_at >= since, leads.c.submitted_at < until)
    statement = _leads(organisation_id).where(*within).limit(MAX_LEADS + 1)
    found = [PastLead(*row) for row in connection.execute(statement)]
    if len(found) > MAX_LEADS:
        message = f"more than {MAX_LEADS} leads came in this time; choose a shorter one"
        raise RefusedChangeError(message, field="since", code="too_many")
    return sorted(found, key=lambda lead: (lead.received_at, lead.id))


def _open_at(connection: Connection, organisation_id: UUID, moment: datetime) -> list[PastLead]:
    """Leads of people that were open then."""
    was_open = sa.or_(leads.c.closed_at > moment, sa.and_(leads.c.closed_at.is_(None), leads.c.stage_kind == "open"))
    statement = _leads(organisation_id).where(leads.c.submitted_at < moment, was_open, leads.c.assignee_id.is_not(None))
    return [PastLead(*row) for row in connection.execute(statement)]


def _leads(organisation_id: UUID) -> sa.Select[Any]:
    columns = (leads.c.id, leads.c.received_at, leads.c.closed_at, leads.c.assignee_id)
    return sa.select(*columns).where(leads.c.organisation_id == organisation_id, leads.c.is_test.is_(False))


def _actual(
    connection: Connection,
    organisation_id: UUID,
    team: Team,
    past: Sequence[PastLead],
    still_open: Sequence[PastLead],
    since: datetime,
    until: datetime,
) -> Tally:
    """What really happened, by the first person whom each lead got."""
    first = _first_people(connection, organisation_id, since, until)
    load = {member.user_id: member.open_leads for member in team.members}
    tally = Tally()
    moves: list[tuple[datetime, int, UUID, timedelta | None]] = [
        (lead.closed_at, -1, lead.assignee_id, None)
        for lead in still_open
        if lead.closed_at is not None and lead.assignee_id is not None
    ]
    for lead in past:
        if lead.id not in first:
            tally.never(1)
            continue
        user_id, assigned_at, stood = first[lead.id]
        moves.append((assigned_at, 1, user_id, assigned_at - lead.received_at if stood else None))
        if lead.closed_at is not None:
            moves.append((lead.closed_at, -1, user_id, None))
    for _, change, user_id, wait in sorted(moves, key=lambda move: move[:2]):
        load[user_id] = max(0, load.get(user_id, 0) + change)
        if change > 0:
            tally.assigned(user_id, load[user_id], wait)
    return tally


def _first_people(
    connection: Connection, organisation_id: UUID, since: datetime, until: datetime
) -> dict[UUID, tuple[UUID, datetime, bool]]:
    """For each lead the first person it got, when, and whether it stood in a queue before."""
    statement = (
        sa.select(assignments.c.lead_id, assignments.c.assignee_id, assignments.c.assigned_at)
        .join(leads, sa.and_(leads.c.id == assignments.c.lead_id, leads.c.organisation_id == organisation_id))
        .where(
            assignments.c.organisation_id == organisation_id,
            leads.c.submitted_at >= since,
            leads.c.submitted_at < until,
            leads.c.is_test.is_(False),
        )
        .order_by(assignments.c.assigned_at, assignments.c.id)
    )
    stood: set[UUID] = set()
    first: dict[UUID, tuple[UUID, datetime, bool]] = {}
    for row in connection.execute(statement):
        if row.assignee_id is None:
            stood.add(row.lead_id)
        else:
            first.setdefault(row.lead_id, (row.assignee_id, row.assigned_at, row.lead_id in stood))
    return first


def _parts(past: Sequence[PastLead]) -> Iterator[Sequence[PastLead]]:
    for start in range(0, len(past), _AT_ONCE):
        yield past[start : start + _AT_ONCE]
