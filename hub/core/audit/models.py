"""Table of the audit record."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

audit_records = sa.Table(
    "audit_records",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", JsonText, nullable=False),
    moment("happened_at"),
    sa.Index("ix_audit_records_organisation_id", "organisation_id", "id"),
)
