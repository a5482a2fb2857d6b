"""Tables of the ledger."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

receipts = sa.Table(
    "receipts",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connection_id", sa.Uuid),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("path", sa.String(10), nullable=False),
    sa.Column("delivery_id", sa.Uuid, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("form_id", sa.Text),
    sa.Column("part_id", sa.Text),
    sa.Column("source_id", sa.Text),
    sa.Column("is_pointer", sa.Boolean, nullable=False),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("headers", JsonText, nullable=False),
    sa.Column("payload", JsonText),
    sa.Column("suspicions", JsonText),
    sa.Column("digest", sa.String(64), nullable=False),
    moment("received_at"),
    sa.Column("disposition", sa.String(12), nullable=False),
    sa.Column("reason", sa.String(60)),
    sa.Column("detail", sa.Text),
    sa.Column("lead_id", sa.Uuid),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    moment("next_attempt_at", nullable=True),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_generation", sa.Integer, nullable=False, default=0),
    moment("settled_at", nullable=True),
    sa.Index(
        "ix_receipts_open",
        "lease_owner",
        "id",
        sqlite_where=sa.text("disposition = 'pending'"),
        postgresql_where=sa.text("disposition = 'pending'"),
    ),
    sa.Index("ix_receipts_source", "connection_id", "source_id"),
    sa.Index("ix_receipts_list", "organisation_id", "disposition", "id"),
)
"""One row per inbound delivery, element of a batch, row of a pull or row of an import. ``raw`` stands on the
first receipt of a delivery only (position 0); ``payload`` is the element as the connector unpacked it, None while a
thin delivery is not resolved. ``lease_owner`` is the name of the process that works on a pending receipt; the lease
lives as long as that process's heartbeat, and ``lease_generation`` grows whenever it changes hands."""

ledger_days = sa.Table(
    "ledger_days",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("connection_id", sa.Uuid, primary_key=True),
    sa.Column("path", sa.String(10), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("entry", sa.String(12), primary_key=True),
    sa.Column("receipts", sa.Integer, nullable=False),
)
"""Counters kept in the same transaction as the receipts: ``entry`` is ``received`` or a disposition. The day is
the UTC day of ``received_at``; ``connection_id`` is the nil UUID where no connection was found."""

refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("reason", sa.String(60), primary_key=True),
    sa.Column("sender", sa.Text, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
    moment("last_at"),
)
"""Requests that failed authentication or form guards: counted, never kept (decision 6)."""

overdue_alerts = sa.Table(
    "overdue_alerts",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("receipts", sa.Integer, nullable=False),
    moment("oldest_received_at"),
    moment("raised_at"),
)
"""One row for each organisation of which receipts are pending for too long, as seen at the last look (X-01)."""
