"""Routing rules: a condition, and whom it prefers.

A rule prefers, it does not exclude (P-39): when nobody whom it names can take the lead, the next rule is tried and
in the end the strategy. Who wants a lead to wait instead puts a rule with a queue behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from hub.core.routing.conditions import AllOf, AnyOf, Condition, Test, compile_condition
from hub.core.routing.request import RoutingRequest


class _Target(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UserTarget(_Target):
    """One person."""

    kind: Literal["user"]
    user_id: UUID


class TeamTarget(_Target):
    """Several people, among whom the strategy chooses."""

    kind: Literal["team"]
    user_ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)


class CentreTarget(_Target):
    """The people of a centre, among whom the strategy chooses; without an id the lead's own centre."""

    kind: Literal["centre"]
    centre_id: UUID | None = None


class QueueTarget(_Target):
    """A queue, whose clock then runs."""

    kind: Literal["queue"]
    queue_id: UUID


Target = Annotated[UserTarget | TeamTarget | CentreTarget | QueueTarget, Field(discriminator="kind")]


class RuleDraft(BaseModel):
    """A rule as people write it. ``conditions`` is a group or a single test (see ``conditions.py``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    conditions: Condition
    target: Target
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule made ready. ``no_match`` is the line it leaves in a trace when it does not hold."""

    id: str
    name: str
    target: UserTarget | TeamTarget | CentreTarget | QueueTarget
    holds: Callable[[RoutingRequest], bool]
    no_match: dict[str, Any]
    people: tuple[UUID, ...] = ()
    queue_id: UUID | None = None


def ready(rule_id: UUID, draft: RuleDraft) -> Rule:
    """Make a rule ready to be tried many times."""
    return _make(str(rule_id), draft.name, draft.conditions, draft.target)


@lru_cache(maxsize=4096)
def rule_of_text(rule_id: UUID, name: str, conditions: str, target: str) -> Rule:
    """A stored rule made ready, remembered by its text: rules are read for every batch and seldom change."""
    return _make(str(rule_id), name, _CONDITION.validate_json(conditions), _TARGET.validate_json(target))


_CONDITION: TypeAdapter[AllOf | AnyOf | Test] = TypeAdapter(Condition)
_TARGET: TypeAdapter[UserTarget | TeamTarget | CentreTarget | QueueTarget] = TypeAdapter(Target)


def _make(
    rule_id: str,
    name: str,
    conditions: AllOf | AnyOf | Test,
    target: UserTarget | TeamTarget | CentreTarget | QueueTarget,
) -> Rule:
    people: tuple[UUID, ...] = ()
    if isinstance(target, UserTarget):
        people = (target.user_id,)
    elif isinstance(target, TeamTarget):
        people = target.user_ids
    return Rule(
        id=rule_id,
        name=name,
        target=target,
        holds=compile_condition(conditions),
        no_match={"step": "rule", "rule": rule_id, "name": name, "result": "no_match"},
        people=people,
        queue_id=target.queue_id if isinstance(target, QueueTarget) else None,
    )
