"""Writing a batch of submissions as leads of one organisation, in the caller's transaction.

Rows are collected and written with one statement per table: a lead costs a share of eight statements, not
eight statements. The caller holds the organisation's routing lock, so what is looked up here stays true.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Campaign
from hub.connector.text import storable
from hub.core.conversations.threads import Thread
from hub.core.conversations.writing import ConversationBatch
from hub.core.leads.incoming import Incoming, LeadKey, Outcome
from hub.core.leads.joining import Joined, join
from hub.core.leads.models import (
    consents,
    journey_steps,
    lead_changes,
    lead_keys,
    lead_submissions,
    leads,
    person_contacts,
    persons,
)
from hub.core.leads.placing import place_of, refusal_of
from hub.core.outbox.models import outbox_events
from hub.core.outbox.service import transaction_number
from hub.core.routing.models import assignments
from hub.db.bulk import insert_rows
from hub.db.schema import new_id
from mapping.contacts import ContactPoint

ACTOR = "hub"


class Decided(Protocol):
    """What routing said about one lead."""

    @property
    def assignee_id(self) -> UUID | None: ...
    @property
    def queue_id(self) -> UUID | None: ...
    @property
    def claim_until(self) -> datetime | None: ...
    @property
    def decided_by(self) -> str: ...
    @property
    def trace(self) -> dict[str, Any]: ...


Route = Callable[[Incoming, UUID | None], Decided]
"""Decides about one new lead; the second argument is the person's former owner."""


@dataclass
class _Rows:
    """Rows by table, in the order in which the tables refer to each other."""

    persons: list[dict[str, Any]] = field(default_factory=list)
    contacts: list[dict[str, Any]] = field(default_factory=list)
    leads: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def insert(self, connection: Connection) -> None:
        for table, rows in (
            (persons, self.persons),
            (person_contacts, self.contacts),
            (leads, self.leads),
            (lead_keys, self.keys),
            (lead_submissions, self.submissions),
            (consents, self.consents),
            (journey_steps, self.steps),
            (lead_changes, self.changes),
            (assignments, self.assignments),
        ):
            insert_rows(connection, table, rows)
        if self.events:
            number = transaction_number(connection)
            insert_rows(connection, outbox_events, [{**event, "transaction_number": number} for event in self.events])


_KNOWN_KEYS = sa.select(
    lead_keys.c.scope, lead_keys.c.source_id, lead_keys.c.lead_id, lead_keys.c.digest, lead_keys.c.receipt_id
).where(
    lead_keys.c.organisation_id == sa.bindparam("organisation"),
    lead_keys.c.scope == sa.bindparam("scope"),
    lead_keys.c.source_id.in_(sa.bindparam("ids", expanding=True)),
)
_KNOWN_CONTACTS = sa.select(person_contacts.c.kind, person_contacts.c.value, person_contacts.c.person_id).where(
    person_contacts.c.organisation_id == sa.bindparam("organisation"),
    person_contacts.c.kind == sa.bindparam("kind"),
    person_contacts.c.value.in_(sa.bindparam("values", expanding=True)),
)
_LEADS_OF_PERSONS = (
    sa.select(leads)
    .where(
        leads.c.organisation_id == sa.bindparam("organisation"),
        leads.c.person_id.in_(sa.bindparam("people", expanding=True)),
        leads.c.is_test.is_(False),
    )
    .order_by(sa.case((leads.c.stage_kind == "open", 1), else_=0), leads.c.submitted_at, leads.c.id)
    .with_for_update()
)
"""The last one of a person is the one to join: an open lead, whatever was closed since it was made. They are held
against other writers until the batch ends: what somebody types meanwhile must neither be lost nor overwritten."""


