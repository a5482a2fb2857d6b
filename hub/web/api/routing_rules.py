"""Routing rules, the strategy, and trying both on past leads (D-004, P-34 to P-40, X-09)."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.organisations.errors import RefusedChangeError
from hub.core.routing import queries, rulebook
from hub.core.routing.references import check_references
from hub.core.routing.rules import RuleDraft
from hub.core.routing.team import Strategy
from hub.core.routing.trial import Tally
from hub.core.routing.what_if import Comparison, what_if
from hub.web.api.configuration_fields import Moment, Number
from hub.web.api.failures import failures, placed
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.shaped import ShapedObject
from hub.web.api.trail import Trail

ROUTING_RULES = RouteGroup("Routing rules", failures=failures)
_VIEW, _EDIT = Permission("routing", "view"), Permission("routing", "edit")
_MAX_RULES = 500


class RuleBody(ShapedObject):
    """A routing rule: a condition, and whom it prefers."""

    shape = RuleDraft


class RuleShown(RuleDraft):
    """A rule and its place, counted from 1."""

    id: UUID
    position: int


class Rules(BaseModel):
    """All rules in the order in which they are tried."""

    items: list[RuleShown]


class RulePath(Input):
    """One routing rule."""

    rule_id: UUID


class RulePlace(Input):
    """Where to put a rule, counted from 1."""

    position: Number


class StrategyChoice(Input):
    """How the hub chooses among people who can all take a lead."""

    strategy: Strategy


class StrategyShown(BaseModel):
    """The strategy in force."""

    strategy: Strategy


class Trial(Input):
    """What to try on the leads submitted from ``since`` to ``until``; what is left empty stays as it is."""

    rules: Annotated[tuple[RuleBody, ...], Field(max_length=_MAX_RULES)] | None = None
    strategy: Strategy | None = None
    since: Moment
    until: Moment


class PersonLoad(BaseModel):
    """How many leads a person got, and how many they had open at most."""

    user_id: UUID
    leads: int
    peak_open: int


class Outcome(BaseModel):
    """What a way of routing led to; waiting times in seconds."""

    people: list[PersonLoad]
    waited: int
    total_wait_seconds: float
    longest_wait_seconds: float
    never_assigned: int


class ComparisonShown(BaseModel):
    """What the leads got, and what they would have got."""

    leads: int
    actual: Outcome
    proposed: Outcome


@ROUTING_RULES.route(
    "GET", "/api/v1/routing/rules", permission=_VIEW, answers=Rules, summary="All routing rules in order"
)
async def list_routing_rules(call: Call) -> Rules:
    """The inactive ones too."""
    found = await call.services.database.read(queries.list_rules, call.reach.organisation_id)
    return Rules(items=[_shown(rule) for rule in found])


@ROUTING_RULES.route(
    "POST",
    "/api/v1/routing/rules",
    permission=Permission("routing", "add"),
    body=RuleBody,
    answers=RuleShown,
    status=201,
    summary="Add a routing rule at the end",
)
async def create_routing_rule(call: Call[NoInput, NoInput, RuleBody]) -> RuleShown:
    """It counts from the next lead on."""
    return await call.services.database.write(_create, Trail.of(call), rulebook.parse_rule(call.body.root))


@ROUTING_RULES.route(
    "GET",
    "/api/v1/routing/rules/{rule_id}",
    permission=_VIEW,
    path=RulePath,
    answers=RuleShown,
    summary="One routing rule",
)
async def show_routing_rule(call: Call[RulePath]) -> RuleShown:
    """With its place."""
    return _shown(await call.services.database.read(queries.read_rule, call.reach.organisation_id, call.path.rule_id))


@ROUTING_RULES.route(
    "PUT",
    "/api/v1/routing/rules/{rule_id}",
    permission=_EDIT,
    path=RulePath,
    body=RuleBody,
    answers=RuleShown,
    summary="Replace what a rule says",
)
async def replace_routing_rule(call: Call[RulePath, NoInput, RuleBody]) -> RuleShown:
    """Its place stays."""
    draft = rulebook.parse_rule(call.body.root)
    return await call.services.database.write(_replace, Trail.of(call), call.path.rule_id, draft)


@ROUTING_RULES.route(
    "PUT",
    "/api/v1/routing/rules/{rule_id}/position",
    permission=_EDIT,
    path=RulePath,
    body=RulePlace,
    answers=Rules,
    summary="Put a rule at another place",
)
async def move_routing_rule(call: Call[RulePath, NoInput, RulePlace]) -> Rules:
    """The answer has all rules in their new order."""
    moved = await call.services.database.write(_move, Trail.of(call), call.path.rule_id, call.body.position)
    return Rules(items=[_shown(rule) for rule in moved])


@ROUTING_RULES.route(
    "DELETE",
    "/api/v1/routing/rules/{rule_id}",
    permission=Permission("routing", "delete"),
    path=RulePath,
    summary="Remove a routing rule",
)
async def delete_routing_rule(call: Call[RulePath]) -> None:
    """Traces that name it keep its name."""
    await call.services.database.write(_delete, Trail.of(call), call.path.rule_id)


@ROUTING_RULES.route(
    "GET", "/api/v1/routing/strategy", permission=_VIEW, answers=StrategyShown, summary="The strategy in force"
)
async def show_routing_strategy(call: Call) -> StrategyShown:
    """Least loaded unless somebody chose another."""
    return StrategyShown(
        strategy=await call.services.database.read(queries.routing_strategy, call.reach.organisation_id)
    )


@ROUTING_RULES.route(
    "PUT",
    "/api/v1/routing/strategy",
    permission=_EDIT,
    body=StrategyChoice,
    answers=StrategyShown,
    summary="Choose the strategy",
)
async def choose_routing_strategy(call: Call[NoInput, NoInput, StrategyChoice]) -> StrategyShown:
    """It counts from the next lead on."""
    await call.services.database.write(_choose, Trail.of(call), call.body.strategy)
    return StrategyShown(strategy=call.body.strategy)


@ROUTING_RULES.route(
    "POST",
    "/api/v1/routing/what-if",
    permission=_VIEW,
    body=Trial,
    answers=ComparisonShown,
    summary="Try rules and a strategy on past leads",
)
async def try_routing(call: Call[NoInput, NoInput, Trial]) -> ComparisonShown:
    """Changes nothing (X-09)."""
    found = await call.services.database.read(_try, call.reach.organisation_id, call.body)
    return ComparisonShown(leads=found.leads, actual=_outcome(found.actual), proposed=_outcome(found.proposed))


def _create(connection: Connection, trail: Trail, draft: RuleDraft) -> RuleShown:
    rule_id = rulebook.create_rule(connection, trail.organisation_id, draft)
    trail.note(connection, "routing_rule_created", f"routing_rule:{rule_id}", name=draft.name)
    return _shown(queries.read_rule(connection, trail.organisation_id, rule_id))


def _replace(connection: Connection, trail: Trail, rule_id: UUID, draft: RuleDraft) -> RuleShown:
    rulebook.update_rule(connection, trail.organisation_id, rule_id, draft)
    trail.note(connection, "routing_rule_changed", f"routing_rule:{rule_id}", name=draft.name)
    return _shown(queries.read_rule(connection, trail.organisation_id, rule_id))


def _move(connection: Connection, trail: Trail, rule_id: UUID, position: int) -> list[queries.StoredRule]:
    rulebook.move_rule(connection, trail.organisation_id, rule_id, position=position)
    trail.note(connection, "routing_rule_moved", f"routing_rule:{rule_id}", position=position)
    return queries.list_rules(connection, trail.organisation_id)


def _delete(connection: Connection, trail: Trail, rule_id: UUID) -> None:
    rule = queries.read_rule(connection, trail.organisation_id, rule_id)
    rulebook.delete_rule(connection, trail.organisation_id, rule_id)
    trail.note(connection, "routing_rule_deleted", f"routing_rule:{rule_id}", name=rule.draft.name)


def _choose(connection: Connection, trail: Trail, strategy: Strategy) -> None:
    rulebook.set_strategy(connection, trail.organisation_id, strategy)
    trail.note(connection, "routing_strategy_changed", "routing", strategy=strategy.value)


def _try(connection: Connection, organisation_id: UUID, body: Trial) -> Comparison:
    if body.until <= body.since:
        raise RefusedChangeError("until is not after since; correct one of the two", field="until")
    drafts: list[RuleDraft] | None = None if body.rules is None else []
    for number, rule in enumerate(body.rules or ()):
        with placed(lambda field, number=number: f"rules.{number}.{field}"):  # type: ignore[misc]
            draft = rulebook.parse_rule(rule.root)
            check_references(connection, organisation_id, draft)
        if drafts is not None:
            drafts.append(draft)
    return what_if(connection, organisation_id, drafts, body.strategy, body.since, body.until)


def _shown(rule: queries.StoredRule) -> RuleShown:
    draft = rule.draft
    return RuleShown(
        id=rule.id,
        position=rule.position,
        name=draft.name,
        conditions=draft.conditions,
        target=draft.target,
        is_active=draft.is_active,
    )


def _outcome(tally: Tally) -> Outcome:
    people = [
        PersonLoad(user_id=user_id, leads=leads, peak_open=tally.peak_open.get(user_id, 0))
        for user_id, leads in sorted(tally.leads.items())
    ]
    return Outcome(
        people=people,
        waited=tally.waited,
        total_wait_seconds=tally.total_wait.total_seconds(),
        longest_wait_seconds=tally.longest_wait.total_seconds(),
        never_assigned=tally.never_assigned,
    )
