"""Changing lead sources and lead types."""

import re
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.text import storable
from hub.core.organisations.checks import coded, coloured, named
from hub.core.organisations.queries import require_owned
from hub.core.organisations.service import bump_config_version
from hub.core.pipelines.models import lead_sources, lead_types
from hub.core.pipelines.queries import list_sources, list_types, source_by_code
from hub.db.schema import new_id

_FIRST_COLOR = "#64748B"
_GENERATED = re.compile(r"LS(\d{6,})")


def create_source(
    connection: Connection,
    organisation_id: UUID,
    *,
    name: str,
    color: str,
    description: str = "",
    code: str = "",
    built_in_code: str | None = None,
) -> UUID:
    """Add a lead source; without a code it gets the next of the form LS000001 (Z-063)."""
    bump_config_version(connection, organisation_id)
    taken = [source.code for source in list_sources(connection, organisation_id)]
    source_id = new_id()
    row = {
        "id": source_id,
        "organisation_id": organisation_id,
        "code": coded(code, taken) if code.strip() else _next_code(taken),
        "name": named(name),
        "description": storable(description).strip(),
        "color": coloured(color),
        "is_active": True,
        "built_in_code": built_in_code,
    }
    connection.execute(sa.insert(lead_sources).values(row))
    return source_id


def source_for(connection: Connection, organisation_id: UUID, built_in_code: str, name: str) -> UUID:
    """The source of a connector's leads, made when the connector is new here: no lead is without one (Z-064)."""
    found = source_by_code(connection, organisation_id, built_in_code)
    if found is not None:
        return found
    codes = {source.code.casefold() for source in list_sources(connection, organisation_id)}
    code = "" if built_in_code.casefold() in codes else built_in_code
    return create_source(
        connection, organisation_id, name=name, color=_FIRST_COLOR, code=code, built_in_code=built_in_code
    )


def update_source(
    connection: Connection,
    organisation_id: UUID,
    source_id: UUID,
    *,
    name: str | None = None,
    code: str | None = None,
    color: str | None = None,
    description: str | None = None,
    is_active: bool | None = None,
) -> None:
    """Change what is given. An inactive source stays on its leads and cannot be chosen for new ones."""
    bump_config_version(connection, organisation_id)
    require_owned(connection, organisation_id, lead_sources, [source_id], what="lead source")
    values = _given(name, description, is_active)
    if code is not None:
        others = [source.code for source in list_sources(connection, organisation_id) if source.id != source_id]
        values["code"] = coded(code, others)
    if color is not None:
        values["color"] = coloured(color)
    _store(connection, organisation_id, lead_sources, source_id, values)


def create_type(connection: Connection, organisation_id: UUID, *, name: str, code: str, description: str = "") -> UUID:
    """Add a lead type (Z-040)."""
    bump_config_version(connection, organisation_id)
    type_id = new_id()
    row = {
        "id": type_id,
        "organisation_id": organisation_id,
        "code": coded(code, [known.code for known in list_types(connection, organisation_id)]),
        "name": named(name),
        "description": storable(description).strip(),
        "is_active": True,
    }
    connection.execute(sa.insert(lead_types).values(row))
    return type_id


def update_type(
    connection: Connection,
    organisation_id: UUID,
    type_id: UUID,
    *,
    name: str | None = None,
    code: str | None = None,
    description: str | None = None,
    is_active: bool | None = None,
) -> None:
    """Change what is given. An inactive type stays on its leads and cannot be chosen for new ones."""
    bump_config_version(connection, organisation_id)
    require_owned(connection, organisation_id, lead_types, [type_id], what="lead type")
    values = _given(name, description, is_active)
    if code is not None:
        others = [known.code for known in list_types(connection, organisation_id) if known.id != type_id]
        values["code"] = coded(code, others)
    _store(connection, organisation_id, lead_types, type_id, values)


def _next_code(taken: list[str]) -> str:
    numbers = [int(match[1]) for code in taken if (match := _GENERATED.fullmatch(code))]
    return f"LS{max(numbers, default=0) + 1:06d}"


def _given(name: str | None, description: str | None, is_active: bool | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = named(name)
    if description is not None:
        values["description"] = storable(description).strip()
    if is_active is not None:
        values["is_active"] = is_active
    return values


def _store(
    connection: Connection, organisation_id: UUID, table: sa.Table, record_id: UUID, values: dict[str, Any]
) -> None:
    if values:
        mine = (table.c.organisation_id == organisation_id, table.c.id == record_id)
        connection.execute(sa.update(table).where(*mine).values(values))
