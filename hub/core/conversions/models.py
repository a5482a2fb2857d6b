"""Tables of conversion feedback."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column

conversion_rules = sa.Table(
    "conversion_rules",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connection_id", sa.Uuid, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    sa.Column("target_id", sa.Text, nullable=False),
    sa.Column("target_name", sa.Text, nullable=False),
    sa.Column("part_id", sa.Text),
    sa.Column("stage_id", sa.Uuid, sa.ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    sa.Column("event_name", sa.Text, nullable=False),
    sa.Column("value_field", sa.Text),
    sa.Column("currency", sa.String(3)),
    sa.Column("consent_purpose", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    sa.Column("since_transaction", sa.BigInteger, nullable=False),
    sa.Column("since_number", sa.BigInteger, nullable=False),
    sa.Column("problem_code", sa.String(60)),
    sa.Column("problem", sa.Text),
    moment("problem_since", nullable=True),
    moment("created_at"),
    moment("edited_at"),
    sa.UniqueConstraint("organisation_id", "connection_id", "target_id", "stage_id", "event_name"),
)
"""Entering ``stage_id`` is reported as ``event_name`` to a target of a connection. ``since_*`` is the place in the
outbox from which on it counts. ``problem`` is why nothing can be reported at present, for all of its reports."""

conversion_cursors = sa.Table(
    "conversion_cursors",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("transaction_number", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""How far the outbox was read for reports. It moves in the transaction that writes the reports."""

conversion_reports = sa.Table(
    "conversion_reports",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("rule_id", sa.Uuid, sa.ForeignKey("conversion_rules.id", ondelete="SET NULL")),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="SET NULL")),
    sa.Column("submission_id", sa.Uuid, nullable=False),
    sa.Column("connection_id", sa.Uuid, nullable=False),
    sa.Column("target_id", sa.Text, nullable=False),
    sa.Column("target_name", sa.Text, nullable=False),
    sa.Column("part_id", sa.Text),
    sa.Column("event_name", sa.Text, nullable=False),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("code", sa.String(60)),
    sa.Column("message", sa.Text, nullable=False, default=""),
    moment("happened_at"),
    moment("report_until", nullable=True),
    moment("created_at"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    moment("next_attempt_at", nullable=True),
    moment("first_sent_at", nullable=True),
    moment("settled_at", nullable=True),
    sa.CheckConstraint(
        "state IN ('waiting', 'sent', 'accepted', 'refused', 'too_late', 'withheld', 'unknown')", name="state"
    ),
    sa.UniqueConstraint("organisation_id", "event_id"),
    sa.Index("ix_conversion_reports_list", "organisation_id", "created_at", "id"),
    sa.Index("ix_conversion_reports_lead_id", "lead_id"),
    sa.Index("ix_conversion_reports_rule_id", "rule_id"),
    sa.Index(
        "ix_conversion_reports_due",
        "connection_id",
        "next_attempt_at",
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    ),
)
"""What was reported of which lead, and what became of it; rows are never removed. ``event_id`` is the key under which
the platform knows the event: made of target, event name and ``submission_id``, so that a stage that is left and
entered again, a rule that is made anew and two leads that become one still report once. ``sent`` is set before the
request leaves: until its outcome is known, nobody knows. ``next_attempt_at`` is set while it waits or is sent."""
