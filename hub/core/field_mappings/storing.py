"""Writing a version of a mapping, and counting what a form still has to map."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.field_mappings.findings import settle_mapped
from hub.core.field_mappings.models import field_mappings, source_forms
from hub.core.field_mappings.queries import in_force, list_source_forms, read_source_form, unmapped_questions
from hub.core.master_form.queries import snapshot
from hub.db.schema import new_id
from mapping.fields import MasterField
from mapping.rules import FieldMapping, FieldRule


def store_mapping(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    rules: Sequence[FieldRule],
    *,
    saved_by: UUID | None,
    now: datetime,
) -> FieldMapping:
    """Store the rules as the next version and count what is left unmapped. They have been checked before."""
    version = in_force(connection, organisation_id, source_form_id).version + 1
    mapping = FieldMapping(version=version, rules=tuple(rules))
    connection.execute(
        sa.insert(field_mappings).values(
            id=new_id(),
            organisation_id=organisation_id,
            source_form_id=source_form_id,
            version=version,
            rules=mapping.model_dump(mode="json"),
            saved_by=saved_by,
            saved_at=now,
        )
    )
    if saved_by is not None:
        settle_mapped(connection, organisation_id, source_form_id, mapping.question_keys(), now)
    count_unmapped(connection, organisation_id, source_form_id, snapshot(connection, organisation_id).by_key)
    return mapping


def count_unmapped(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, fields: Mapping[str, MasterField]
) -> int:
    """Store how many questions of the form no rule takes, and return it."""
    form = read_source_form(connection, organisation_id, source_form_id)
    count = len(unmapped_questions(connection, organisation_id, form, fields))
    mine = (source_forms.c.organisation_id == organisation_id, source_forms.c.id == source_form_id)
    if count != form.unmapped_count:
        connection.execute(sa.update(source_forms).where(*mine).values(unmapped_count=count))
    return count


def count_all_unmapped(connection: Connection, organisation_id: UUID) -> None:
    """Count anew for every source form, after fields of the master form were archived or restored."""
    fields = snapshot(connection, organisation_id).by_key
    for form in list_source_forms(connection, organisation_id):
        count_unmapped(connection, organisation_id, form.id, fields)
