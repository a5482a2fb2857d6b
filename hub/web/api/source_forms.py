"""Source forms, their questions, and what changed about them (Z-180, Z-181, X-05)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.models import Question
from hub.core.accounts.permissions import Permission
from hub.core.field_mappings.drift import Drift
from hub.core.field_mappings.findings import list_findings, settle_finding
from hub.core.field_mappings.history import NOT_MAPPED, MappingState, mapping_states
from hub.core.field_mappings.queries import StoredForm, list_source_forms, read_source_form, unmapped_questions
from hub.core.master_form.queries import snapshot
from hub.web.api.failures import failures
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail

SOURCE_FORMS = RouteGroup("Source forms", failures=failures)
_VIEW, _EDIT = Permission("mappings", "view"), Permission("mappings", "edit")


class SourceFormShown(BaseModel):
    """A form of a source. ``mark`` is shown beside it while questions are still to map (Z-181).

    ``is_confirmed`` is false while the mapping is only what the hub proposed; ``open_findings`` counts changes at the
    source that nobody has settled.
    """

    id: UUID
    connection_id: UUID
    form_id: str
    part_id: str | None
    name: str
    is_live: bool
    question_count: int
    unmapped_count: int
    mark: Literal["Unmapped"] | None
    mapping_version: int
    is_confirmed: bool
    open_findings: int
    first_seen_at: datetime
    last_seen_at: datetime


class SourceForms(BaseModel):
    """Source forms by name."""

    items: list[SourceFormShown]


class UnmappedQuestion(BaseModel):
    """A question still to map; ``is_listed`` is false for one that is known only by its answers."""

    question: Question
    is_listed: bool


class SourceFormDetail(SourceFormShown):
    """A source form with its questions."""

    questions: list[Question]
    unmapped: list[UnmappedQuestion]


class SourceFormQuery(Input):
    """Which source forms."""

    connection_id: Annotated[UUID | None, Field(description="Only the forms of this connection.")] = None


class SourceFormPath(Input):
    """One source form."""

    source_form_id: UUID


class FindingShown(BaseModel):
    """What changed at the source: form, question, and how many leads it touched so far."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    source_form_id: UUID
    form_name: str
    kind: Drift
    question_key: str
    detail: dict[str, JsonValue]
    leads_affected: int
    found_at: datetime
    settled_at: datetime | None


class Findings(BaseModel):
    """Findings, the newest first."""

    items: list[FindingShown]


class FindingQuery(Input):
    """Which findings."""

    source_form_id: Annotated[UUID | None, Field(description="Only those of this source form.")] = None
    is_open: Annotated[bool, Field(description="Only those not settled yet; false for all.")] = True


class FindingPath(Input):
    """One finding."""

    finding_id: UUID


@SOURCE_FORMS.route(
    "GET",
    "/api/v1/source-forms",
    permission=_VIEW,
    query=SourceFormQuery,
    answers=SourceForms,
    summary="Forms of the sources, with what is still to map",
)
async def list_forms_of_sources(call: Call[NoInput, SourceFormQuery]) -> SourceForms:
    """Of one connection or of all, by name."""
    return await call.services.database.read(_list, call.reach.organisation_id, call.query.connection_id)


@SOURCE_FORMS.route(
    "GET",
    "/api/v1/source-forms/{source_form_id}",
    permission=_VIEW,
    path=SourceFormPath,
    answers=SourceFormDetail,
    summary="A source form with its questions and those still to map",
)
async def show_source_form(call: Call[SourceFormPath]) -> SourceFormDetail:
    """Questions that came only in answers are among those to map."""
    return await call.services.database.read(_detail, call.reach.organisation_id, call.path.source_form_id)


@SOURCE_FORMS.route(
    "GET",
    "/api/v1/drift-findings",
    permission=_VIEW,
    query=FindingQuery,
    answers=Findings,
    summary="What changed at the sources",
)
async def list_drift_findings(call: Call[NoInput, FindingQuery]) -> Findings:
    """New forms, questions that came, went or changed, and answers that no rule takes."""
    found = await call.services.database.read(
        list_findings,
        call.reach.organisation_id,
        source_form_id=call.query.source_form_id,
        is_open=call.query.is_open,
    )
    return Findings(items=[FindingShown.model_validate(finding) for finding in found])


@SOURCE_FORMS.route(
    "POST",
    "/api/v1/drift-findings/{finding_id}/settle",
    permission=_EDIT,
    path=FindingPath,
    summary="Mark a finding as read and done with",
)
async def settle_drift_finding(call: Call[FindingPath]) -> None:
    """It opens again when the same thing happens again."""
    await call.services.database.write(_settle, Trail.of(call), call.path.finding_id)


def _list(connection: Connection, organisation_id: UUID, connection_id: UUID | None) -> SourceForms:
    states = mapping_states(connection, organisation_id)
    found = list_source_forms(connection, organisation_id, connection_id)
    lines = [_line(form, states.get(form.id, NOT_MAPPED)) for form in found]
    return SourceForms(items=[SourceFormShown.model_validate(line) for line in lines])


def _detail(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> SourceFormDetail:
    form = read_source_form(connection, organisation_id, source_form_id)
    fields = snapshot(connection, organisation_id).by_key
    unmapped = unmapped_questions(connection, organisation_id, form, fields)
    states = mapping_states(connection, organisation_id, source_form_id)
    return SourceFormDetail(
        **_line(form, states.get(form.id, NOT_MAPPED)),
        questions=list(form.questions),
        unmapped=[UnmappedQuestion(question=each.question, is_listed=each.is_listed) for each in unmapped],
    )


def _settle(connection: Connection, trail: Trail, finding_id: UUID) -> None:
    settle_finding(connection, trail.organisation_id, finding_id, trail.now)
    trail.note(connection, "drift_finding_settled", f"drift_finding:{finding_id}")


def _line(form: StoredForm, state: MappingState) -> dict[str, object]:
    return {
        "id": form.id,
        "connection_id": form.connection_id,
        "form_id": form.form_id,
        "part_id": form.part_id,
        "name": form.name,
        "is_live": form.is_live,
        "question_count": len(form.questions),
        "unmapped_count": form.unmapped_count,
        "mark": "Unmapped" if form.unmapped_count else None,
        "mapping_version": state.version,
        "is_confirmed": state.is_confirmed,
        "open_findings": state.open_findings,
        "first_seen_at": form.first_seen_at,
        "last_seen_at": form.last_seen_at,
    }
