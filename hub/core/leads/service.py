"""Changing leads by hand: values, stage, owner. Each change leaves its history, its step and its event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.core.audit import service as audit
from hub.core.leads.journey import CONTACTS, add_step
from hub.core.leads.models import lead_changes, leads
from hub.core.leads.queries import EVERYTHING, Visibility, find_lead
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.outbox.service import publish
from hub.core.pipelines.models import stages
from hub.core.routing.decide import Decision
from hub.core.routing.models import assignments
from hub.core.routing.request import RoutingRequest
from hub.core.routing.service import RoutingSession
from hub.db.schema import new_id

REPEATED = {"full_name": "name", "email": "email", "phone": "phone", "company": "company"}
"""Master fields that stand in a column of their own too, for lists and searches."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and which leads that person may touch."""

    actor: str
    visible: Visibility = EVERYTHING


def change_values(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    values: Mapping[str, JsonValue],
    *,
    author: Author,
    now: datetime,
    revision: int | None = None,
) -> int:
    """Set values by master field key (None clears one); returns the new revision.

    With ``revision`` the change is refused when somebody else was quicker. A value typed by a person has that
    person as its origin and is never overwritten by a later submission.
    """
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    if revision is not None and revision != lead.revision:
        raise ConflictingChangeError(
            "somebody changed this lead meanwhile; reload it and try again", field="revision", code="outdated"
        )
    after, origins = dict(lead.values), dict(lead.origins)
    changed = {key: value for key, value in values.items() if after.get(key) != value}
    for key, value in changed.items():
        note_change(connection, organisation_id, lead_id, key, after.get(key), value, author.actor, now)
        if value is None:
            after.pop(key, None)
            origins.pop(key, None)
        else:
            after[key] = value
            origins[key] = {"person": author.actor, "at": now.isoformat()}
    if not changed:
        return int(lead.revision)
    columns = {column: _shown(after.get(key)) for key, column in REPEATED.items()}
    columns["name"] = columns["name"] or ""
    _update(connection, organisation_id, lead, now, values=after, origins=origins, **columns)
    return int(lead.revision) + 1


def move_stage(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    stage_id: UUID,
    *,
    author: Author,
    now: datetime,
    lost_reason: str | None = None,
    may_reopen: bool = True,
) -> None:
    """Move a lead to a stage of its own pipeline, and keep the owner's count of open leads right.

    A lost lead needs a reason (N-039). Leaving a closing stage is reopening, which is a right of its own (Z-019);
    a converted lead is never reopened (decision 25).
    """
    session = RoutingSession.open(connection, organisation_id, now)
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    stage = connection.execute(
        sa.select(stages).where(
            stages.c.organisation_id == organisation_id,
            stages.c.id == stage_id,
            stages.c.pipeline_id == lead.pipeline_id,
        )
    ).first()
    if stage is None:
        raise UnknownRecordError("stage in this lead's pipeline")
    if stage.id == lead.stage_id:
        return
    _refuse_wrong_move(lead, stage, lost_reason, may_reopen)
    _update(
        connection,
        organisation_id,
        lead,
        now,
        stage_id=stage.id,
        stage_kind=stage.kind,
        closed_at=None if stage.kind == "open" else now,
        lost_reason=lost_reason if stage.kind == "lost" else None,
    )
    if not lead.is_test:
        session.count(lead.assignee_id, (stage.kind == "open") - (lead.stage_kind == "open"))
    session.flush(connection)
    detail = {"from": str(lead.stage_id), "to": str(stage.id), "kind": stage.kind}
    if stage.kind == "lost":
        detail["reason"] = lost_reason or ""
    add_step(connection, organisation_id, lead_id, kind="stage_changed", actor=author.actor, detail=detail, now=now)
    publish(connection, organisation_id, kind="stage_changed", subject_id=lead_id, payload=detail, now=now)


def _refuse_wrong_move(lead: Any, stage: Any, lost_reason: str | None, may_reopen: bool) -> None:
    if stage.kind == "lost" and not (lost_reason or "").strip():
        raise RefusedChangeError("say why the lead is lost", field="lost_reason", code="reason_required")
    if lead.stage_kind != "open" and stage.kind == "open":
        if lead.converted_at is not None:
            raise RefusedChangeError(
                "a converted lead is not reopened; create a new lead for this person",
                field="stage_id",
                code="converted",
            )
        if not may_reopen:
            raise RefusedChangeError(
                "this lead is closed; reopening needs the right Reopen leads", field="stage_id", code="closed"
            )


