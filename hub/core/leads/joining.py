"""A further submission of a known person joins the open lead: what it adds, and what it may not touch."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from hub.core.leads.incoming import Incoming
from hub.core.leads.models import leads
from mapping.policies import combine

SHOWN = ("email", "phone", "company")
PERSON = "person"

_UPDATE = (
    sa.update(leads)
    .where(leads.c.organisation_id == sa.bindparam("organisation"), leads.c.id == sa.bindparam("lead"))
    .values(
        {
            "values": sa.bindparam("new_values"),
            "origins": sa.bindparam("new_origins"),
            "name": sa.bindparam("new_name"),
            "email": sa.bindparam("new_email"),
            "phone": sa.bindparam("new_phone"),
            "company": sa.bindparam("new_company"),
            "updated_at": sa.bindparam("now"),
            "revision": leads.c.revision + 1,
        }
    )
)


@dataclass
class Joined:
    """A lead that submissions of this batch join; ``row`` is changed in place and written once."""

    row: dict[str, Any]

    def update(self, connection: Connection, organisation_id: UUID, now: datetime) -> None:
        """Write the lead as it is after all that joined it."""
        row = self.row
        connection.execute(
            _UPDATE,
            {
                "organisation": organisation_id,
                "lead": row["id"],
                "new_values": row["values"],
                "new_origins": row["origins"],
                "new_name": row["name"],
                "new_email": row["email"],
                "new_phone": row["phone"],
                "new_company": row["company"],
                "now": now,
            },
        )


def join(joined: Joined, item: Incoming, origins: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Put the item's values on the lead by each rule's policy, and yield one change per field.

    ``fill_if_empty`` (the default) fills gaps, ``append`` adds to texts and lists, ``overwrite`` replaces;
    a value that a person typed is never overwritten.
    """
    values: dict[str, JsonValue] = dict(joined.row["values"])
    kept: dict[str, Any] = dict(joined.row["origins"])
    for key, value in item.mapped.values.items():
        before = values.get(key)
        is_edited = PERSON in kept.get(key, {})
        after = combine(before, value, item.policies.get(key, "fill_if_empty"), is_edited=is_edited)
        if after == before:
            continue
        values[key], kept[key] = after, origins[key]
        yield {"field": key, "before": before, "after": after}
    joined.row["values"], joined.row["origins"] = values, kept
    joined.row["name"] = joined.row["name"] or item.name
    for key in SHOWN:
        value = values.get(key)
        if isinstance(value, str) and value:
            joined.row[key] = value
