"""Asking again for leads that exist: the routing requests of stored leads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.form_defaults.models import form_defaults
from hub.core.leads.models import lead_submissions, leads
from hub.core.routing.request import RoutingRequest

_ORGANISATION: sa.BindParameter[UUID] = sa.bindparam("organisation")
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)

_LEADS = sa.select(
    leads.c.id,
    leads.c.person_id,
    leads.c.submitted_at,
    leads.c["values"].label("mapped"),
    leads.c.source_form_id,
    leads.c.source_id,
    leads.c.type_id,
    leads.c.centre_id,
    leads.c.priority,
).where(leads.c.organisation_id == _ORGANISATION, leads.c.id.in_(_IDS))
_SUBMISSIONS = (
    sa.select(lead_submissions.c.lead_id, lead_submissions.c.campaign, lead_submissions.c.language)
    .where(lead_submissions.c.organisation_id == _ORGANISATION, lead_submissions.c.lead_id.in_(_IDS))
    .order_by(lead_submissions.c.received_at.desc(), lead_submissions.c.id.desc())
)
_DEFAULTS = sa.select(form_defaults.c.source_form_id, form_defaults.c.assignee_id).where(
    form_defaults.c.organisation_id == _ORGANISATION, form_defaults.c.source_form_id.in_(_IDS)
)
_OWNERS = (
    sa.select(leads.c.person_id, leads.c.submitted_at, leads.c.assignee_id)
    .where(
        leads.c.organisation_id == _ORGANISATION,
        leads.c.person_id.in_(_IDS),
        leads.c.assignee_id.is_not(None),
        leads.c.is_test.is_(False),
    )
    .order_by(leads.c.submitted_at, leads.c.id)
)


def load_requests(
    connection: Connection, organisation_id: UUID, lead_ids: Sequence[UUID]
) -> dict[UUID, RoutingRequest]:
    """What routing would be told about each of these leads now, by lead id; campaign and language come from the
    first submission. Ask for some hundreds at a time."""

    def ask(statement: sa.Select[Any], ids: set[UUID]) -> Sequence[Any]:
        return connection.execute(statement, {"organisation": organisation_id, "ids": list(ids)}).all()

    rows = ask(_LEADS, set(lead_ids))
    first = {row.lead_id: row for row in ask(_SUBMISSIONS, set(lead_ids))}
    form_ids = {row.source_form_id for row in rows if row.source_form_id is not None}
    defaults: dict[UUID, UUID] = {row.source_form_id: row.assignee_id for row in ask(_DEFAULTS, form_ids)}
    owners: dict[UUID, list[Any]] = {}
    for owned in ask(_OWNERS, {row.person_id for row in rows}):
        owners.setdefault(owned.person_id, []).append(owned)
    return {
        row.id: _request(row, first.get(row.id), defaults.get(row.source_form_id), owners.get(row.person_id, []))
        for row in rows
    }


def _request(row: Any, submission: Any, default_assignee_id: UUID | None, owners: list[Any]) -> RoutingRequest:
    earlier = [owned.assignee_id for owned in owners if owned.submitted_at < row.submitted_at]
    return RoutingRequest(
        values=row.mapped,
        source_form_id=row.source_form_id,
        source_id=row.source_id,
        type_id=row.type_id,
        centre_id=row.centre_id,
        priority=row.priority,
        campaign=submission.campaign if submission else None,
        language=submission.language if submission else None,
        default_assignee_id=default_assignee_id,
        former_owner_id=earlier[-1] if earlier else None,
    )
