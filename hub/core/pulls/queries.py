"""Reading where pulls stand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Cursor, Question, SourceForm
from hub.core.connections.models import pull_marks
from hub.core.field_mappings.models import source_forms


@dataclass(frozen=True, slots=True)
class Pull:
    """One source form and how far it was read. ``resume`` stands inside a listing that was cut off."""

    source_form_id: UUID
    form: SourceForm
    mark: datetime | None
    resume: Cursor | None


def pull_of(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> Pull | None:
    """Where the pull of a source form stands; None where it has none (any more)."""
    row = connection.execute(
        sa.select(pull_marks.c.mark, pull_marks.c.resume_token, pull_marks.c.resume_mark, source_forms)
        .join_from(pull_marks, source_forms, source_forms.c.id == pull_marks.c.source_form_id)
        .where(
            pull_marks.c.organisation_id == organisation_id,
            source_forms.c.organisation_id == organisation_id,
            pull_marks.c.source_form_id == source_form_id,
        )
    ).first()
    if row is None:
        return None
    form = SourceForm(
        id=row.form_id,
        name=row.name,
        questions=tuple(Question.model_validate(question) for question in row.questions),
        part_id=row.part_id,
        is_live=row.is_live,
    )
    resume = Cursor(mark=row.resume_mark, token=row.resume_token) if row.resume_token is not None else None
    return Pull(source_form_id, form, row.mark, resume)
