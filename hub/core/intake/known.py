"""Which source ids were received before, and with what content."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.intake.models import receipts

_KNOWN = (
    sa.select(receipts.c.source_id, receipts.c.digest)
    .where(
        receipts.c.organisation_id == sa.bindparam("organisation"),
        receipts.c.connection_id == sa.bindparam("connection"),
        receipts.c.source_id.in_(sa.bindparam("sources", expanding=True)),
        receipts.c.form_id == sa.bindparam("form"),
        receipts.c.path == sa.bindparam("path"),
    )
    .distinct()
)

Known = dict["SourceKey", set[str]]
"""By submission the fingerprints of every content that it was received with."""


class SourceKey(NamedTuple):
    """One submission of one form, by one way in."""

    organisation_id: UUID
    connection_id: UUID | None
    form_id: str | None
    path: str
    source_id: str


def key_of(row: Mapping[str, Any]) -> SourceKey | None:
    """The key of a receipt; None where the payload held no source id."""
    if row["source_id"] is None:
        return None
    return SourceKey(row["organisation_id"], row["connection_id"], row["form_id"], row["path"], row["source_id"])


def known_digests(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> Known:
    """The contents with which each of these was received; one statement per form, however many rows."""
    asked: dict[tuple[UUID, UUID | None, str | None, str], list[str]] = {}
    for row in rows:
        key = key_of(row)
        if key is not None:
            asked.setdefault(key[:4], []).append(key.source_id)
    found: Known = {}
    for (organisation_id, connection_id, form_id, path), sources in asked.items():
        parameters = {
            "organisation": organisation_id,
            "connection": connection_id,
            "form": form_id,
            "path": path,
            "sources": sources,
        }
        for source_id, digest in connection.execute(_KNOWN, parameters):
            key = SourceKey(organisation_id, connection_id, form_id, path, source_id)
            found.setdefault(key, set()).add(digest)
    return found
