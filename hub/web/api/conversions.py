"""Conversion feedback: which stages are reported, to where, and under which name (P-53)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.connector.conversions import ConversionTarget, Currency
from hub.connector.text import storable
from hub.core.accounts.permissions import Permission
from hub.core.conversions import queries, service
from hub.core.conversions.service import RuleDraft
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.db.types import AnyRow
from hub.web.api.configuration_fields import Key
from hub.web.api.connection_failures import connection_failures
from hub.web.api.connections import ConnectionPath
from hub.web.api.failures import failures as core_failures
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail
from hub.web.problems import Problem
from hub.web.working_parts import WorkingParts

EventName = Annotated[str, Field(max_length=100), AfterValidator(storable)]


def _failures(error: Exception) -> Problem | None:
    return core_failures(error) or connection_failures(error)


CONVERSIONS = RouteGroup("Conversion feedback", failures=_failures)
_VIEW, _ADD, _EDIT, _DELETE = (Permission("connections", action) for action in ("view", "add", "edit", "delete"))


class ConversionTargetShown(BaseModel):
    """Where reports of a connection can go to. ``part_id`` is the account part that it belongs to."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    part_id: str | None


class ConversionTargets(BaseModel):
    """All targets of a connection. With ``has_event_names`` a rule names its event; without, the target alone says
    what happened."""

    items: list[ConversionTargetShown]
    has_event_names: bool


