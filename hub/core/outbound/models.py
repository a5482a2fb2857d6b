"""Tables of outgoing messages."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column

outgoing_messages = sa.Table(
    "outgoing_messages",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("connection_id", sa.Uuid, nullable=False),
    sa.Column("channel", sa.String(10), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(60)),
    sa.Column("detail", sa.Text),
    sa.Column("provider_id", sa.Text),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("digest", sa.String(64), nullable=False),
    moment("asked_at"),
    moment("not_before"),
    moment("give_up_at"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("taken_by", sa.Text),
    moment("sending_at", nullable=True),
    moment("sent_at", nullable=True),
    moment("delivered_at", nullable=True),
    moment("read_at", nullable=True),
    moment("settled_at", nullable=True),
    sa.CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'refused', 'unknown', 'cancelled')",
        name="state",
    ),
    sa.Index("ix_outgoing_messages_lead_id", "lead_id", "id"),
    sa.Index("ix_outgoing_messages_state", "state", "connection_id", "id"),
    sa.Index(
        "uq_outgoing_messages_key",
        "organisation_id",
        "asked_by",
        "idempotency_key",
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    ),
)
"""One row per message that somebody asked for; ``id`` is the stable key that a platform gets which knows such.

``state`` is a ``hub.core.outbound.states.MessageState``. ``sending`` is committed before the request leaves, so that
whoever finds it later knows that it may have left. ``attempts`` grows with every claim and is what a claimer settles
by; ``taken_by`` is the process that has it. ``reason`` is a code and ``detail`` says it to people. ``digest`` is that
of what was asked for, by which a repeated ``idempotency_key`` is told from one used for something else."""

delivery_marks = sa.Table(
    "delivery_marks",
    metadata,
    sa.Column("app_id", sa.Uuid, sa.ForeignKey("connector_apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("provider_id", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Uuid, sa.ForeignKey("outgoing_messages.id", ondelete="CASCADE")),
    sa.Column("status", sa.String(10)),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("code", sa.String(60)),
    sa.Column("detail", sa.Text),
    moment("reported_at", nullable=True),
    sa.Column("reports", sa.Integer, nullable=False),
    moment("noted_at"),
    sa.Index("ix_delivery_marks_message_id", "message_id"),
    sa.Index(
        "ix_delivery_marks_unknown",
        "noted_at",
        sqlite_where=sa.text("message_id IS NULL"),
        postgresql_where=sa.text("message_id IS NULL"),
    ),
)
"""What the platform told of one message that it took: the furthest report of all, and how many there were.

The row is made by whoever comes first: a report that arrives before we have stored the platform's id of the message,
or the one who stores it. Both go through the same key, so that neither can miss the other. ``message_id`` stays None
for messages that somebody else sent through the same account; those rows are forgotten after a while."""

quiet_hours = sa.Table(
    "quiet_hours",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("starts", sa.String(5)),
    sa.Column("ends", sa.String(5)),
)
"""When nobody is written to who did not write first: ``HH:MM`` on the wall clock where the lead is; both None: never
quiet. An organisation without a row has the default."""
