"""Tables of the master form."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

master_forms = sa.Table(
    "master_forms",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    moment("created_at"),
    moment("edited_at"),
)
"""The primary key is the organisation: a second master form cannot exist (Z-102)."""

master_fields = sa.Table(
    "master_fields",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("type", sa.String(20), nullable=False),
    sa.Column("choices", JsonText, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("is_sensitive", sa.Boolean, nullable=False, default=False),
    moment("archived_at", nullable=True),
    sa.UniqueConstraint("organisation_id", "key"),
)
"""``choices`` is a list of ``{"value", "label"}``. Rows are never deleted (Z-109), only archived."""

master_form_versions = sa.Table(
    "master_form_versions",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("fields", JsonText, nullable=False),
    sa.Column("saved_by", sa.Uuid),
    moment("saved_at"),
    sa.UniqueConstraint("organisation_id", "version"),
)
