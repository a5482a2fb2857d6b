"""Changing routing rules, queues and the strategy."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from hub.core.organisations.checks import unused
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.organisations.queries import require_owned
from hub.core.organisations.service import bump_config_version
from hub.core.routing.loading import lock_routing
from hub.core.routing.models import queues, routing_rules, routing_settings
from hub.core.routing.queries import list_queues
from hub.core.routing.references import check_references
from hub.core.routing.rules import RuleDraft
from hub.core.routing.team import Strategy
from hub.db.schema import new_id

MAX_CLAIM_MINUTES = 30 * 24 * 60


def parse_rule(body: Mapping[str, Any]) -> RuleDraft:
    """A rule from JSON; the first thing that is wrong is named with its place."""
    try:
        return RuleDraft.model_validate(body)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        place = _path(first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise RefusedChangeError(f"{place}: {message}", field=place) from None


def create_rule(
    connection: Connection, organisation_id: UUID, draft: RuleDraft, *, position: int | None = None
) -> UUID:
    """Add a rule at a position (counted from 1, the following ones move on) or at the end."""
    existing = _begin(connection, organisation_id)
    rule_id = new_id()
    row = _checked(connection, organisation_id, draft, [name for _, name in existing])
    row |= {"id": rule_id, "organisation_id": organisation_id, "position": len(existing) + 1}
    connection.execute(sa.insert(routing_rules).values(row))
    ids = [other for other, _ in existing]
    place = len(ids) if position is None else _place(position, len(ids) + 1)
    _renumber(connection, organisation_id, [*ids[:place], rule_id, *ids[place:]])
    return rule_id


def update_rule(connection: Connection, organisation_id: UUID, rule_id: UUID, draft: RuleDraft) -> None:
    """Replace what a rule says; its position stays."""
    existing = _begin(connection, organisation_id)
    require_owned(connection, organisation_id, routing_rules, [rule_id], what="routing rule")
    row = _checked(connection, organisation_id, draft, [name for other, name in existing if other != rule_id])
    connection.execute(sa.update(routing_rules).where(*_mine(organisation_id, rule_id)).values(row))


def move_rule(connection: Connection, organisation_id: UUID, rule_id: UUID, *, position: int) -> None:
    """Put a rule at another position, counted from 1."""
    ids = [other for other, _ in _begin(connection, organisation_id)]
    require_owned(connection, organisation_id, routing_rules, [rule_id], what="routing rule")
    ids.remove(rule_id)
    ids.insert(_place(position, len(ids) + 1), rule_id)
    _renumber(connection, organisation_id, ids)


def delete_rule(connection: Connection, organisation_id: UUID, rule_id: UUID) -> None:
    """Remove a rule; traces that name it keep its name."""
    ids = [other for other, _ in _begin(connection, organisation_id)]
    if connection.execute(sa.delete(routing_rules).where(*_mine(organisation_id, rule_id))).rowcount == 0:
        raise UnknownRecordError("routing rule")
    _renumber(connection, organisation_id, [other for other in ids if other != rule_id])


def set_strategy(connection: Connection, organisation_id: UUID, strategy: Strategy) -> None:
    """Choose how the hub chooses among people who can all take a lead."""
    _begin(connection, organisation_id)
    mine = routing_settings.c.organisation_id == organisation_id
    connection.execute(sa.update(routing_settings).where(mine).values(strategy=strategy.value))


def create_queue(connection: Connection, organisation_id: UUID, *, name: str, claim_within_minutes: int) -> UUID:
    """Add a queue; a lead in it waits that many minutes for somebody to claim it before the strategy chooses.

    A queue is never removed: decisions point at it. It may be renamed.
    """
    _begin(connection, organisation_id)
    queue_id = new_id()
    row = {
        "id": queue_id,
        "organisation_id": organisation_id,
        "name": unused(name, [queue.name for queue, _ in list_queues(connection, organisation_id)]),
        "is_default": False,
        "claim_within_minutes": _minutes(claim_within_minutes),
    }
    connection.execute(sa.insert(queues).values(row))
    return queue_id


def update_queue(
    connection: Connection,
    organisation_id: UUID,
    queue_id: UUID,
    *,
    name: str | None = None,
    claim_within_minutes: int | None = None,
    is_default: bool | None = None,
) -> None:
    """Change what is given. Making a queue the default one takes that from the former default; it cannot be
    switched off, because there is always exactly one."""
    _begin(connection, organisation_id)
    require_owned(connection, organisation_id, queues, [queue_id], what="queue")
    known = list_queues(connection, organisation_id)
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = unused(name, [queue.name for queue, _ in known if queue.id != queue_id])
    if claim_within_minutes is not None:
        values["claim_within_minutes"] = _minutes(claim_within_minutes)
    if is_default:
        owned = queues.c.organisation_id == organisation_id
        connection.execute(sa.update(queues).where(owned).values(is_default=False))
        values["is_default"] = True
    elif is_default is False and any(queue.id == queue_id and stands for queue, stands in known):
        raise RefusedChangeError("one queue must be the default; make another one the default", field="is_default")
    if values:
        mine = (queues.c.organisation_id == organisation_id, queues.c.id == queue_id)
        connection.execute(sa.update(queues).where(*mine).values(values))


def _path(steps: Sequence[str | int]) -> str:
    """Where an error is, without the names of union members that pydantic puts between."""
    path: list[str] = []
    for step in map(str, steps):
        is_repeated = step in ("all", "any") and path[-1:] == [step]
        is_kind = path[-1:] == ["target"] and step in ("user", "team", "centre", "queue")
        if step != "test" and not is_repeated and not is_kind:
            path.append(step)
    return ".".join(path)


def _begin(connection: Connection, organisation_id: UUID) -> Sequence[tuple[UUID, str]]:
    """Lock, count the change, and give the rules in order as id and name."""
    bump_config_version(connection, organisation_id)
    lock_routing(connection, organisation_id)
    mine = routing_settings.c.organisation_id == organisation_id
    connection.execute(sa.update(routing_settings).where(mine).values(version=routing_settings.c.version + 1))
    statement = (
        sa.select(routing_rules.c.id, routing_rules.c.name)
        .where(routing_rules.c.organisation_id == organisation_id)
        .order_by(routing_rules.c.position, routing_rules.c.id)
    )
    return [(row.id, row.name) for row in connection.execute(statement)]


def _checked(
    connection: Connection, organisation_id: UUID, draft: RuleDraft, other_names: Sequence[str]
) -> dict[str, Any]:
    check_references(connection, organisation_id, draft)
    return {
        "name": unused(draft.name, other_names),
        "conditions": draft.conditions.model_dump(mode="json"),
        "target": draft.target.model_dump(mode="json"),
        "is_active": draft.is_active,
    }


def _place(position: int, count: int) -> int:
    if not 1 <= position <= count:
        raise RefusedChangeError(f"position must be from 1 to {count}", field="position")
    return position - 1


def _minutes(minutes: int) -> int:
    if not 1 <= minutes <= MAX_CLAIM_MINUTES:
        message = f"claim_within_minutes must be from 1 to {MAX_CLAIM_MINUTES} (30 days)"
        raise RefusedChangeError(message, field="claim_within_minutes")
    return minutes


def _renumber(connection: Connection, organisation_id: UUID, ids: Sequence[UUID]) -> None:
    for number, rule_id in enumerate(ids, start=1):
        connection.execute(sa.update(routing_rules).where(*_mine(organisation_id, rule_id)).values(position=number))


def _mine(organisation_id: UUID, rule_id: UUID) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return routing_rules.c.organisation_id == organisation_id, routing_rules.c.id == rule_id
