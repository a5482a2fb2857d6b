"""Tables of form defaults."""

from typing import Any

import sqlalchemy as sa

from hub.db.schema import metadata, moment, organisation_column


def _chosen() -> list[sa.Column[Any]]:
    """The values that can be set for every lead of a form (Z-148)."""
    return [
        sa.Column("pipeline_id", sa.Uuid, sa.ForeignKey("pipelines.id")),
        sa.Column("stage_id", sa.Uuid, sa.ForeignKey("stages.id")),
        sa.Column("type_id", sa.Uuid, sa.ForeignKey("lead_types.id")),
        sa.Column("source_id", sa.Uuid, sa.ForeignKey("lead_sources.id")),
        sa.Column("priority", sa.String(8)),
        sa.Column("centre_id", sa.Uuid, sa.ForeignKey("centres.id")),
        sa.Column("assignee_id", sa.Uuid, sa.ForeignKey("users.id")),
    ]


form_defaults = sa.Table(
    "form_defaults",
    metadata,
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), primary_key=True),
    organisation_column(),
    *_chosen(),
    moment("saved_at"),
)
"""Priority: ``critical``, ``high``, ``medium`` or ``low`` (Z-214)."""

part_defaults = sa.Table(
    "part_defaults",
    metadata,
    sa.Column("connection_id", sa.Uuid, primary_key=True),
    sa.Column("part_id", sa.Text, primary_key=True),
    organisation_column(),
    *_chosen(),
    moment("saved_at"),
    sa.ForeignKeyConstraint(
        ["connection_id", "part_id"],
        ["connection_parts.connection_id", "connection_parts.part_id"],
        ondelete="CASCADE",
    ),
)
"""What forms of an account part (a page) begin with when they are first seen (X-05)."""
