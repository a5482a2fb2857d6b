"""Tables of source forms and their mappings."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

source_forms = sa.Table(
    "source_forms",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connection_id", sa.Uuid, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    sa.Column("form_id", sa.Text, nullable=False),
    sa.Column("part_id", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("questions", JsonText, nullable=False),
    sa.Column("questions_digest", sa.String(64), nullable=False),
    sa.Column("is_live", sa.Boolean, nullable=False),
    sa.Column("unmapped_count", sa.Integer, nullable=False, default=0),
    moment("first_seen_at"),
    moment("last_seen_at"),
    sa.UniqueConstraint("connection_id", "form_id"),
    sa.Index("ix_source_forms_organisation_id", "organisation_id"),
)
"""``form_id`` is the source's own id; ``questions`` a list of contract ``Question`` as JSON."""

source_form_versions = sa.Table(
    "source_form_versions",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), nullable=False),
    sa.Column("questions_digest", sa.String(64), nullable=False),
    sa.Column("questions", JsonText, nullable=False),
    moment("seen_at"),
    sa.UniqueConstraint("source_form_id", "questions_digest"),
)

drift_findings = sa.Table(
    "drift_findings",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("question_key", sa.Text, nullable=False, default=""),
    sa.Column("detail", JsonText, nullable=False),
    sa.Column("leads_affected", sa.Integer, nullable=False, default=0),
    moment("found_at"),
    moment("settled_at", nullable=True),
    sa.UniqueConstraint("source_form_id", "kind", "question_key"),
)
"""Kinds: ``new_form``, ``question_added``, ``question_removed``, ``question_renamed``, ``choices_changed``,
``unknown_answer``."""

field_mappings = sa.Table(
    "field_mappings",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("rules", JsonText, nullable=False),
    sa.Column("saved_by", sa.Uuid),
    moment("saved_at"),
    sa.UniqueConstraint("source_form_id", "version"),
)
"""``rules`` is ``mapping.rules.FieldMapping`` as JSON; the highest version is in force."""
