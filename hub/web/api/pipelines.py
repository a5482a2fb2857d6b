"""Pipelines and their stages (Z-044 to Z-056, C-001 to C-007)."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.checks import coded
from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines import queries, service, stage_order
from hub.core.pipelines.stage_order import Placed, StageKind
from hub.db.schema import new_id
from hub.web.api.configuration_fields import Color, Number
from hub.web.api.failures import failures, placed
from hub.web.api.fields import Code, Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail
from hub.web.problems import FieldProblem, invalid

PIPELINES = RouteGroup("Pipelines", failures=failures)
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


class PipelineShown(BaseModel):
    """A pipeline with its stages; one per organisation is the default."""

    id: UUID
    name: str
    is_default: bool
    stages: list[StageShown]


class Pipelines(BaseModel):
    """All pipelines, the default one first."""

    items: list[PipelineShown]


class NewStage(Input):
    """A stage; all fields are required but the kind (Z-048)."""

    name: Name
    position: Number
    code: Code
    color: Color
    description: Name
    kind: StageKind = StageKind.OPEN


class NewPipeline(Input):
    """A pipeline needs at least one open, one won and one lost stage."""

    name: Name
    stages: Annotated[tuple[NewStage, ...], Field(min_length=1, max_length=500)]


class PipelineChange(Input):
    """What to change. The default can be handed to another pipeline, never switched off."""

    name: Name | None = None
    is_default: bool | None = None


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


class StageMove(BaseModel):
    """A stage that would get another place."""

    stage_id: UUID
    name: str
    position: int
    new_position: int


class StageMoves(BaseModel):
    """What the form says before saving (Z-050)."""

    items: list[StageMove]


@PIPELINES.route(
    "GET",
    "/api/v1/pipelines",
    permission=Permission("pipelines", "view"),
    answers=Pipelines,
    summary="All pipelines with their stages",
)
async def list_pipelines(call: Call) -> Pipelines:
    """The default one first, then by name."""
    items = await call.services.database.read(_pipelines, call.reach.organisation_id)
    return Pipelines(items=items)


@PIPELINES.route(
    "POST",
    "/api/v1/pipelines",
    permission=Permission("pipelines", "add"),
    body=NewPipeline,
    answers=PipelineShown,
    status=201,
    summary="Add a pipeline with its stages",
)
async def create_pipeline(call: Call[NoInput, NoInput, NewPipeline]) -> PipelineShown:
    """The first pipeline of an organisation becomes the default one."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@PIPELINES.route(
    "GET",
    "/api/v1/pipelines/{pipeline_id}",
    permission=Permission("pipelines", "view"),
    path=PipelinePath,
    answers=PipelineShown,
    summary="One pipeline with its stages",
)
async def show_pipeline(call: Call[PipelinePath]) -> PipelineShown:
    """Stages by display order."""
    return await call.services.database.read(_pipeline, call.reach.organisation_id, call.path.pipeline_id)


@PIPELINES.route(
    "PATCH",
    "/api/v1/pipelines/{pipeline_id}",
    permission=Permission("pipelines", "edit"),
    path=PipelinePath,
    body=PipelineChange,
    answers=PipelineShown,
    summary="Rename a pipeline or make it the default",
)
async def change_pipeline(call: Call[PipelinePath, NoInput, PipelineChange]) -> PipelineShown:
    """There is always exactly one default."""
    return await call.services.database.write(_change, Trail.of(call), call.path.pipeline_id, call.body)


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
    answers=StageMoves,
    summary="Which stages would move, before saving",
)
async def preview_stage_moves(call: Call[PipelinePath, MoveQuery]) -> StageMoves:
    """Changes nothing."""
    moves = await call.services.database.read(
        _moves, call.reach.organisation_id, call.path.pipeline_id, call.query
    )
    return StageMoves(items=moves)


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


def _create(connection: Connection, trail: Trail, body: NewPipeline) -> PipelineShown:
    drafts = [service.StageDraft(**stage.model_dump()) for stage in body.stages]
    codes: list[str] = []
    for number, draft in enumerate(drafts):
        codes.append(coded(draft.code, codes, field=f"stages.{number}.code"))
    with placed(lambda field: "name" if field == "name" else "stages"):
        pipeline_id = service.create_pipeline(
            connection, trail.organisation_id, name=body.name, drafts=drafts, now=trail.now
        )
    trail.note(connection, "pipeline_created", f"pipeline:{pipeline_id}", name=body.name)
    return _pipeline(connection, trail.organisation_id, pipeline_id)


def _change(connection: Connection, trail: Trail, pipeline_id: UUID, body: PipelineChange) -> PipelineShown:
    service.update_pipeline(connection, trail.organisation_id, pipeline_id, **body.model_dump())
    trail.note(connection, "pipeline_changed", f"pipeline:{pipeline_id}", changed=sorted(body.model_fields_set))
    return _pipeline(connection, trail.organisation_id, pipeline_id)


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


def _pipelines(connection: Connection, organisation_id: UUID) -> list[PipelineShown]:
    by_pipeline: dict[UUID, list[StageShown]] = {}
    for stage in queries.list_stages(connection, organisation_id):
        by_pipeline.setdefault(stage.pipeline_id, []).append(StageShown.model_validate(stage))
    return [
        PipelineShown(id=each.id, name=each.name, is_default=each.is_default, stages=by_pipeline.get(each.id, []))
        for each in queries.list_pipelines(connection, organisation_id)
    ]


def _pipeline(connection: Connection, organisation_id: UUID, pipeline_id: UUID) -> PipelineShown:
    for each in _pipelines(connection, organisation_id):
        if each.id == pipeline_id:
            return each
    raise UnknownRecordError("pipeline")


def _stages(connection: Connection, organisation_id: UUID, pipeline_id: UUID | None) -> list[StageShown]:
    if pipeline_id is not None:
        _pipeline(connection, organisation_id, pipeline_id)
    found = queries.list_stages(connection, organisation_id, pipeline_id)
    return [StageShown.model_validate(stage) for stage in found]


def _moves(connection: Connection, organisation_id: UUID, pipeline_id: UUID, query: MoveQuery) -> list[StageMove]:
    stages = _stages(connection, organisation_id, pipeline_id)
    if query.stage_id is not None and query.stage_id not in {stage.id for stage in stages}:
        raise UnknownRecordError("stage")
    after = {each.id: each.position for each in _order(stages, query)}
    return [
        StageMove(stage_id=stage.id, name=stage.name, position=stage.position, new_position=after[stage.id])
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
