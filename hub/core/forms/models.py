"""Tables of the hub's own forms."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

forms = sa.Table(
    "forms",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("public_key", sa.String(40), nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("draft", JsonText, nullable=False),
    sa.Column("published_version", sa.Integer),
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="SET NULL")),
    sa.Column("created_by", sa.Uuid),
    moment("created_at"),
    moment("edited_at"),
    sa.CheckConstraint("status IN ('draft', 'active', 'inactive')", name="status"),
    sa.Index("ix_forms_organisation_id", "organisation_id"),
)
"""``draft`` is the definition being edited; what collects is ``published_version`` (decision 22).
``source_form_id`` is the form as the rest of the hub knows it, from the first publishing (or saving of defaults) on."""

form_versions = sa.Table(
    "form_versions",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("form_id", sa.Uuid, sa.ForeignKey("forms.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("definition", JsonText, nullable=False),
    moment("published_at"),
    sa.UniqueConstraint("form_id", "version"),
)

used_nonces = sa.Table(
    "used_nonces",
    metadata,
    sa.Column("nonce", sa.String(64), primary_key=True),
    organisation_column(),
    sa.Column("source_id", sa.Text, nullable=False),
    moment("expires_at", index=True),
)
"""Render tokens that were spent, each by the one submission that came with it first (PF-04)."""
