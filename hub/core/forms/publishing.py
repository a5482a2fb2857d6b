"""What publishing a form writes for the rest of the hub: the source form with its questions, and the field mapping."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.service import ensure_hosted_connection
from hub.core.field_mappings.models import source_form_versions, source_forms
from hub.core.field_mappings.queries import in_force
from hub.core.field_mappings.source_forms import digest
from hub.core.field_mappings.storing import store_mapping
from hub.core.forms.definition import FormDefinition, FormField
from hub.db.schema import new_id
from hub.db.upsert import insert
from mapping.fields import FieldType
from mapping.rules import FieldRule
from mapping.transforms import AS_IS, Join

_TEXTS = (FieldType.TEXT, FieldType.LONG_TEXT)


def show_source_form(
    connection: Connection,
    organisation_id: UUID,
    form_id: UUID,
    definition: FormDefinition,
    *,
    connector: str,
    now: datetime,
    is_live: bool = True,
) -> UUID:
    """Make or renew the source form of a form; the source's own id of it is our form id. A draft's is not live."""
    connection_id = ensure_hosted_connection(connection, organisation_id, connector, now)
    questions = [question.model_dump(mode="json") for question in definition.questions()]
    shown: dict[str, Any] = {
        "name": definition.title,
        "questions": questions,
        "questions_digest": digest(questions),
        "is_live": is_live,
        "unmapped_count": 0,
        "last_seen_at": now,
    }
    new = insert(connection, source_forms).values(
        id=new_id(),
        organisation_id=organisation_id,
        connection_id=connection_id,
        form_id=str(form_id),
        first_seen_at=now,
        **shown,
    )
    statement = new.on_conflict_do_update(index_elements=["connection_id", "form_id"], set_=shown)
    source_form_id: UUID = connection.execute(statement.returning(source_forms.c.id)).scalar_one()
    connection.execute(
        insert(connection, source_form_versions)
        .values(
            id=new_id(),
            organisation_id=organisation_id,
            source_form_id=source_form_id,
            questions_digest=shown["questions_digest"],
            questions=questions,
            seen_at=now,
        )
        .on_conflict_do_nothing(index_elements=["source_form_id", "questions_digest"])
    )
    return source_form_id


def set_live(connection: Connection, organisation_id: UUID, form_id: UUID, *, is_live: bool) -> None:
    """Say of a form's source form whether it collects."""
    connection.execute(
        sa.update(source_forms)
        .where(source_forms.c.form_id == str(form_id), source_forms.c.organisation_id == organisation_id)
        .values(is_live=is_live)
    )


def keep_mapping(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, definition: FormDefinition, *, now: datetime
) -> None:
    """Store what the fields map to as the mapping in force, unless the one in force says the same already.

    A rule that somebody refined (a transform, a policy) stays as long as it joins the same questions and field.
    """
    current = in_force(connection, organisation_id, source_form_id)
    known = {(rule.field, frozenset(rule.questions)): rule for rule in current.rules}
    rules = tuple(known.get((rule.field, frozenset(rule.questions)), rule) for rule in _rules(definition))
    if current.version == 0 or rules != current.rules:
        store_mapping(connection, organisation_id, source_form_id, rules, saved_by=None, now=now)


def _rules(definition: FormDefinition) -> Iterator[FieldRule]:
    """One rule per master field; several text questions of one field are joined, in the order of the form."""
    by_target: dict[str, list[FormField]] = {}
    for field in definition.fields:
        if field.maps_to:
            by_target.setdefault(field.maps_to, []).append(field)
    for target, fields in by_target.items():
        is_joined = len(fields) > 1 and all(field.kind in _TEXTS for field in fields)
        yield FieldRule(
            field=target, questions=tuple(field.key for field in fields), transform=Join() if is_joined else AS_IS
        )
