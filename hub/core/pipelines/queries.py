"""Reading pipelines, stages, sources and types."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.errors import UnknownRecordError
from hub.core.pipelines.models import lead_sources, lead_types, pipelines, stages
from hub.core.pipelines.stage_order import StageKind


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A process with stages; one per organisation is the default."""

    id: UUID
    name: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a pipeline; ``position`` is the display order from 1."""

    id: UUID
    pipeline_id: UUID
    position: int
    code: str
    name: str
    description: str
    color: str
    kind: StageKind


@dataclass(frozen=True, slots=True)
class LeadSource:
    """Where leads come from. ``built_in_code`` is what connectors name; None for a source that people added."""

    id: UUID
    code: str
    name: str
    description: str
    color: str
    is_active: bool
    built_in_code: str | None


@dataclass(frozen=True, slots=True)
class LeadType:
    """A category of leads."""

    id: UUID
    code: str
    name: str
    description: str
    is_active: bool


def list_pipelines(connection: Connection, organisation_id: UUID) -> list[Pipeline]:
    """All pipelines, the default one first, then by name."""
    statement = (
        sa.select(pipelines)
        .where(pipelines.c.organisation_id == organisation_id)
        .order_by(pipelines.c.is_default.desc(), pipelines.c.name)
    )
    return [Pipeline(row.id, row.name, row.is_default) for row in connection.execute(statement)]


def list_stages(connection: Connection, organisation_id: UUID, pipeline_id: UUID | None = None) -> list[Stage]:
    """The stages of a pipeline, or of all, by display order; won stands before lost where they share a place."""
    statement = sa.select(stages).where(stages.c.organisation_id == organisation_id)
    if pipeline_id is not None:
        statement = statement.where(stages.c.pipeline_id == pipeline_id)
    ordered = statement.order_by(stages.c.pipeline_id, stages.c.position, stages.c.kind.desc(), stages.c.id)
    return [_stage(row) for row in connection.execute(ordered)]


def read_stage(connection: Connection, organisation_id: UUID, stage_id: UUID) -> Stage:
    """One stage, or ``UnknownRecordError``."""
    mine = (stages.c.organisation_id == organisation_id, stages.c.id == stage_id)
    row = connection.execute(sa.select(stages).where(*mine)).one_or_none()
    if row is None:
        raise UnknownRecordError("stage")
    return _stage(row)


def first_stage(connection: Connection, organisation_id: UUID, pipeline_id: UUID | None = None) -> Stage:
    """Where new leads of a pipeline start, of the default one if none is named: its first open stage."""
    statement = (
        sa.select(stages)
        .join(
            pipelines,
            sa.and_(pipelines.c.id == stages.c.pipeline_id, pipelines.c.organisation_id == stages.c.organisation_id),
        )
        .where(
            stages.c.organisation_id == organisation_id,
            stages.c.kind == StageKind.OPEN.value,
            pipelines.c.is_default if pipeline_id is None else pipelines.c.id == pipeline_id,
        )
        .order_by(stages.c.position)
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise UnknownRecordError("pipeline")
    return _stage(row)


def list_sources(connection: Connection, organisation_id: UUID) -> list[LeadSource]:
    """All lead sources by code, the inactive ones too."""
    statement = (
        sa.select(lead_sources).where(lead_sources.c.organisation_id == organisation_id).order_by(lead_sources.c.code)
    )
    return [
        LeadSource(row.id, row.code, row.name, row.description, row.color, row.is_active, row.built_in_code)
        for row in connection.execute(statement)
    ]


def source_by_code(connection: Connection, organisation_id: UUID, built_in_code: str) -> UUID | None:
    """The id of the source that belongs to a connector, by the code in its manifest."""
    statement = sa.select(lead_sources.c.id).where(
        lead_sources.c.organisation_id == organisation_id, lead_sources.c.built_in_code == built_in_code
    )
    return connection.execute(statement).scalar()


def list_types(connection: Connection, organisation_id: UUID) -> list[LeadType]:
    """All lead types by name, the inactive ones too."""
    statement = sa.select(lead_types).where(lead_types.c.organisation_id == organisation_id).order_by(lead_types.c.name)
    return [
        LeadType(row.id, row.code, row.name, row.description, row.is_active) for row in connection.execute(statement)
    ]


def _stage(row: Any) -> Stage:
    return Stage(
        id=row.id,
        pipeline_id=row.pipeline_id,
        position=row.position,
        code=row.code,
        name=row.name,
        description=row.description,
        color=row.color,
        kind=StageKind(row.kind),
    )
