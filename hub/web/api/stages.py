"""Stages of pipelines (Z-044 to Z-056)."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines import queries, service, stage_order
from hub.core.pipelines.stage_order import Placed, StageKind
from hub.db.schema import new_id
from hub.web.api.configuration_fields import Color, Number
from hub.web.api.failures import failures
from hub.web.api.fields import Code, Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail
from hub.web.problems import FieldProblem, invalid

STAGES = RouteGroup("Lead stages", failures=failures)


class StageShown(BaseModel):
    """A stage; ``position`` is its display order from 1. Won and lost are the closing kinds."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    pipeline_id: UUID
    position: int
    code: str
    name: str
    description: str
    color: str
    kind: StageKind


class Stages(BaseModel):
    """Stages by display order."""

    items: list[StageShown]


class NewStage(Input):
    """A stage; all fields are required but the kind (Z-048)."""

    name: Name
    position: Number
    code: Code
    color: Color
    description: Name
    kind: StageKind = StageKind.OPEN


class StageChange(Input):
    """What to change; the kind of a stage stays."""

    name: Name | None = None
    position: Number | None = None
    code: Code | None = None
    color: Color | None = None
    description: Name | None = None


class PipelinePath(Input):
    """One pipeline."""

    pipeline_id: UUID


class StagePath(Input):
    """One stage."""

    stage_id: UUID


class StageQuery(Input):
    """Which stages."""

    pipeline_id: UUID | None = Field(None, description="Only the stages of this pipeline.")


class MoveQuery(Input):
    """A stage that is about to be put somewhere."""

    position: Number
    kind: StageKind = StageKind.OPEN
    stage_id: UUID | None = Field(None, description="The stage that is being moved; a new one if left out.")


class StageShift(BaseModel):
    """A stage that would get another place."""

    stage_id: UUID
    name: str
    position: int
    new_position: int


class StageShifts(BaseModel):
    """What the form says before saving (Z-050)."""

    items: list[StageShift]


@STAGES.route(
    "GET",
    "/api/v1/stages",
    permission=Permission("lead_stages", "view"),
    query=StageQuery,
    answers=Stages,
    summary="Stages by display order",
)
async def list_stages(call: Call[NoInput, StageQuery]) -> Stages:
    """Of one pipeline or of all."""
    found = await call.services.database.read(_stages, call.reach.organisation_id, call.query.pipeline_id)
    return Stages(items=found)


@STAGES.route(
    "GET",
    "/api/v1/pipelines/{pipeline_id}/stage-moves",
    permission=Permission("lead_stages", "view"),
    path=PipelinePath,
    query=MoveQuery,
    answers=StageShifts,
    summary="Which stages would move, before saving",
)
async def preview_stage_moves(call: Call[PipelinePath, MoveQuery]) -> StageShifts:
    """Changes nothing."""
    moves = await call.services.database.read(_moves, call.reach.organisation_id, call.path.pipeline_id, call.query)
    return StageShifts(items=moves)


@STAGES.route(
    "POST",
    "/api/v1/pipelines/{pipeline_id}/stages",
    permission=Permission("lead_stages", "add"),
    path=PipelinePath,
    body=NewStage,
    answers=Stages,
    status=201,
    summary="Add a stage",
)
async def create_stage(call: Call[PipelinePath, NoInput, NewStage]) -> Stages:
    """At an occupied place the following stages move on by one; the answer has all stages of the pipeline."""
    found = await call.services.database.write(_create_stage, Trail.of(call), call.path.pipeline_id, call.body)
    return Stages(items=found)


@STAGES.route(
    "GET",
    "/api/v1/stages/{stage_id}",
    permission=Permission("lead_stages", "view"),
    path=StagePath,
    answers=StageShown,
    summary="One stage",
)
async def show_stage(call: Call[StagePath]) -> StageShown:
    """With its kind and place."""
    stage = await call.services.database.read(queries.read_stage, call.reach.organisation_id, call.path.stage_id)
    return StageShown.model_validate(stage)