def assign_lead(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    assignee_id: UUID | None,
    *,
    author: Author,
    now: datetime,
) -> None:
    """Give a lead to a person (N-064); None takes it away from its owner and assigns it anew (N-063, P-46)."""
    session = RoutingSession.open(connection, organisation_id, now)
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    if assignee_id is not None and assignee_id == lead.assignee_id:
        return
    is_work = _is_open_work(lead)
    if is_work:
        session.count(lead.assignee_id, -1)
    if assignee_id is not None:
        decision = session.assign(assignee_id, actor=author.actor)
    else:
        former = frozenset({lead.assignee_id}) if lead.assignee_id else frozenset()
        decision = session.route(
            RoutingRequest(
                values=lead.values,
                source_form_id=lead.source_form_id,
                source_id=lead.source_id,
                type_id=lead.type_id,
                centre_id=lead.centre_id,
                priority=lead.priority,
                not_to=former,
            )
        )
    if not is_work:
        session.count(decision.assignee_id, -1)
    session.flush(connection)
    store_assignment(connection, organisation_id, lead, decision, actor=author.actor, now=now)


def store_assignment(
    connection: Connection, organisation_id: UUID, lead: Any, decision: Decision, *, actor: str, now: datetime
) -> None:
    """Write a decision about a lead that exists: owner or queue, the trace, the step and the event."""
    lead_id: UUID = lead.id
    _update(
        connection,
        organisation_id,
        lead,
        now,
        assignee_id=decision.assignee_id,
        queue_id=decision.queue_id,
        claim_until=decision.claim_until,
    )
    connection.execute(
        sa.insert(assignments).values(
            id=new_id(),
            organisation_id=organisation_id,
            lead_id=lead_id,
            assignee_id=decision.assignee_id,
            queue_id=decision.queue_id,
            decided_by=decision.decided_by,
            trace=decision.trace,
            assigned_at=now,
        )
    )
    detail = {
        "from": _id_text(lead.assignee_id),
        "assignee": _id_text(decision.assignee_id),
        "queue": _id_text(decision.queue_id),
        "decided_by": decision.decided_by,
    }
    add_step(connection, organisation_id, lead_id, kind="assigned", actor=actor, detail=detail, now=now)
    publish(connection, organisation_id, kind="lead_assigned", subject_id=lead_id, payload=detail, now=now)


def add_own_step(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    *,
    kind: str,
    text: str,
    author: Author,
    now: datetime,
) -> None:
    """Add a step that a person tells of (C-021); the first contact sets ``first_contacted_at`` for good (X-10).

    That is no change of what the lead says, so it does not stand in the way of somebody who is editing it.
    """
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    add_step(connection, organisation_id, lead_id, kind=kind, actor=author.actor, detail={"text": text}, now=now)
    if kind in CONTACTS and lead.first_contacted_at is None:
        mine = (leads.c.organisation_id == organisation_id, leads.c.id == lead_id)
        connection.execute(sa.update(leads).where(*mine).values(first_contacted_at=now))


def delete_lead(connection: Connection, organisation_id: UUID, lead_id: UUID, *, author: Author, now: datetime) -> None:
    """Remove a lead and its journey as a whole, and leave an audit record (decision 24).

    The keys of its submissions stay, so that the platform sending them again does not bring it back.
    """
    session = RoutingSession.open(connection, organisation_id, now)
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    if _is_open_work(lead):
        session.count(lead.assignee_id, -1)
    session.flush(connection)
    connection.execute(sa.delete(leads).where(leads.c.organisation_id == organisation_id, leads.c.id == lead_id))
    audit.record(
        connection,
        organisation_id,
        actor=author.actor,
        action="lead_deleted",
        subject=f"lead:{lead_id}",
        now=now,
    )


def _is_open_work(lead: Any) -> bool:
    """Whether a lead is among its owner's open leads, by which routing goes; a test is nobody's work."""
    return lead.stage_kind == "open" and not lead.is_test


def locked_lead(connection: Connection, organisation_id: UUID, lead_id: UUID, visible: Visibility) -> Any:
    """The lead, held against other writers until the transaction ends; ``UnknownRecordError`` if not visible."""
    connection.execute(
        sa.select(leads.c.id).where(leads.c.organisation_id == organisation_id, leads.c.id == lead_id).with_for_update()
    )
    lead = find_lead(connection, organisation_id, visible, lead_id)
    if lead is None:
        raise UnknownRecordError("lead")
    return lead


def note_change(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    field: str,
    before: JsonValue,
    after: JsonValue,
    actor: str,
    now: datetime,
) -> None:
    """Add one entry to the change history (N-049)."""
    connection.execute(
        sa.insert(lead_changes).values(
            id=new_id(),
            organisation_id=organisation_id,
            lead_id=lead_id,
            field=field,
            before=before,
            after=after,
            actor=actor,
            changed_at=now,
        )
    )


def _update(connection: Connection, organisation_id: UUID, lead: Any, now: datetime, **columns: Any) -> None:
    connection.execute(
        sa.update(leads)
        .where(leads.c.organisation_id == organisation_id, leads.c.id == lead.id)
        .values(**columns, updated_at=now, revision=leads.c.revision + 1)
    )


def _shown(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _id_text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None
