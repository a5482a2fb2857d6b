"""Tables of leads and what hangs on them."""

import sqlalchemy as sa

from hub.core.leads.append_only import protect
from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

persons = sa.Table(
    "persons",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False, default=""),
    moment("created_at"),
    sa.Index("ix_persons_organisation_id", "organisation_id"),
)

person_contacts = sa.Table(
    "person_contacts",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("kind", sa.String(5), primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    sa.Index("ix_person_contacts_person_id", "person_id"),
)
"""``kind`` is ``email`` (lower case), ``phone`` (E.164) or ``id`` (what a source calls somebody, ``<scope>|<value>``).

One person per contact and organisation. Where a submission brings contacts of two persons, the first one known has it
and the other stays as it is: whether they are one, somebody decides who merges them."""

leads = sa.Table(
    "leads",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("persons.id"), nullable=False),
    sa.Column("pipeline_id", sa.Uuid, sa.ForeignKey("pipelines.id"), nullable=False),
    sa.Column("stage_id", sa.Uuid, sa.ForeignKey("stages.id"), nullable=False),
    sa.Column("stage_kind", sa.String(4), nullable=False),
    sa.Column("type_id", sa.Uuid, sa.ForeignKey("lead_types.id")),
    sa.Column("source_id", sa.Uuid, sa.ForeignKey("lead_sources.id"), nullable=False),
    sa.Column("priority", sa.String(8)),
    sa.Column("centre_id", sa.Uuid, sa.ForeignKey("centres.id")),
    sa.Column("assignee_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("queue_id", sa.Uuid, sa.ForeignKey("queues.id")),
    moment("claim_until", nullable=True),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("company", sa.Text),
    sa.Column("values", JsonText, nullable=False),
    sa.Column("origins", JsonText, nullable=False),
    sa.Column("source_form_id", sa.Uuid),
    sa.Column("is_test", sa.Boolean, nullable=False, default=False),
    sa.Column("is_late", sa.Boolean, nullable=False, default=False),
    moment("submitted_at"),
    moment("received_at"),
    moment("processed_at"),
    moment("first_contacted_at", nullable=True),
    moment("closed_at", nullable=True),
    moment("converted_at", nullable=True),
    sa.Column("lost_reason", sa.Text),
    moment("updated_at"),
    sa.Column("revision", sa.Integer, nullable=False, default=1),
    sa.CheckConstraint("assignee_id IS NOT NULL OR queue_id IS NOT NULL", name="never_nobody"),
    sa.Index("ix_leads_list", "organisation_id", "is_test", "submitted_at", "id"),
    sa.Index("ix_leads_stage", "organisation_id", "stage_id", "submitted_at", "id"),
    sa.Index("ix_leads_assignee", "organisation_id", "assignee_id", "submitted_at", "id"),
    sa.Index("ix_leads_person_id", "person_id"),
)
"""``values`` holds every mapped value by master field key; ``origins`` says for each where it comes from.
``name``, ``email``, ``phone`` and ``company`` repeat values that lists and searches need."""

lead_keys = sa.Table(
    "lead_keys",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="SET NULL")),
    sa.Column("receipt_id", sa.Uuid, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
"""One lead per platform id (DG-03). The key outlives its lead, so that a deleted lead does not come back."""

lead_submissions = sa.Table(
    "lead_submissions",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("receipt_id", sa.Uuid, nullable=False),
    sa.Column("connection_id", sa.Uuid),
    sa.Column("source_form_id", sa.Uuid),
    sa.Column("mapping_version", sa.Integer, nullable=False),
    sa.Column("path", sa.String(10), nullable=False),
    sa.Column("answers", JsonText, nullable=False),
    sa.Column("unmapped", JsonText, nullable=False),
    sa.Column("problems", JsonText, nullable=False),
    sa.Column("campaign", JsonText),
    sa.Column("first_touch", JsonText),
    sa.Column("language", sa.String(35)),
    moment("submitted_at"),
    moment("received_at"),
    sa.Index("ix_lead_submissions_lead_id", "lead_id"),
)
"""Everything a person sent, whole; ``unmapped`` are the keys of answers that no rule took."""

consents = sa.Table(
    "consents",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("receipt_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("text_sha256", sa.String(64), nullable=False),
    sa.Column("is_given", sa.Boolean, nullable=False),
    sa.Column("was_preset", sa.Boolean, nullable=False),
    sa.Column("purpose", sa.Text),
    sa.Column("form_version", sa.Text),
    sa.Column("language", sa.String(35)),
    sa.Column("page", sa.Text),
    moment("given_at"),
    sa.Index("ix_consents_person_id", "person_id"),
)

journey_steps = sa.Table(
    "journey_steps",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("detail", JsonText, nullable=False),
    moment("happened_at"),
    sa.Index("ix_journey_steps_lead_id", "lead_id", "id"),
)
"""Append-only: triggers in the database refuse to change or delete a step of a living lead (C-023).
``actor`` is ``user:<id>``, ``connector:<key>`` or ``hub``."""
protect(journey_steps)

lead_changes = sa.Table(
    "lead_changes",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("before", JsonText),
    sa.Column("after", JsonText),
    sa.Column("actor", sa.Text, nullable=False),
    moment("changed_at"),
    sa.Index("ix_lead_changes_lead_id", "lead_id", "id"),
)
