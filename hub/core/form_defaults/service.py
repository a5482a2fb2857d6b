"""Saving form defaults."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.connections.models import connection_parts
from hub.core.field_mappings.models import source_forms
from hub.core.form_defaults.defaults import FormDefaults
from hub.core.form_defaults.models import form_defaults, part_defaults
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.organisations.models import centres, users
from hub.core.organisations.queries import require_owned
from hub.core.organisations.service import bump_config_version
from hub.core.pipelines.models import lead_sources, lead_types, pipelines
from hub.core.pipelines.queries import read_stage
from hub.core.pipelines.stage_order import StageKind
from hub.core.routing.conditions import PRIORITIES
from hub.core.routing.models import assignees
from hub.db.upsert import insert


def save_form_defaults(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, defaults: FormDefaults, now: datetime
) -> FormDefaults:
    """Store the defaults of a source form; everything that they name must be the organisation's and in use."""
    bump_config_version(connection, organisation_id)
    require_owned(connection, organisation_id, source_forms, [source_form_id], what="source form")
    checked = _check(connection, organisation_id, defaults)
    _store(connection, organisation_id, form_defaults, {"source_form_id": source_form_id}, checked, now)
    return checked


def save_part_defaults(
    connection: Connection,
    organisation_id: UUID,
    connection_id: UUID,
    part_id: str,
    defaults: FormDefaults,
    now: datetime,
) -> FormDefaults:
    """Store what new forms of an account part begin with; forms that are known keep their own."""
    bump_config_version(connection, organisation_id)
    statement = sa.select(connection_parts.c.part_id).where(
        connection_parts.c.organisation_id == organisation_id,
        connection_parts.c.connection_id == connection_id,
        connection_parts.c.part_id == part_id,
    )
    if connection.execute(statement).first() is None:
        raise UnknownRecordError("part of a connection")
    checked = _check(connection, organisation_id, defaults)
    key = {"connection_id": connection_id, "part_id": part_id}
    _store(connection, organisation_id, part_defaults, key, checked, now)
    return checked


def inherit_part_defaults(
    connection: Connection, organisation_id: UUID, source_form_id: UUID, defaults: FormDefaults, now: datetime
) -> None:
    """Give a form that was just found the defaults of its account part, which were checked when they were saved."""
    _store(connection, organisation_id, form_defaults, {"source_form_id": source_form_id}, defaults, now)


def _store(
    connection: Connection,
    organisation_id: UUID,
    table: sa.Table,
    key: dict[str, Any],
    defaults: FormDefaults,
    now: datetime,
) -> None:
    row = {**defaults.to_row(), "saved_at": now}
    statement = insert(connection, table).values(**key, organisation_id=organisation_id, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=row))


def _check(connection: Connection, organisation_id: UUID, defaults: FormDefaults) -> FormDefaults:
    if defaults.priority is not None and defaults.priority not in PRIORITIES:
        raise RefusedChangeError(f"priority must be one of {', '.join(PRIORITIES)}", field="priority")
    if defaults.pipeline_id is not None:
        require_owned(connection, organisation_id, pipelines, [defaults.pipeline_id], what="pipeline")
    _require_active(connection, organisation_id, lead_types, defaults.type_id, "type_id")
    _require_active(connection, organisation_id, lead_sources, defaults.source_id, "source_id")
    _require_active(connection, organisation_id, centres, defaults.centre_id, "centre_id")
    _require_active(connection, organisation_id, users, defaults.assignee_id, "assignee_id")
    if defaults.assignee_id is not None:
        _require_assignee(connection, organisation_id, defaults.assignee_id)
    return _with_stage(connection, organisation_id, defaults)


def _with_stage(connection: Connection, organisation_id: UUID, defaults: FormDefaults) -> FormDefaults:
    if defaults.stage_id is None:
        return defaults
    stage = read_stage(connection, organisation_id, defaults.stage_id)
    if defaults.pipeline_id not in (None, stage.pipeline_id):
        raise RefusedChangeError("this stage belongs to another pipeline; choose one of the two", field="stage_id")
    if stage.kind is not StageKind.OPEN:
        message = f"new leads cannot begin in the closing stage {stage.name!r}; choose an open one"
        raise RefusedChangeError(message, field="stage_id")
    return replace(defaults, pipeline_id=stage.pipeline_id)


def _require_active(
    connection: Connection, organisation_id: UUID, table: sa.Table, record_id: UUID | None, field: str
) -> None:
    if record_id is None:
        return
    mine = (table.c.organisation_id == organisation_id, table.c.id == record_id)
    is_active = connection.execute(sa.select(table.c.is_active).where(*mine)).scalar()
    if is_active is None:
        raise UnknownRecordError(field.removesuffix("_id"))
    if not is_active:
        raise RefusedChangeError(f"what {field} names is inactive; choose another or activate it", field=field)


def _require_assignee(connection: Connection, organisation_id: UUID, user_id: UUID) -> None:
    mine = (assignees.c.organisation_id == organisation_id, assignees.c.user_id == user_id)
    if connection.execute(sa.select(assignees.c.user_id).where(*mine)).first() is None:
        raise RefusedChangeError("this person does not take leads; choose another", field="assignee_id")
