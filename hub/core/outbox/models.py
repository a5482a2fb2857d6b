"""Table of the outbox."""

import sqlalchemy as sa

from hub.db.schema import metadata, moment, new_id, organisation_column
from hub.db.types import JsonText

outbox_events = sa.Table(
    "outbox_events",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("transaction_number", sa.BigInteger, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False, default=new_id),
    organisation_column(),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("subject_id", sa.Uuid, nullable=False),
    sa.Column("payload", JsonText, nullable=False),
    moment("occurred_at"),
    sa.Index("ix_outbox_events_order", "organisation_id", "transaction_number", "number"),
    sqlite_autoincrement=True,
)
"""Kinds are past participles: ``lead_created``, ``lead_attached``, ``lead_assigned``, ``stage_changed`` ...

Readers go by ``transaction_number`` and ``number``, never by ``id`` or time: an id is made before its transaction
ends, and by the clock of whichever host, so an event may come to light after younger ones have been read.
``transaction_number`` is PostgreSQL's number of the writing transaction. On SQLite, whose transactions write one after
the other, it is 0, and ``number`` alone says in which order they committed."""