class ConversionRuleShown(BaseModel):
    """One rule. ``problem`` is why nothing gets through at present, ``reports`` how many stand in each state."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    connection_id: UUID
    target_id: str
    target_name: str
    part_id: str | None
    stage_id: UUID
    event_name: str
    value_field: str | None
    currency: str | None
    consent_purpose: str | None
    is_active: bool
    problem_code: str | None
    problem: str | None
    problem_since: datetime | None
    reports: dict[str, int] = {}
    created_at: datetime
    edited_at: datetime


class ConversionRules(BaseModel):
    """All rules, oldest first."""

    items: list[ConversionRuleShown]


class NewConversionRule(Input):
    """Entering the stage is reported from now on. ``value_field`` is the key of a master field with an amount that goes
    along; with ``consent_purpose`` only leads are reported whose person consented to it."""

    connection_id: UUID
    target_id: Key
    stage_id: UUID
    event_name: EventName = ""
    value_field: Key | None = None
    currency: Currency | None = None
    consent_purpose: Key | None = None
    is_active: bool = True


class ConversionRuleChange(Input):
    """What to change; what is not named stays. A rule that selects something else counts from now on."""

    target_id: Key | None = None
    stage_id: UUID | None = None
    event_name: EventName | None = None
    value_field: Key | None = None
    currency: Currency | None = None
    consent_purpose: Key | None = None
    is_active: bool | None = None


class ConversionRulePath(Input):
    """One rule."""

    conversion_rule_id: UUID


@CONVERSIONS.route(
    "GET",
    "/api/v1/connections/{connection_id}/conversion-targets",
    permission=_EDIT,
    path=ConnectionPath,
    answers=ConversionTargets,
    summary="Where a connection can report stages to",
)
async def list_conversion_targets(call: Call[ConnectionPath]) -> ConversionTargets:
    """Asked of the platform now."""
    found, has_event_names = await _targets(call, call.path.connection_id)
    return ConversionTargets(
        items=[ConversionTargetShown.model_validate(each) for each in found], has_event_names=has_event_names
    )


@CONVERSIONS.route(
    "GET", "/api/v1/conversion-rules", permission=_VIEW, answers=ConversionRules, summary="Which stages are reported"
)
async def list_conversion_rules(call: Call) -> ConversionRules:
    """Oldest first, each with the number of its reports by state."""
    return await call.services.database.read(_list, call.reach.organisation_id)


@CONVERSIONS.route(
    "POST",
    "/api/v1/conversion-rules",
    permission=_ADD,
    body=NewConversionRule,
    answers=ConversionRuleShown,
    status=201,
    summary="Report a stage to a platform",
)
async def create_conversion_rule(call: Call[NoInput, NoInput, NewConversionRule]) -> ConversionRuleShown:
    """The platform is asked for the target; what happened before is not reported."""
    body = call.body
    target = await _target(call, body.connection_id, body.target_id)
    draft = RuleDraft(target=target, **body.model_dump(exclude={"target_id"}))
    connectors = call.services.get(WorkingParts).connectors

    def work(connection: Connection) -> ConversionRuleShown:
        trail = Trail.of(call)
        rule_id = service.create_rule(connection, trail.organisation_id, connectors, draft, trail.now)
        subject = f"conversion_rule:{rule_id}"
        trail.note(connection, "conversion_rule_created", subject, target=target.id, event=draft.event_name)
        return _shown(connection, trail.organisation_id, rule_id)

    return await call.services.database.write(work)


@CONVERSIONS.route(
    "GET",
    "/api/v1/conversion-rules/{conversion_rule_id}",
    permission=_VIEW,
    path=ConversionRulePath,
    answers=ConversionRuleShown,
    summary="One rule",
)
async def show_conversion_rule(call: Call[ConversionRulePath]) -> ConversionRuleShown:
    """With the number of its reports by state."""
    return await call.services.database.read(_shown, call.reach.organisation_id, call.path.conversion_rule_id)


@CONVERSIONS.route(
    "PATCH",
    "/api/v1/conversion-rules/{conversion_rule_id}",
    permission=_EDIT,
    path=ConversionRulePath,
    body=ConversionRuleChange,
    answers=ConversionRuleShown,
    summary="Change a rule, or switch it on or off",
)
async def change_conversion_rule(call: Call[ConversionRulePath, NoInput, ConversionRuleChange]) -> ConversionRuleShown:
    """What waits under a rule that is switched off is not sent, and ends when it is too late."""
    rule_id, changes = call.path.conversion_rule_id, call.body
    known = await call.services.database.read(service.find_rule, call.reach.organisation_id, rule_id)
    target = ConversionTarget(id=known.target_id, name=known.target_name, part_id=known.part_id)
    if changes.target_id not in (None, known.target_id):
        target = await _target(call, known.connection_id, changes.target_id or "")
    connectors = call.services.get(WorkingParts).connectors

    def work(connection: Connection) -> ConversionRuleShown:
        trail = Trail.of(call)
        now_known = service.find_rule(connection, trail.organisation_id, rule_id)
        draft = _changed(now_known, changes, target)
        service.change_rule(connection, trail.organisation_id, connectors, rule_id, draft, trail.now)
        changed = sorted(changes.model_fields_set)
        trail.note(connection, "conversion_rule_changed", f"conversion_rule:{rule_id}", changed=changed)
        return _shown(connection, trail.organisation_id, rule_id)

    return await call.services.database.write(work)


@CONVERSIONS.route(
    "DELETE",
    "/api/v1/conversion-rules/{conversion_rule_id}",
    permission=_DELETE,
    path=ConversionRulePath,
    summary="Remove a rule",
)
async def remove_conversion_rule(call: Call[ConversionRulePath]) -> None:
    """Its reports stay in the list; those that still wait are not sent."""
    rule_id = call.path.conversion_rule_id

    def work(connection: Connection) -> None:
        trail = Trail.of(call)
        service.remove_rule(connection, trail.organisation_id, rule_id)
        trail.note(connection, "conversion_rule_removed", f"conversion_rule:{rule_id}")

    await call.services.database.write(work)


async def _targets(call: Call[Any, Any, Any], connection_id: UUID) -> tuple[list[ConversionTarget], bool]:
    working, organisation_id = call.services.get(WorkingParts), call.reach.organisation_id
    connector = await call.services.database.read(
        service.reporting_connector, organisation_id, working.connectors, connection_id
    )
    access = await working.access.open(organisation_id, connection_id)
    return list(await connector.list_conversion_targets(access)), connector.conversions.has_event_names


async def _target(call: Call[Any, Any, Any], connection_id: UUID, target_id: str) -> ConversionTarget:
    try:
        found, _ = await _targets(call, connection_id)
    except UnknownRecordError as error:
        raise RefusedChangeError(error.message, field="connection_id", code="unknown") from None
    target = next((each for each in found if each.id == target_id), None)
    if target is None:
        raise RefusedChangeError("this connection has no such target; choose one of its list", field="target_id")
    return target


def _changed(known: AnyRow, changes: ConversionRuleChange, target: ConversionTarget) -> RuleDraft:
    named = changes.model_dump(exclude_unset=True, exclude={"target_id"})
    kept = ("stage_id", "event_name", "value_field", "currency", "consent_purpose", "is_active")
    values = {name: getattr(known, name) for name in kept}
    required = ("stage_id", "event_name", "is_active")
    values |= {name: value for name, value in named.items() if value is not None or name not in required}
    return RuleDraft(connection_id=known.connection_id, target=target, **values)


def _list(connection: Connection, organisation_id: UUID) -> ConversionRules:
    counts = queries.counts_by_rule(connection, organisation_id)
    rows = queries.list_rules(connection, organisation_id)
    return ConversionRules(items=[_rule(row, counts.get(row.id, {})) for row in rows])


def _shown(connection: Connection, organisation_id: UUID, rule_id: UUID) -> ConversionRuleShown:
    row = service.find_rule(connection, organisation_id, rule_id)
    return _rule(row, queries.counts_by_rule(connection, organisation_id).get(rule_id, {}))


def _rule(row: AnyRow, counts: dict[str, int]) -> ConversionRuleShown:
    return ConversionRuleShown.model_validate(row).model_copy(update={"reports": counts})