@STAGES.route(
    "PATCH",
    "/api/v1/stages/{stage_id}",
    permission=Permission("lead_stages", "edit"),
    path=StagePath,
    body=StageChange,
    answers=Stages,
    summary="Change a stage or its place",
)
async def change_stage(call: Call[StagePath, NoInput, StageChange]) -> Stages:
    """The others make room without a gap; the answer has all stages of the pipeline."""
    found = await call.services.database.write(_change_stage, Trail.of(call), call.path.stage_id, call.body)
    return Stages(items=found)


@STAGES.route(
    "DELETE",
    "/api/v1/stages/{stage_id}",
    permission=Permission("lead_stages", "delete"),
    path=StagePath,
    summary="Remove a stage",
)
async def delete_stage(call: Call[StagePath]) -> None:
    """Refused while leads stand in it, and for the last stage of its kind."""
    await call.services.database.write(_delete_stage, Trail.of(call), call.path.stage_id)


def _create_stage(connection: Connection, trail: Trail, pipeline_id: UUID, body: NewStage) -> list[StageShown]:
    draft = service.StageDraft(**body.model_dump())
    stage_id = service.create_stage(connection, trail.organisation_id, pipeline_id, draft)
    trail.note(connection, "stage_created", f"stage:{stage_id}", name=body.name, pipeline=str(pipeline_id))
    return _stages(connection, trail.organisation_id, pipeline_id)


def _change_stage(connection: Connection, trail: Trail, stage_id: UUID, body: StageChange) -> list[StageShown]:
    service.update_stage(connection, trail.organisation_id, stage_id, **body.model_dump())
    trail.note(connection, "stage_changed", f"stage:{stage_id}", changed=sorted(body.model_fields_set))
    pipeline_id = queries.read_stage(connection, trail.organisation_id, stage_id).pipeline_id
    return _stages(connection, trail.organisation_id, pipeline_id)


def _delete_stage(connection: Connection, trail: Trail, stage_id: UUID) -> None:
    stage = queries.read_stage(connection, trail.organisation_id, stage_id)
    service.delete_stage(connection, trail.organisation_id, stage_id)
    trail.note(connection, "stage_deleted", f"stage:{stage_id}", name=stage.name, pipeline=str(stage.pipeline_id))


def _stages(connection: Connection, organisation_id: UUID, pipeline_id: UUID | None) -> list[StageShown]:
    known = {pipeline.id for pipeline in queries.list_pipelines(connection, organisation_id)}
    if pipeline_id is not None and pipeline_id not in known:
        raise UnknownRecordError("pipeline")
    found = queries.list_stages(connection, organisation_id, pipeline_id)
    return [StageShown.model_validate(stage) for stage in found]


def _moves(connection: Connection, organisation_id: UUID, pipeline_id: UUID, query: MoveQuery) -> list[StageShift]:
    stages = _stages(connection, organisation_id, pipeline_id)
    if query.stage_id is not None and query.stage_id not in {stage.id for stage in stages}:
        raise UnknownRecordError("stage")
    after = {each.id: each.position for each in _order(stages, query)}
    return [
        StageShift(stage_id=stage.id, name=stage.name, position=stage.position, new_position=after[stage.id])
        for stage in stages
        if after[stage.id] != stage.position
    ]


def _order(stages: Sequence[StageShown], query: MoveQuery) -> list[Placed]:
    present = [Placed(stage.id, stage.kind, stage.position) for stage in stages]
    try:
        if query.stage_id is not None:
            return stage_order.move(present, query.stage_id, query.position)
        return stage_order.insert(present, Placed(new_id(), query.kind, query.position))
    except ValueError as refused:
        detail = f"{refused}; choose another place"
        raise invalid([FieldProblem(pointer="query/position", detail=detail)], status=400) from None
