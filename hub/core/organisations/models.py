"""Tables of organisations and the people in them."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment, organisation_column
from hub.db.types import JsonText

organisations = sa.Table(
    "organisations",
    metadata,
    id_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    moment("created_at"),
)

centres = sa.Table(
    "centres",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    moment("created_at"),
    sa.UniqueConstraint("organisation_id", "code"),
)

roles = sa.Table(
    "roles",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("permissions", JsonText, nullable=False),
    sa.UniqueConstraint("organisation_id", "name"),
)
"""``permissions`` is a list of ``resource:action:scope``; scope is ``own``, ``centre`` or ``organisation``."""

users = sa.Table(
    "users",
    metadata,
    id_column(),
    organisation_column(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("role_id", sa.Uuid, sa.ForeignKey("roles.id"), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    moment("created_at"),
    sa.Index("ix_users_organisation_id", "organisation_id"),
)

user_centres = sa.Table(
    "user_centres",
    metadata,
    organisation_column(),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("centre_id", sa.Uuid, sa.ForeignKey("centres.id", ondelete="CASCADE"), primary_key=True),
)

config_versions = sa.Table(
    "config_versions",
    metadata,
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)
"""Grows with every change of mappings, form defaults, master form, pipelines or routing, so that a process that
keeps a copy of these asks one number to learn whether the copy is still right."""
