"""Making and changing the master form."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.master_form.fields import LISTED_KEYS, FieldDraft, merge_drafts
from hub.core.master_form.models import master_fields, master_form_versions, master_forms
from hub.core.master_form.queries import MasterForm, overview, snapshot
from hub.core.organisations.checks import named
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.service import bump_config_version
from hub.db.schema import new_id
from mapping.fields import MasterField


def create_master_form(
    connection: Connection,
    organisation_id: UUID,
    *,
    name: str,
    drafts: Sequence[FieldDraft],
    now: datetime,
    saved_by: UUID | None = None,
) -> MasterForm:
    """Make the one master form of an organisation (Z-102), empty or with fields from a template (Z-103)."""
    bump_config_version(connection, organisation_id)
    if overview(connection, organisation_id) is not None:
        message = "this organisation already has its master form; edit that one"
        raise ConflictingChangeError(message, field="name", code="exists")
    form = {
        "organisation_id": organisation_id,
        "name": named(name),
        "version": 0,
        "created_at": now,
        "edited_at": now,
    }
    connection.execute(sa.insert(master_forms).values(form))
    return _store(connection, organisation_id, MasterForm(0, ()), merge_drafts((), drafts), saved_by, now)


def save_master_form(
    connection: Connection,
    organisation_id: UUID,
    *,
    drafts: Sequence[FieldDraft],
    now: datetime,
    name: str | None = None,
    saved_by: UUID | None = None,
) -> MasterForm:
    """Save the whole form as the builder shows it: known fields by key, new ones without. Every field that is not
    archived must be there (Z-109); label, choices, order and sensitivity may change, a type may not."""
    before = _begin(connection, organisation_id)
    if name is not None:
        mine = master_forms.c.organisation_id == organisation_id
        connection.execute(sa.update(master_forms).where(mine).values(name=named(name)))
    return _store(connection, organisation_id, before, merge_drafts(before.fields, drafts), saved_by, now)


def add_field(
    connection: Connection,
    organisation_id: UUID,
    draft: FieldDraft,
    *,
    now: datetime,
    saved_by: UUID | None = None,
) -> MasterField:
    """Add one field at the end (Z-145)."""
    before = _begin(connection, organisation_id)
    if draft.key is not None and draft.key in before.by_key:
        raise ConflictingChangeError(f"the key {draft.key} is already in use; choose another", field="key")
    drafts = [_draft(field) for field in before.fields if not field.is_archived]
    after = _store(connection, organisation_id, before, merge_drafts(before.fields, [*drafts, draft]), saved_by, now)
    return next(field for field in after.fields if field.key not in before.by_key)


def set_archived(
    connection: Connection,
    organisation_id: UUID,
    key: str,
    is_archived: bool,
    *,
    now: datetime,
    saved_by: UUID | None = None,
) -> MasterForm:
    """Hide a field, or show it again; its values stay on the leads (decision 24).

    Call it by ``field_mappings.service.archive_master_field``, which counts anew what that leaves unmapped.
    """
    before = _begin(connection, organisation_id)
    field = before.by_key.get(key)
    if field is None:
        raise UnknownRecordError("master field")
    if is_archived and key in LISTED_KEYS:
        raise RefusedChangeError(f"{field.label} is used by every list and cannot be archived", field="key")
    if not is_archived and any(
        other.label.casefold() == field.label.casefold() and not other.is_archived for other in before.fields
    ):
        message = f"another field is now called {field.label!r}; rename that one first"
        raise ConflictingChangeError(message, field="key", code="duplicate_label")
    fields = [replace(other, is_archived=is_archived) if other.key == key else other for other in before.fields]
    return _store(connection, organisation_id, before, fields, saved_by, now)


def _begin(connection: Connection, organisation_id: UUID) -> MasterForm:
    bump_config_version(connection, organisation_id)
    before = snapshot(connection, organisation_id)
    if before.version == 0:
        raise RefusedChangeError("create the master form first", field="master_form", code="missing")
    return before


def _store(
    connection: Connection,
    organisation_id: UUID,
    before: MasterForm,
    fields: Sequence[MasterField],
    saved_by: UUID | None,
    now: datetime,
) -> MasterForm:
    """Write the fields and the next version."""
    for position, field in enumerate(fields, start=1):
        _write_field(connection, organisation_id, before.by_key.get(field.key), field, position, now)
    after = MasterForm(before.version + 1, tuple(fields))
    mine = master_forms.c.organisation_id == organisation_id
    connection.execute(sa.update(master_forms).where(mine).values(version=after.version, edited_at=now))
    connection.execute(
        sa.insert(master_form_versions).values(
            id=new_id(),
            organisation_id=organisation_id,
            version=after.version,
            fields=[field.to_json() for field in fields],
            saved_by=saved_by,
            saved_at=now,
        )
    )
    return after


def _write_field(
    connection: Connection,
    organisation_id: UUID,
    before: MasterField | None,
    field: MasterField,
    position: int,
    now: datetime,
) -> None:
    row: dict[str, Any] = {
        "label": field.label,
        "type": field.type.value,
        "choices": [{"value": choice.value, "label": choice.label} for choice in field.choices],
        "position": position,
        "is_sensitive": field.is_sensitive,
    }
    if before is None:
        row |= {"id": new_id(), "organisation_id": organisation_id, "key": field.key, "archived_at": None}
        connection.execute(sa.insert(master_fields).values(row))
        return
    if before.is_archived != field.is_archived:
        row["archived_at"] = now if field.is_archived else None
    mine = (master_fields.c.organisation_id == organisation_id, master_fields.c.key == field.key)
    connection.execute(sa.update(master_fields).where(*mine).values(row))


def _draft(field: MasterField) -> FieldDraft:
    return FieldDraft(
        key=field.key,
        label=field.label,
        type=field.type,
        choices=field.choices,
        is_sensitive=field.is_sensitive,
    )
