"""Table of form defaults."""

import sqlalchemy as sa

from hub.db.schema import metadata, moment, organisation_column

form_defaults = sa.Table(
    "form_defaults",
    metadata,
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), primary_key=True),
    organisation_column(),
    sa.Column("pipeline_id", sa.Uuid, sa.ForeignKey("pipelines.id")),
    sa.Column("stage_id", sa.Uuid, sa.ForeignKey("stages.id")),
    sa.Column("type_id", sa.Uuid, sa.ForeignKey("lead_types.id")),
    sa.Column("source_id", sa.Uuid, sa.ForeignKey("lead_sources.id")),
    sa.Column("priority", sa.String(8)),
    sa.Column("centre_id", sa.Uuid, sa.ForeignKey("centres.id")),
    sa.Column("assignee_id", sa.Uuid, sa.ForeignKey("users.id")),
    moment("saved_at"),
)
"""Priority: ``critical``, ``high``, ``medium`` or ``low`` (Z-214)."""
