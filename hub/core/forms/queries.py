"""Reading forms: the list for admins, and what the public page needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections
from hub.core.field_mappings.models import source_forms
from hub.core.forms.definition import FormDefinition
from hub.core.forms.models import form_versions, forms
from hub.core.forms.status import FormStatus
from hub.db.guard import ALL_ORGANISATIONS


class FormNotFoundError(Exception):
    """The organisation has no form with this id."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """A form as an admin's list shows it (Z-112). ``has_changes``: the draft is newer than what collects."""

    id: UUID
    public_key: str
    title: str
    status: FormStatus
    field_count: int
    unmapped: tuple[str, ...]
    published_version: int | None
    has_changes: bool
    created_at: datetime
    edited_at: datetime


@dataclass(frozen=True, slots=True)
class Form(FormRow):
    """A form with the draft that is being edited."""

    draft: FormDefinition


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A published version and when it was published."""

    id: UUID
    version: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class PublicForm:
    """What the public side must know of a form before it looks at its definition.

    ``is_collecting``: an Active form of a connection that is switched on.
    """

    id: UUID
    organisation_id: UUID
    connection_id: UUID | None
    status: FormStatus
    published_version: int | None
    is_collecting: bool


_PUBLISHED = form_versions.alias("published")
_WITH_PUBLISHED = sa.and_(
    _PUBLISHED.c.form_id == forms.c.id,
    _PUBLISHED.c.version == forms.c.published_version,
    _PUBLISHED.c.organisation_id == sa.bindparam("organisation"),
)
_LISTED = (
    sa.select(forms, _PUBLISHED.c.definition.label("published_definition"))
    .outerjoin(_PUBLISHED, _WITH_PUBLISHED)
    .where(forms.c.organisation_id == sa.bindparam("organisation"))
    .execution_options(**{ALL_ORGANISATIONS: "both tables are tied to one bound organisation; aliases hide it"})
)


def list_forms(
    connection: Connection, organisation_id: UUID, *, before: UUID | None = None, limit: int = 100
) -> tuple[FormRow, ...]:
    """The newest forms, those before the id ``before``; there is no limit to how many an organisation has."""
    statement = _LISTED.order_by(forms.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(forms.c.id < before)
    rows = connection.execute(statement, {"organisation": organisation_id}).mappings()
    return tuple(FormRow(**_listed(row)) for row in rows)


def get_form(connection: Connection, organisation_id: UUID, form_id: UUID) -> Form:
    """One form. Raises ``FormNotFoundError`` for another organisation's too."""
    statement = _LISTED.where(forms.c.id == form_id)
    row = connection.execute(statement, {"organisation": organisation_id}).mappings().first()
    if row is None:
        raise FormNotFoundError(f"there is no form {form_id}")
    return Form(**_listed(row), draft=FormDefinition.model_validate(row["draft"]))


def find_public_form(connection: Connection, public_key: str) -> PublicForm | None:
    """The form behind a public key, of whichever organisation: the key is how a visitor names it."""
    row = connection.execute(_PUBLIC, {"public_key": public_key}).first()
    if row is None:
        return None
    is_active = row.status == FormStatus.ACTIVE and row.state in (None, "active")
    return PublicForm(
        row.id, row.organisation_id, row.connection_id, FormStatus(row.status), row.published_version, is_active
    )


def find_version(connection: Connection, organisation_id: UUID, form_id: UUID, version: int) -> FormDefinition | None:
    """A published definition, which never changes; None where that version was never published."""
    content = connection.execute(
        sa.select(form_versions.c.definition).where(
            form_versions.c.organisation_id == organisation_id,
            form_versions.c.form_id == form_id,
            form_versions.c.version == version,
        )
    ).scalar_one_or_none()
    return None if content is None else FormDefinition.model_validate(content)


def list_versions(
    connection: Connection, organisation_id: UUID, form_id: UUID, *, before: UUID | None = None, limit: int = 50
) -> tuple[VersionLine, ...]:
    """The newest published versions, those before the id ``before``. Raises ``FormNotFoundError``."""
    get_form(connection, organisation_id, form_id)
    statement = (
        sa.select(form_versions.c.id, form_versions.c.version, form_versions.c.published_at)
        .where(form_versions.c.organisation_id == organisation_id, form_versions.c.form_id == form_id)
        .order_by(form_versions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(form_versions.c.id < before)
    return tuple(VersionLine(row.id, row.version, row.published_at) for row in connection.execute(statement))


def find_source_form(connection: Connection, organisation_id: UUID, form_id: UUID) -> UUID | None:
    """The form as the rest of the hub knows it; None before it was published or given defaults."""
    mine = (forms.c.organisation_id == organisation_id, forms.c.id == form_id)
    row = connection.execute(sa.select(forms.c.source_form_id).where(*mine)).one_or_none()
    if row is None:
        raise FormNotFoundError(f"there is no form {form_id}")
    found: UUID | None = row.source_form_id
    return found


_PUBLIC = (
    sa.select(
        forms.c.id,
        forms.c.organisation_id,
        forms.c.status,
        forms.c.published_version,
        connections.c.id.label("connection_id"),
        connections.c.state,
    )
    .outerjoin(
        source_forms,
        sa.and_(source_forms.c.id == forms.c.source_form_id, source_forms.c.organisation_id == forms.c.organisation_id),
    )
    .outerjoin(
        connections,
        sa.and_(
            connections.c.id == source_forms.c.connection_id, connections.c.organisation_id == forms.c.organisation_id
        ),
    )
    .where(forms.c.public_key == sa.bindparam("public_key"))
    .execution_options(**{ALL_ORGANISATIONS: "a visitor names a form by its unguessable public key alone"})
)


def _listed(row: Any) -> dict[str, Any]:
    draft = FormDefinition.model_validate(row["draft"])
    return {
        "id": row["id"],
        "public_key": row["public_key"],
        "title": row["title"],
        "status": FormStatus(row["status"]),
        "field_count": len(draft.fields),
        "unmapped": draft.unmapped(),
        "published_version": row["published_version"],
        "has_changes": row["published_definition"] != row["draft"],
        "created_at": row["created_at"],
        "edited_at": row["edited_at"],
    }
