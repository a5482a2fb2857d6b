"""Naming and ownership rules that every table follows."""

from typing import Any

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from hub.db.types import UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

new_id = uuid7
"""A new sortable id (UUIDv7, RFC 9562)."""


def id_column() -> sa.Column[Any]:
    """The primary key of most tables."""
    return sa.Column("id", sa.Uuid, primary_key=True, default=new_id)


def organisation_column() -> sa.Column[Any]:
    """Marks a table as belonging to organisations: a statement on it must name one (see ``guard``)."""
    return sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE"), nullable=False)


def moment(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[Any]:
    """A column holding a moment in UTC."""
    return sa.Column(name, UtcDateTime, nullable=nullable, index=index)
