"""Teams and rules that routing tests start from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hub.core.routing.rules import Rule, RuleDraft, ready
from hub.core.routing.team import Member, Queue, Strategy, Team

NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)
"""A Wednesday."""
QUEUE = Queue(UUID(int=900), "Unassigned leads", 60)
VIP = Queue(UUID(int=901), "Important", 15)


def person(number: int) -> UUID:
    """The id of the person with that number."""
    return UUID(int=number)


def member(number: int, **more: Any) -> Member:
    """A person who can take leads."""
    return Member(person(number), **more)


def team(members: Sequence[Member], strategy: Strategy = Strategy.LEAST_LOADED, rules: Sequence[Rule] = ()) -> Team:
    """A team with a default queue and one for important leads."""
    return Team(members, strategy, QUEUE, rules, {VIP.id: VIP})


def rule(conditions: dict[str, Any], target: dict[str, Any], number: int = 1) -> Rule:
    """A rule from its JSON."""
    draft = {"name": f"Rule {number}", "conditions": conditions, "target": target}
    return ready(UUID(int=500 + number), RuleDraft.model_validate(draft))


def to_people(*numbers: int) -> dict[str, Any]:
    """A target of several people."""
    return {"kind": "team", "user_ids": [str(person(number)) for number in numbers]}


ALWAYS: dict[str, Any] = {"all": []}
