"""Table of the outbox."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

outbox_events = sa.Table(
    "outbox_events",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("subject_id", sa.Uuid, nullable=False),
    sa.Column("payload", JsonText, nullable=False),
    moment("occurred_at"),
    sa.Index("ix_outbox_events_organisation_id", "organisation_id", "id"),
)
"""Kinds are past participles: ``lead_created``, ``lead_attached``, ``lead_assigned``, ``stage_changed`` ..."""
