"""Pipelines (C-001 to C-007)."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.checks import coded
from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines import queries, service
from hub.web.api.failures import failures, placed
from hub.web.api.fields import Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.stages import NewStage, PipelinePath, StageShown
from hub.web.api.trail import Trail

PIPELINES = RouteGroup("Pipelines", failures=failures)


class PipelineShown(BaseModel):
    """A pipeline with its stages; one per organisation is the default."""

    id: UUID
    name: str
    is_default: bool
    stages: list[StageShown]


class Pipelines(BaseModel):
    """All pipelines, the default one first."""

    items: list[PipelineShown]


class NewPipeline(Input):
    """A pipeline needs at least one open, one won and one lost stage."""

    name: Name
    stages: Annotated[tuple[NewStage, ...], Field(min_length=1, max_length=500)]


class PipelineChange(Input):
    """What to change. The default can be handed to another pipeline, never switched off."""

    name: Name | None = None
    is_default: bool | None = None


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
