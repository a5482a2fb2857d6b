"""Tables of pipelines, stages, lead sources and lead types."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column

pipelines = sa.Table(
    "pipelines",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    moment("created_at"),
    sa.UniqueConstraint("organisation_id", "name"),
    sa.Index(
        "uq_pipelines_default",
        "organisation_id",
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    ),
)

stages = sa.Table(
    "stages",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("pipeline_id", sa.Uuid, sa.ForeignKey("pipelines.id", ondelete="CASCADE"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("color", sa.String(7), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(4), nullable=False),
    sa.CheckConstraint("kind IN ('open', 'won', 'lost')", name="kind"),
    sa.UniqueConstraint("pipeline_id", "code"),
)
"""The open stage with the lowest position is where new leads start."""

lead_sources = sa.Table(
    "lead_sources",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("color", sa.String(7), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    sa.Column("built_in_code", sa.Text),
    sa.UniqueConstraint("organisation_id", "code"),
    sa.UniqueConstraint("organisation_id", "built_in_code"),
)
"""``built_in_code`` is what a connector's manifest names; it stays when people change ``code``."""

lead_types = sa.Table(
    "lead_types",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    sa.UniqueConstraint("organisation_id", "code"),
)