_LEADS_OF_THREADS = (
    sa.select(leads)
    .where(leads.c.organisation_id == sa.bindparam("organisation"), leads.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(leads.c.id)
    .with_for_update()
)
"""Those that are not among the leads of the persons; a lead may have been given to another person since."""


class LeadBatch:
    """Turns incoming submissions of one organisation into rows. ``route`` is asked once per new lead."""

    def __init__(self, connection: Connection, organisation_id: UUID, route: Route, now: datetime) -> None:
        self._connection = connection
        self._organisation_id = organisation_id
        self._route = route
        self._now = now
        self._rows = _Rows()
        self._keys: dict[LeadKey, tuple[UUID | None, str, UUID]] = {}
        self._people: dict[ContactPoint, UUID] = {}
        self._latest: dict[UUID, dict[str, Any]] = {}
        self._leads: dict[UUID, dict[str, Any]] = {}
        self._joined: dict[UUID, Joined] = {}
        self._talks = ConversationBatch(connection, organisation_id, now)
        self.closed_again: list[UUID] = []

    def write(self, items: Sequence[Incoming]) -> list[Outcome]:
        """Create or join leads for all items and write every row; one outcome per item, in order."""
        self._look_up(items)
        outcomes = [self._place(item) for item in items]
        self._rows.insert(self._connection)
        self._talks.insert()
        for joined in self._joined.values():
            joined.update(self._connection, self._organisation_id, self._now)
        return outcomes

    def _look_up(self, items: Sequence[Incoming]) -> None:
        self._talks.look_up(items)
        scopes: dict[str, list[str]] = {}
        kinds: dict[str, set[str]] = {}
        for item in items:
            scopes.setdefault(item.key.scope, []).append(item.key.source_id)
            if (changed := _amended(item)) is not None:
                scopes[item.key.scope].append(changed.source_id)
            for contact in item.contacts:
                kinds.setdefault(contact.kind, set()).add(contact.value)
        for scope, ids in scopes.items():
            for row in self._execute(_KNOWN_KEYS, scope=scope, ids=ids):
                self._keys[LeadKey(row.scope, row.source_id)] = (row.lead_id, row.digest, row.receipt_id)
        for kind, values in kinds.items():
            for row in self._execute(_KNOWN_CONTACTS, kind=kind, values=sorted(values)):
                self._people[ContactPoint(row.kind, row.value)] = row.person_id
        if people := self._talks.people.union(self._people.values()):
            for row in self._execute(_LEADS_OF_PERSONS, people=list(people)):
                self._latest[row.person_id] = self._leads[row.id] = dict(row._mapping)
        amended = {self._keys[key][0] for item in items if (key := _amended(item)) is not None and key in self._keys}
        if others := self._talks.lead_ids.union(each for each in amended if each) - self._leads.keys():
            for row in self._execute(_LEADS_OF_THREADS, ids=list(others)):
                self._leads[row.id] = dict(row._mapping)

    def _execute(self, statement: sa.Select[Any], **parameters: Any) -> Iterable[Any]:
        return self._connection.execute(statement, {"organisation": self._organisation_id, **parameters})

    def _place(self, item: Incoming) -> Outcome:
        known = self._keys.get(item.key)
        thread = self._talks.thread_of(item)
        if known is not None:
            return _repeated(item, known, thread)
        person_id = self._known_person(item, thread)
        latest = self._latest.get(person_id) if person_id is not None else None
        place = place_of(item, thread, self._lead_of(item, thread), latest)
        if place.refusal is not None:
            self._note_key(item, None)
            if thread is not None:
                self._talks.add(item, thread, None, None)
            return Outcome(item.receipt_id, "rejected", None, place.refusal)
        person_id = self._person(item, person_id)
        if place.lead is not None:
            self._attach(item, place.lead)
            lead_id, disposition = place.lead["id"], "attached"
        else:
            lead_id = self._create(item, person_id, latest)
            disposition = "test" if item.submission.is_test else "lead_created"
        self._note_key(item, lead_id)
        self._note_submission(item, lead_id, person_id)
        if thread is not None:
            for kind, detail in self._talks.add(item, thread, lead_id, person_id):
                self._step(lead_id, kind, detail)
        return Outcome(item.receipt_id, disposition, lead_id)

    def _lead_of(self, item: Incoming, thread: Thread | None) -> dict[str, Any] | None:
        """The lead of the message that a piece amends, else that of its thread."""
        if thread is None:
            return None
        amended = _amended(item)
        lead_id = self._keys[amended][0] if amended is not None and amended in self._keys else thread.lead_id
        return self._leads.get(lead_id) if lead_id is not None else None

    def _known_person(self, item: Incoming, thread: Thread | None) -> UUID | None:
        """The person of the thread, else the one known by the first contact point that is known at all."""
        if thread is not None and thread.person_id is not None:
            return thread.person_id
        return next((self._people[contact] for contact in item.contacts if contact in self._people), None)

    def _person(self, item: Incoming, known: UUID | None) -> UUID:
        """The person, made where nobody is known; contact points that nobody has become theirs."""
        person_id = known or new_id()
        if known is None:
            self._rows.persons.append(
                {
                    "id": person_id,
                    "organisation_id": self._organisation_id,
                    "name": item.name,
                    "created_at": self._now,
                }
            )
        for contact in item.contacts:
            if contact not in self._people:
                self._people[contact] = person_id
                self._rows.contacts.append(
                    {
                        "organisation_id": self._organisation_id,
                        "kind": contact.kind,
                        "value": contact.value,
                        "person_id": person_id,
                    }
                )
        return person_id

    def _create(self, item: Incoming, person_id: UUID, latest: dict[str, Any] | None) -> UUID:
        lead_id = new_id()
        decision = self._route(item, latest["assignee_id"] if latest else None)
        row = self._lead_row(item, lead_id, person_id, decision)
        self._rows.leads.append(row)
        if not item.submission.is_test:
            self._latest[person_id] = self._leads[lead_id] = row
        self._step(lead_id, "created", _created_detail(item, latest))
        if not item.submission.is_test:
            self._rows.assignments.append(
                {
                    "id": new_id(),
                    "organisation_id": self._organisation_id,
                    "lead_id": lead_id,
                    "assignee_id": decision.assignee_id,
                    "queue_id": decision.queue_id,
                    "decided_by": decision.decided_by,
                    "trace": decision.trace,
                    "assigned_at": self._now,
                }
            )
            self._step(lead_id, "assigned", _assigned_detail(decision))
            self._event("lead_created", lead_id, {"receipt": item.receipt, "is_late": item.is_late})
        return lead_id

    def _lead_row(self, item: Incoming, lead_id: UUID, person_id: UUID, decision: Decided) -> dict[str, Any]:
        placement, mapped = item.placement, item.mapped
        return {
            "id": lead_id,
            "organisation_id": self._organisation_id,
            "person_id": person_id,
            "pipeline_id": placement.pipeline_id,
            "stage_id": placement.stage_id,
            "stage_kind": placement.stage_kind,
            "type_id": placement.type_id,
            "source_id": placement.source_id,
            "priority": placement.priority,
            "centre_id": placement.centre_id,
            "assignee_id": decision.assignee_id,
            "queue_id": decision.queue_id,
            "claim_until": decision.claim_until,
            "name": item.name,
            "email": item.text("email") or None,
            "phone": item.text("phone") or None,
            "company": item.text("company") or None,
            "values": mapped.values,
            "origins": {key: origin_json(item, key) for key in mapped.values},
            "source_form_id": item.source_form_id,
            "is_test": item.submission.is_test,
            "is_late": item.is_late,
            "submitted_at": item.submission.submitted_at,
            "received_at": item.received_at,
            "processed_at": self._now,
            "updated_at": self._now,
        }

    def _attach(self, item: Incoming, latest: dict[str, Any]) -> None:
        lead_id: UUID = latest["id"]
        joined = self._joined.get(lead_id) or Joined(latest)
        origins = {key: origin_json(item, key) for key in item.mapped.values}
        changes = list(join(joined, item, origins))
        if changes or item.submission.message is None:
            # A message that changes no value must not stand in the way of somebody who is editing the lead.
            self._joined[lead_id] = joined
        for change in changes:
            self._rows.changes.append(
                {
                    "id": new_id(),
                    "organisation_id": self._organisation_id,
                    "lead_id": lead_id,
                    "actor": f"connector:{item.connector}",
                    "changed_at": self._now,
                    **change,
                }
            )
        if item.submission.message is None:
            self._step(lead_id, "enquired_again", _created_detail(item, None))
        self._event("lead_attached", lead_id, {"receipt": item.receipt})

    def _note_key(self, item: Incoming, lead_id: UUID | None) -> None:
        self._keys[item.key] = (lead_id, item.digest, item.receipt_id)
        self._rows.keys.append(
            {
                "organisation_id": self._organisation_id,
                "scope": item.key.scope,
                "source_id": item.key.source_id,
                "lead_id": lead_id,
                "receipt_id": item.receipt_id,
                "digest": item.digest,
            }
        )

    def _note_submission(self, item: Incoming, lead_id: UUID, person_id: UUID) -> None:
        submission, mapped = item.submission, item.mapped
        self._rows.submissions.append(
            {
                "id": new_id(),
                "organisation_id": self._organisation_id,
                "lead_id": lead_id,
                "receipt_id": item.receipt_id,
                "connection_id": item.connection_id,
                "source_form_id": item.source_form_id,
                "mapping_version": item.mapping_version,
                "path": item.path,
                "answers": [
                    {"key": answer.key, "label": answer.label, "values": answer.values} for answer in submission.answers
                ],
                "unmapped": mapped.unmapped,
                "problems": [problem.to_json() for problem in mapped.problems],
                "campaign": _campaign(submission.campaign),
                "first_touch": _campaign(submission.first_touch),
                "language": submission.language,
                "submitted_at": submission.submitted_at,
                "received_at": item.received_at,
            }
        )
        for consent in submission.consents:
            text = storable(consent.text)
            self._rows.consents.append(
                {
                    "id": new_id(),
                    "organisation_id": self._organisation_id,
                    "person_id": person_id,
                    "lead_id": lead_id,
                    "receipt_id": item.receipt_id,
                    "key": storable(consent.key),
                    "text": text,
                    "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
                    "is_given": consent.given,
                    "was_preset": consent.was_preset,
                    "language": submission.language,
                    "purpose": consent.purpose,
                    "form_version": consent.form_version,
                    "page": consent.page,
                    "given_at": submission.submitted_at,
                }
            )

    def _step(self, lead_id: UUID, kind: str, detail: dict[str, Any]) -> None:
        self._rows.steps.append(
            {
                "id": new_id(),
                "organisation_id": self._organisation_id,
                "lead_id": lead_id,
                "kind": kind,
                "actor": ACTOR,
                "detail": detail,
                "happened_at": self._now,
            }
        )

    def _event(self, kind: str, lead_id: UUID, payload: dict[str, Any]) -> None:
        self._rows.events.append(
            {
                "id": new_id(),
                "organisation_id": self._organisation_id,
                "kind": kind,
                "subject_id": lead_id,
                "payload": payload,
                "occurred_at": self._now,
            }
        )


def _amended(item: Incoming) -> LeadKey | None:
    """The key of the message that an edit or a revocation is about."""
    message = item.submission.message
    return LeadKey(item.key.scope, message.amends) if message is not None and message.amends is not None else None


def _repeated(item: Incoming, known: tuple[UUID | None, str, UUID], thread: Thread | None) -> Outcome:
    """What becomes of an id that came before: a duplicate, unless it is the same receipt that was redriven because
    it had no lead; by now its thread may have one, which took the piece over."""
    lead_id, digest, receipt_id = known
    if thread is not None and receipt_id == item.receipt_id:
        if thread.lead_id is not None:
            return Outcome(item.receipt_id, "attached", thread.lead_id)
        return Outcome(item.receipt_id, "rejected", None, refusal_of(item, thread))
    return Outcome(item.receipt_id, "duplicate", lead_id, None if digest == item.digest else "differing_copy")


def origin_json(item: Incoming, key: str) -> dict[str, Any]:
    """Where a value comes from: connector, questions, mapping version, receipt (X-10)."""
    origin = item.mapped.origins[key]
    return {
        "connector": item.connector,
        "receipt": item.receipt,
        "questions": list(origin.question_keys),
        "mapping_version": item.mapping_version,
        "transform": origin.transform,
    }


def _created_detail(item: Incoming, latest: dict[str, Any] | None) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "connector": item.connector,
        "path": item.path,
        "form": item.form_name,
        "receipt": item.receipt,
    }
    if item.is_late:
        detail["late"] = True
    if latest is not None:
        detail["former_lead"] = str(latest["id"])
    return detail


def _assigned_detail(decision: Decided) -> dict[str, Any]:
    to = {"assignee": str(decision.assignee_id)} if decision.assignee_id else {"queue": str(decision.queue_id)}
    return {**to, "decided_by": decision.decided_by}


def _campaign(campaign: Campaign | None) -> dict[str, Any] | None:
    return campaign.model_dump(exclude_defaults=True) if campaign is not None else None
