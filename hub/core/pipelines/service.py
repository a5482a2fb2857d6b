"""Changing pipelines and their stages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.leads.models import leads
from hub.core.organisations.checks import coded, coloured, named, unused
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError
from hub.core.organisations.queries import require_owned
from hub.core.organisations.service import bump_config_version
from hub.core.pipelines.models import pipelines, stages
from hub.core.pipelines.queries import Stage, list_pipelines, list_stages, read_stage
from hub.core.pipelines.stage_order import Placed, StageKind, insert, move, remove
from hub.db.schema import new_id


@dataclass(frozen=True, slots=True)
class StageDraft:
    """A stage as people write it; all five fields of the form are required (Z-048)."""

    name: str
    position: int
    code: str
    color: str
    description: str
    kind: StageKind = StageKind.OPEN


def create_pipeline(
    connection: Connection, organisation_id: UUID, *, name: str, drafts: Sequence[StageDraft], now: datetime
) -> UUID:
    """Add a pipeline with its stages; the first pipeline of an organisation is the default one.

    It needs at least one open, one won and one lost stage, so that leads can start and end in it.
    """
    bump_config_version(connection, organisation_id)
    _require_all_kinds(draft.kind for draft in drafts)
    known = list_pipelines(connection, organisation_id)
    pipeline_id = new_id()
    row = {
        "id": pipeline_id,
        "organisation_id": organisation_id,
        "name": unused(name, [pipeline.name for pipeline in known]),
        "is_default": not any(pipeline.is_default for pipeline in known),
        "created_at": now,
    }
    connection.execute(sa.insert(pipelines).values(row))
    for draft in sorted(drafts, key=lambda draft: draft.position):
        create_stage(connection, organisation_id, pipeline_id, draft)
    return pipeline_id


def update_pipeline(
    connection: Connection,
    organisation_id: UUID,
    pipeline_id: UUID,
    *,
    name: str | None = None,
    is_default: bool | None = None,
) -> None:
    """Rename a pipeline, or make it the default one. There is always exactly one default."""
    bump_config_version(connection, organisation_id)
    require_owned(connection, organisation_id, pipelines, [pipeline_id], what="pipeline")
    known = list_pipelines(connection, organisation_id)
    mine = (pipelines.c.organisation_id == organisation_id, pipelines.c.id == pipeline_id)
    if name is not None:
        trimmed = unused(name, [pipeline.name for pipeline in known if pipeline.id != pipeline_id])
        connection.execute(sa.update(pipelines).where(*mine).values(name=trimmed))
    if is_default:
        owned = pipelines.c.organisation_id == organisation_id
        connection.execute(sa.update(pipelines).where(owned).values(is_default=False))
        connection.execute(sa.update(pipelines).where(*mine).values(is_default=True))
    elif is_default is False and any(known_one.id == pipeline_id and known_one.is_default for known_one in known):
        raise RefusedChangeError("one pipeline must be the default; make another one the default", field="is_default")


def create_stage(connection: Connection, organisation_id: UUID, pipeline_id: UUID, draft: StageDraft) -> UUID:
    """Add a stage at its place; at an occupied one the following stages move on (Z-050)."""
    bump_config_version(connection, organisation_id)
    require_owned(connection, organisation_id, pipelines, [pipeline_id], what="pipeline")
    known = list_stages(connection, organisation_id, pipeline_id)
    stage_id = new_id()
    row = {
        "id": stage_id,
        "organisation_id": organisation_id,
        "pipeline_id": pipeline_id,
        "code": coded(draft.code, [stage.code for stage in known]),
        "name": named(draft.name),
        "description": named(draft.description, field="description"),
        "color": coloured(draft.color),
        "position": draft.position,
        "kind": draft.kind.value,
    }
    order = _ordered(known, Placed(stage_id, draft.kind, draft.position))
    connection.execute(sa.insert(stages).values(row))
    _store_order(connection, organisation_id, order)
    return stage_id


def update_stage(
    connection: Connection,
    organisation_id: UUID,
    stage_id: UUID,
    *,
    name: str | None = None,
    position: int | None = None,
    code: str | None = None,
    color: str | None = None,
    description: str | None = None,
) -> None:
    """Change what is given; the others make room for a new position without a gap or a collision (Z-051)."""
    bump_config_version(connection, organisation_id)
    known = _siblings(connection, organisation_id, stage_id)
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = named(name)
    if code is not None:
        values["code"] = coded(code, [stage.code for stage in known if stage.id != stage_id])
    if color is not None:
        values["color"] = coloured(color)
    if description is not None:
        values["description"] = named(description, field="description")
    if values:
        mine = (stages.c.organisation_id == organisation_id, stages.c.id == stage_id)
        connection.execute(sa.update(stages).where(*mine).values(values))
    if position is not None:
        with_place = next(stage for stage in known if stage.id == stage_id)
        _store_order(connection, organisation_id, _ordered(known, _placed(replace(with_place, position=position))))


def delete_stage(connection: Connection, organisation_id: UUID, stage_id: UUID) -> None:
    """Remove a stage that no lead stands in and that is not the last of its kind; the others close up."""
    bump_config_version(connection, organisation_id)
    known = _siblings(connection, organisation_id, stage_id)
    _require_all_kinds(stage.kind for stage in known if stage.id != stage_id)
    standing = sa.select(leads.c.id).where(leads.c.organisation_id == organisation_id, leads.c.stage_id == stage_id)
    if connection.execute(standing.limit(1)).first() is not None:
        message = "leads stand in this stage; move them to another stage first"
        raise ConflictingChangeError(message, field="stage_id", code="in_use")
    mine = (stages.c.organisation_id == organisation_id, stages.c.id == stage_id)
    connection.execute(sa.delete(stages).where(*mine))
    _store_order(connection, organisation_id, remove([_placed(stage) for stage in known], stage_id))


def stages_that_move(
    connection: Connection, organisation_id: UUID, pipeline_id: UUID, *, position: int, kind: StageKind
) -> list[Stage]:
    """Which stages would move on if one of that kind were put there: what the form says before saving (Z-050)."""
    known = list_stages(connection, organisation_id, pipeline_id)
    after = {placed.id: placed.position for placed in _ordered(known, Placed(new_id(), kind, position))}
    return [stage for stage in known if after[stage.id] != stage.position]


def _siblings(connection: Connection, organisation_id: UUID, stage_id: UUID) -> list[Stage]:
    """All stages of the pipeline that the stage is in."""
    pipeline_id = read_stage(connection, organisation_id, stage_id).pipeline_id
    return list_stages(connection, organisation_id, pipeline_id)


def _ordered(known: Sequence[Stage], wanted: Placed) -> list[Placed]:
    placed = [_placed(stage) for stage in known]
    try:
        if any(stage.id == wanted.id for stage in placed):
            return move(placed, wanted.id, wanted.position)
        return insert(placed, wanted)
    except ValueError as refused:
        raise RefusedChangeError(str(refused), field="position") from None


def _placed(stage: Stage) -> Placed:
    return Placed(stage.id, stage.kind, stage.position)


def _store_order(connection: Connection, organisation_id: UUID, order: Sequence[Placed]) -> None:
    for placed in order:
        mine = (stages.c.organisation_id == organisation_id, stages.c.id == placed.id)
        connection.execute(sa.update(stages).where(*mine).values(position=placed.position))


def _require_all_kinds(kinds: Iterable[StageKind]) -> None:
    missing = sorted({kind.value for kind in StageKind} - {kind.value for kind in kinds})
    if missing:
        message = f"a pipeline needs at least one stage of each kind; {', '.join(missing)} would be missing"
        raise RefusedChangeError(message, field="stages", code="kind_missing")
