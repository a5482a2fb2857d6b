"""Tables of sessions, API keys, one-time links and attempt counters. No secret stands here, only its SHA-256."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

sessions = sa.Table(
    "sessions",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    moment("created_at"),
    moment("seen_at"),
    moment("expires_until"),
    sa.Index("ix_sessions_user_id", "user_id"),
    sa.Index("ix_sessions_expires_until", "expires_until"),
)
"""``id`` names a session in lists; the cookie holds another, secret value. ``expires_until`` is the absolute end."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hint", sa.String(12), nullable=False),
    sa.Column("key_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("permissions", JsonText, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    moment("revoked_at", nullable=True),
    sa.Index("ix_api_keys_list", "organisation_id", "created_at", "id"),
)
"""A key never reaches further than the user who made it does today. ``hint`` is its readable beginning."""

one_time_links = sa.Table(
    "one_time_links",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE")),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    sa.CheckConstraint("kind IN ('first_run', 'password')", name="kind"),
)
"""``first_run`` makes the first organisation, ``password`` lets one user choose a password."""

rate_windows = sa.Table(
    "rate_windows",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("window", sa.BigInteger, nullable=False),
    sa.Column("current", sa.Integer, nullable=False),
    sa.Column("previous", sa.Integer, nullable=False),
    moment("forget_at"),
    sa.Index("ix_rate_windows_forget_at", "forget_at"),
)
"""Sliding-window counters that every process shares. ``key`` is a SHA-256: no address or e-mail stands here."""
