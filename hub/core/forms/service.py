"""Changing forms: drafts, publishing, switching on and off. An Active form is edited as a draft while the published
version goes on collecting (decision 22)."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit.service import record
from hub.core.forms import queries
from hub.core.forms.definition import FormDefinition, InvalidFormError, publishing_problems
from hub.core.forms.models import form_versions, forms
from hub.core.forms.publishing import keep_mapping, set_live, show_source_form
from hub.core.forms.queries import Form
from hub.core.forms.status import FormStatus, activated, deactivated
from hub.core.master_form.queries import snapshot
from hub.core.organisations.service import bump_config_version
from hub.db.schema import new_id

KEY_BYTES = 15


def create_form(
    connection: Connection, organisation_id: UUID, definition: FormDefinition, *, actor: str, now: datetime
) -> Form:
    """Save a new form as a Draft (Z-127), under a public key that nobody can guess."""
    form_id = new_id()
    connection.execute(
        sa.insert(forms).values(
            id=form_id,
            organisation_id=organisation_id,
            public_key=secrets.token_urlsafe(KEY_BYTES),
            title=definition.title,
            status=FormStatus.DRAFT,
            draft=definition.model_dump(mode="json"),
            created_at=now,
            edited_at=now,
        )
    )
    _note(connection, organisation_id, form_id, "form.created", actor, now)
    return queries.get_form(connection, organisation_id, form_id)


def edit_form(
    connection: Connection,
    organisation_id: UUID,
    form_id: UUID,
    definition: FormDefinition,
    *,
    actor: str,
    now: datetime,
) -> Form:
    """Save the draft. What is published stays as it is until ``publish``."""
    form = queries.get_form(connection, organisation_id, form_id)
    changes: dict[str, Any] = {"draft": definition.model_dump(mode="json"), "edited_at": now}
    if form.status is FormStatus.DRAFT:
        changes["title"] = definition.title
    _update(connection, organisation_id, form_id, changes)
    _note(connection, organisation_id, form_id, "form.edited", actor, now)
    return queries.get_form(connection, organisation_id, form_id)


def prepare_source_form(
    connection: Connection, organisation_id: UUID, form_id: UUID, *, connector: str, now: datetime
) -> UUID:
    """The source form of a form; made where there is none yet, so that a draft can have defaults. It collects nothing
    before the form is published."""
    bump_config_version(connection, organisation_id)
    known = queries.find_source_form(connection, organisation_id, form_id)
    if known is not None:
        return known
    draft = queries.get_form(connection, organisation_id, form_id).draft
    source_form_id = show_source_form(
        connection, organisation_id, form_id, draft, connector=connector, now=now, is_live=False
    )
    _update(connection, organisation_id, form_id, {"source_form_id": source_form_id})
    return source_form_id


def publish_form(
    connection: Connection, organisation_id: UUID, form_id: UUID, *, connector: str, actor: str, now: datetime
) -> Form:
    """Make the draft the version that collects, and the form Active.

    ``connector`` is the key of the connector that reads the posts; its connection is made when it is missing.
    Raises ``InvalidFormError`` with everything that is not right yet; then nothing is changed (Z-122, Z-138).
    """
    bump_config_version(connection, organisation_id)
    form = queries.get_form(connection, organisation_id, form_id)
    fields = snapshot(connection, organisation_id).fields
    problems = publishing_problems(form.draft, fields)
    if problems:
        raise InvalidFormError(problems)
    version = _new_version(connection, organisation_id, form, now)
    source_form_id = show_source_form(connection, organisation_id, form_id, form.draft, connector=connector, now=now)
    keep_mapping(connection, organisation_id, source_form_id, form.draft, now=now)
    _update(
        connection,
        organisation_id,
        form_id,
        {
            "status": FormStatus.ACTIVE,
            "title": form.draft.title,
            "published_version": version,
            "source_form_id": source_form_id,
        },
    )
    _note(connection, organisation_id, form_id, "form.published", actor, now, {"version": version})
    return queries.get_form(connection, organisation_id, form_id)


def deactivate_form(connection: Connection, organisation_id: UUID, form_id: UUID, *, actor: str, now: datetime) -> Form:
    """Switch an Active form off. What still arrives is kept in quarantine. Raises ``FormStatusError`` for a draft."""
    status = deactivated(queries.get_form(connection, organisation_id, form_id).status)
    return _switch(connection, organisation_id, form_id, status, "form.deactivated", actor, now)


def activate_form(connection: Connection, organisation_id: UUID, form_id: UUID, *, actor: str, now: datetime) -> Form:
    """Let the published version collect again. Raises ``FormStatusError`` for a draft."""
    status = activated(queries.get_form(connection, organisation_id, form_id).status)
    return _switch(connection, organisation_id, form_id, status, "form.activated", actor, now)


def _switch(
    connection: Connection,
    organisation_id: UUID,
    form_id: UUID,
    status: FormStatus,
    action: str,
    actor: str,
    now: datetime,
) -> Form:
    bump_config_version(connection, organisation_id)
    _update(connection, organisation_id, form_id, {"status": status})
    form = queries.get_form(connection, organisation_id, form_id)
    set_live(connection, organisation_id, form_id, is_live=status is FormStatus.ACTIVE)
    _note(connection, organisation_id, form_id, action, actor, now)
    return form


def _new_version(connection: Connection, organisation_id: UUID, form: Form, now: datetime) -> int:
    """The number under which the draft is kept for ever; an unchanged draft is no new version."""
    if form.published_version is not None and not form.has_changes:
        return form.published_version
    version = (form.published_version or 0) + 1
    connection.execute(
        sa.insert(form_versions).values(
            id=new_id(),
            organisation_id=organisation_id,
            form_id=form.id,
            version=version,
            definition=form.draft.model_dump(mode="json"),
            published_at=now,
        )
    )
    return version


def _update(connection: Connection, organisation_id: UUID, form_id: UUID, changes: dict[str, Any]) -> None:
    connection.execute(
        sa.update(forms).where(forms.c.id == form_id, forms.c.organisation_id == organisation_id).values(**changes)
    )


def _note(
    connection: Connection,
    organisation_id: UUID,
    form_id: UUID,
    action: str,
    actor: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    record(
        connection,
        organisation_id,
        actor=actor,
        action=action,
        subject=f"form:{form_id}",
        now=now,
        detail=detail,
    )
