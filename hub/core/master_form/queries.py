"""Reading the master form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Choice, FieldType
from hub.core.master_form.models import master_fields, master_form_versions, master_forms
from hub.core.organisations.errors import UnknownRecordError
from mapping.fields import MasterField


@dataclass(frozen=True)
class MasterForm:
    """The master form as it is now: all fields in order, the archived ones too. Version 0 means there is none."""

    version: int
    fields: tuple[MasterField, ...]

    @cached_property
    def by_key(self) -> Mapping[str, MasterField]:
        """The fields by their keys, as the mapping engine takes them."""
        return {field.key: field for field in self.fields}


@dataclass(frozen=True, slots=True)
class Overview:
    """The line of the master form in its list (Z-105); archived fields are not counted."""

    name: str
    version: int
    field_count: int
    created_at: datetime
    edited_at: datetime


def snapshot(connection: Connection, organisation_id: UUID) -> MasterForm:
    """The master form in force."""
    version = connection.execute(
        sa.select(master_forms.c.version).where(master_forms.c.organisation_id == organisation_id)
    ).scalar()
    statement = (
        sa.select(master_fields)
        .where(master_fields.c.organisation_id == organisation_id)
        .order_by(master_fields.c.position, master_fields.c.key)
    )
    return MasterForm(version or 0, tuple(_field(row) for row in connection.execute(statement)))


def overview(connection: Connection, organisation_id: UUID) -> Overview | None:
    """Name, number of fields and dates; None when the organisation has no master form."""
    form = connection.execute(
        sa.select(master_forms).where(master_forms.c.organisation_id == organisation_id)
    ).one_or_none()
    if form is None:
        return None
    count = connection.execute(
        sa.select(sa.func.count()).where(
            master_fields.c.organisation_id == organisation_id, master_fields.c.archived_at.is_(None)
        )
    ).scalar_one()
    return Overview(form.name, form.version, count, form.created_at, form.edited_at)


def read_version(connection: Connection, organisation_id: UUID, version: int) -> MasterForm:
    """The master form as it was saved then, or ``UnknownRecordError``."""
    fields = connection.execute(
        sa.select(master_form_versions.c.fields).where(
            master_form_versions.c.organisation_id == organisation_id, master_form_versions.c.version == version
        )
    ).scalar()
    if fields is None:
        raise UnknownRecordError("version of the master form")
    return MasterForm(version, tuple(MasterField.from_json(field) for field in fields))


def _field(row: Any) -> MasterField:
    return MasterField(
        key=row.key,
        label=row.label,
        type=FieldType(row.type),
        choices=tuple(Choice(value=choice["value"], label=choice["label"]) for choice in row.choices),
        is_sensitive=row.is_sensitive,
        is_archived=row.archived_at is not None,
    )
