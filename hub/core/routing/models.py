"""Tables of routing."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

assignees = sa.Table(
    "assignees",
    metadata,
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    organisation_column(),
    sa.Column("takes_leads", sa.Boolean, nullable=False, default=True),
    sa.Column("capacity", sa.Integer),
    sa.Column("weight", sa.Integer, nullable=False, default=1),
    moment("absent_from", nullable=True),
    moment("absent_until", nullable=True),
    sa.Column("hours", JsonText),
    sa.Column("time_zone", sa.Text),
    sa.Column("open_leads", sa.Integer, nullable=False, default=0),
    moment("last_assigned_at", nullable=True),
    sa.Column("current_weight", sa.Integer, nullable=False, default=0),
    sa.Index("ix_assignees_organisation_id", "organisation_id"),
)
"""``capacity`` None means no limit. ``hours`` are the weekly working hours in ``time_zone`` (see ``hours.py``), None
means always. ``current_weight`` is the state of the weighted strategy: what is owed, in millionths of a lead."""

queues = sa.Table(
    "queues",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, default=False),
    sa.Column("claim_within_minutes", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation_id", "name"),
    sa.Index(
        "uq_queues_default",
        "organisation_id",
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    ),
)
"""Where a lead waits with a clock when nobody can take it. The default queue always exists."""

routing_rules = sa.Table(
    "routing_rules",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    sa.Column("conditions", JsonText, nullable=False),
    sa.Column("target", JsonText, nullable=False),
    sa.UniqueConstraint("organisation_id", "name"),
)

routing_settings = sa.Table(
    "routing_settings",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("strategy", sa.String(30), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, default=1),
)
"""One row per organisation; whoever routes locks it, so that two leads never see the same "fewest"."""

assignments = sa.Table(
    "assignments",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("assignee_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("queue_id", sa.Uuid, sa.ForeignKey("queues.id")),
    sa.Column("decided_by", sa.String(30), nullable=False),
    sa.Column("trace", JsonText, nullable=False),
    moment("assigned_at"),
    sa.Index("ix_assignments_lead_id", "lead_id"),
)
"""``decided_by``: ``form_default``, ``rule``, ``former_owner``, a strategy's name, ``queue`` or ``person``."""
