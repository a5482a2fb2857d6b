"""Tables of connections."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

connector_apps = sa.Table(
    "connector_apps",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("endpoint_key", sa.String(64), nullable=False, unique=True),
    sa.Column("settings", sa.LargeBinary),
    moment("created_at"),
    moment("edited_at"),
    sa.Index("ix_connector_apps_organisation_id", "organisation_id"),
)
"""The hub's registration at a platform. ``settings`` is the encrypted JSON of the connector's settings model;
``endpoint_key`` the unguessable part of its webhook address. One endpoint serves every connection of the app."""

connections = sa.Table(
    "connections",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("app_id", sa.Uuid, sa.ForeignKey("connector_apps.id")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text),
    sa.Column("account_name", sa.Text),
    sa.Column("missing_rights", JsonText, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("needs_grant", sa.Boolean, nullable=False, default=True),
    sa.Column("has_grant", sa.Boolean, nullable=False, default=False),
    moment("expires_at", nullable=True),
    moment("authorised_until", nullable=True),
    moment("last_ok_at", nullable=True),
    sa.Column("last_error", sa.Text),
    moment("last_error_at", nullable=True),
    sa.Column("failures_in_row", sa.Integer, nullable=False, default=0),
    moment("next_attempt_at", nullable=True),
    sa.Column("reminded_days", sa.Integer),
    moment("created_at"),
    moment("state_changed_at"),
    sa.Index("ix_connections_organisation_id", "organisation_id"),
    sa.Index("ix_connections_app_id", "app_id"),
)
"""``state``: ``authorization_needed``, ``active``, ``inactive`` or ``disconnected``; labels are derived.
``reason`` is the code of an error, or what an admin wrote. ``reminded_days`` is the last reminder sent before
``authorised_until``; a connection that hosts our own forms needs no grant, and one that is connected by the keys of
its app has a grant (``has_grant``) without a row of ``grants`` as long as they work."""

connection_parts = sa.Table(
    "connection_parts",
    metadata,
    sa.Column("connection_id", sa.Uuid, sa.ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part_id", sa.Text, primary_key=True),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("missing_rights", JsonText, nullable=False),
    sa.Column("centre_id", sa.Uuid, sa.ForeignKey("centres.id")),
    sa.Column("is_selected", sa.Boolean, nullable=False, default=True),
    sa.Index("ix_connection_parts_part_id", "part_id"),
)

part_limits = sa.Table(
    "part_limits",
    metadata,
    sa.Column("connection_id", sa.Uuid, primary_key=True),
    sa.Column("part_id", sa.Text, primary_key=True),
    sa.Column("work", sa.String(20), primary_key=True),
    organisation_column(),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    moment("since"),
    moment("retry_at"),
    sa.ForeignKeyConstraint(
        ["connection_id", "part_id"],
        ["connection_parts.connection_id", "connection_parts.part_id"],
        ondelete="CASCADE",
    ),
    sa.Index("ix_part_limits_organisation_id", "organisation_id"),
)
"""What an active connection cannot do for one of its parts, and why. ``work`` is a ``PartWork``; until ``retry_at``
nothing of that kind is tried for the part. Gone as soon as the work succeeds, or somebody signs in again."""

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("connection_id", sa.Uuid, sa.ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    organisation_column(),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    moment("expires_at", nullable=True),
    sa.Column("lease_owner", sa.Text),
    moment("lease_until", nullable=True),
    moment("intent_at", nullable=True),
    sa.Column("renewal_failures", sa.Integer, nullable=False, default=0),
    moment("retry_at", nullable=True),
    moment("stored_at"),
)
"""``generation`` grows with every stored grant; ``intent_at`` is set before a renewal leaves (TK-02);
``retry_at`` is when a renewal that failed may be tried again."""

data_keys = sa.Table(
    "data_keys",
    metadata,
    id_column(),
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), nullable=False),
    sa.Column("master_key_id", sa.String(40), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    moment("created_at"),
)

authorisation_requests = sa.Table(
    "authorisation_requests",
    metadata,
    sa.Column("state_sha256", sa.String(64), primary_key=True),
    organisation_column(),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("browser_sha256", sa.String(64), nullable=False),
    sa.Column("app_id", sa.Uuid, sa.ForeignKey("connector_apps.id", ondelete="CASCADE"), nullable=False),
    sa.Column("connection_id", sa.Uuid, sa.ForeignKey("connections.id", ondelete="CASCADE")),
    sa.Column("code_verifier", sa.LargeBinary),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    moment("expires_at"),
    moment("used_at", nullable=True),
)

pull_marks = sa.Table(
    "pull_marks",
    metadata,
    sa.Column("source_form_id", sa.Uuid, sa.ForeignKey("source_forms.id", ondelete="CASCADE"), primary_key=True),
    organisation_column(),
    sa.Column("connection_id", sa.Uuid, nullable=False),
    moment("mark", nullable=True),
    sa.Column("resume_token", sa.Text),
    moment("resume_mark", nullable=True),
    moment("complete_until", nullable=True),
    moment("last_run_at", nullable=True),
    moment("next_run_at"),
    sa.Column("last_error", sa.Text),
    sa.Column("seen_again", sa.Integer, nullable=False, default=0),
    sa.Index("ix_pull_marks_next_run_at", "next_run_at"),
)
"""``mark`` is the platform's own time up to which a whole listing was read; it never passes a gap (DG-09).
``complete_until`` is what the page shows. ``resume_*`` stand inside a listing that was cut off."""
