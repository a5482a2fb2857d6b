"""Tables of conversations."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

threads = sa.Table(
    "threads",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connection_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("persons.id", ondelete="SET NULL")),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="SET NULL")),
    sa.Column("is_begun", sa.Boolean, nullable=False),
    sa.Column("campaign", JsonText),
    moment("last_inbound_at", nullable=True),
    moment("created_at"),
    sa.UniqueConstraint("organisation_id", "connection_id", "key"),
    sa.Index("ix_threads_lead_id", "lead_id"),
    sa.Index("ix_threads_person_id", "person_id"),
)
"""One call, or all messages between two addresses on one channel (``Message.thread``), within a connection.

``sender`` is the person's address as the platform writes it, ``recipient`` the business's. ``lead_id`` is the lead
that the next piece joins; ``is_begun`` says that there was one, so that without one it was deleted. ``campaign`` is
what the first message said of the advertisement that led to it. ``last_inbound_at`` is the platform's time of the
person's newest message or call; None while only an edit or the like is known.
"""

conversation_pieces = sa.Table(
    "conversation_pieces",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("thread_id", sa.Uuid, sa.ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    sa.Column("lead_id", sa.Uuid, sa.ForeignKey("leads.id", ondelete="CASCADE")),
    sa.Column("receipt_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("source_id", sa.Text),
    sa.Column("amends", sa.Text),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("preference", sa.String(8)),
    sa.Column("media", JsonText, nullable=False),
    sa.Column("seconds", sa.Integer),
    sa.Column("detail", JsonText, nullable=False),
    moment("said_at"),
    moment("received_at"),
    sa.Index("ix_conversation_pieces_lead", "lead_id", "said_at", "id"),
    sa.Index("ix_conversation_pieces_thread", "thread_id", "source_id"),
    sa.Index("ix_conversation_pieces_amended", "thread_id", "amends"),
)
"""Every piece that a person sent, as the source told it; nothing is changed later, an edit is a piece of its own.

``lead_id`` is None while its thread has no lead (an edit that came before its message): the lead that the thread gets
takes it over. ``amends`` is the ``source_id`` of the piece that an edit or a revocation is about. ``preference`` is
what the piece was found to say about being written to. ``seconds`` is the duration of a call or a recording.
"""
