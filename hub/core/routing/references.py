"""Whether a rule names only what exists in its organisation."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.field_mappings.models import source_forms
from hub.core.master_form.models import master_fields
from hub.core.organisations.errors import RefusedChangeError
from hub.core.organisations.models import centres
from hub.core.pipelines.models import lead_sources, lead_types
from hub.core.routing.conditions import ID_FACTS, AllOf, AnyOf, Test
from hub.core.routing.models import assignees, queues
from hub.core.routing.rules import CentreTarget, QueueTarget, RuleDraft, TeamTarget, UserTarget

MAX_DEPTH = 8
_TABLES = {"source_form": source_forms, "source": lead_sources, "type": lead_types, "centre": centres}


def check_references(connection: Connection, organisation_id: UUID, draft: RuleDraft) -> None:
    """Raise ``RefusedChangeError`` naming the place in the rule whose id or field is unknown here."""
    _check_target(connection, organisation_id, draft)
    for path, test in _tests(draft.conditions, "conditions"):
        fact, _, rest = test.about.partition(".")
        if fact in ID_FACTS and test.operand is not None:
            operands = test.operand if isinstance(test.operand, tuple) else (test.operand,)
            ids = {UUID(str(operand)) for operand in operands}
            _require(connection, organisation_id, _TABLES[fact].c.id, ids, path, fact.replace("_", " "))
        elif fact == "value":
            _require(connection, organisation_id, master_fields.c.key, {rest.split(".")[0]}, path, "master field")


def _check_target(connection: Connection, organisation_id: UUID, draft: RuleDraft) -> None:
    target = draft.target
    if isinstance(target, UserTarget):
        _require(connection, organisation_id, assignees.c.user_id, {target.user_id}, "target.user_id", "assignee")
    elif isinstance(target, TeamTarget):
        people = set(target.user_ids)
        _require(connection, organisation_id, assignees.c.user_id, people, "target.user_ids", "assignee")
    elif isinstance(target, QueueTarget):
        _require(connection, organisation_id, queues.c.id, {target.queue_id}, "target.queue_id", "queue")
    elif isinstance(target, CentreTarget) and target.centre_id is not None:
        _require(connection, organisation_id, centres.c.id, {target.centre_id}, "target.centre_id", "centre")


def _require(
    connection: Connection, organisation_id: UUID, column: sa.Column[Any], wanted: set[Any], field: str, what: str
) -> None:
    found = sa.select(column).where(column.table.c.organisation_id == organisation_id, column.in_(wanted))
    missing = wanted - set(connection.execute(found).scalars())
    if missing:
        names = ", ".join(sorted(str(key) for key in missing))
        raise RefusedChangeError(f"{field} names an unknown {what} ({names}); choose an existing one", field=field)


def _tests(condition: AllOf | AnyOf | Test, path: str, depth: int = 1) -> Iterator[tuple[str, Test]]:
    """Every single test with its place in the rule."""
    if depth > MAX_DEPTH:
        message = f"{path} is nested more than {MAX_DEPTH} levels deep; split the rule in two"
        raise RefusedChangeError(message, field=path)
    if isinstance(condition, Test):
        yield path, condition
        return
    name, parts = ("all", condition.all) if isinstance(condition, AllOf) else ("any", condition.any)
    for number, part in enumerate(parts):
        yield from _tests(part, f"{path}.{name}.{number}", depth + 1)
