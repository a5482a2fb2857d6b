"""No statement may reach an organisation's table without naming the organisation (AD-02).

The check runs once per statement object and is remembered, so that statements kept at module level cost
nothing later.
"""

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ColumnElement
from sqlalchemy.sql.operators import or_
from sqlalchemy.sql.selectable import FromClause, SelectBase

ALL_ORGANISATIONS = "all_organisations"
"""Execution option with a reason (text): this statement is meant to see every organisation."""


class MissingOrganisationError(Exception):
    """A statement on an organisation's table did not say which organisation."""


_checked: "WeakKeyDictionary[Any, bool]" = WeakKeyDictionary()


def install(engine: sa.Engine) -> None:
    """Watch every statement that the engine executes."""
    sa.event.listen(engine, "before_execute", _before_execute)


def _before_execute(
    conn: Connection, clauseelement: Any, multiparams: Any, params: Any, execution_options: Any
) -> None:
    if not isinstance(clauseelement, sa.Select | sa.Update | sa.Delete | sa.CompoundSelect):
        return
    if execution_options.get(ALL_ORGANISATIONS) or clauseelement.get_execution_options().get(ALL_ORGANISATIONS):
        return
    if clauseelement in _checked:
        return
    check(clauseelement)
    _checked[clauseelement] = True


def check(statement: Any) -> None:
    """Raise ``MissingOrganisationError`` unless each owned table in the statement is tied to an organisation."""
    owned: dict[str, FromClause] = {}
    tied: set[str] = set()
    links: list[tuple[str, str]] = []
    for element, binds in _walk(statement, True):
        if isinstance(element, sa.Table) and "organisation_id" in element.c:
            owned[element.name] = element
        elif binds and isinstance(element, BinaryExpression):
            _note_tie(element, tied, links)
    if isinstance(statement, sa.Update | sa.Delete) and "organisation_id" in statement.table.c:
        owned[_name(statement.table)] = statement.table
    _spread(tied, links)
    missing = sorted(set(owned) - tied)
    if missing:
        raise MissingOrganisationError(
            f"statement on {', '.join(missing)} without organisation_id; add the filter, or the execution option "
            f"{ALL_ORGANISATIONS!r} with a reason: {statement}"
        )


def _walk(element: Any, binds: bool) -> Iterator[tuple[Any, bool]]:
    """Every part of a statement, and whether a condition there holds for each row: not if it is one of several
    alternatives or a case among others. A statement inside another one begins anew."""
    yield element, binds
    if isinstance(element, SelectBase):
        binds = True
    elif isinstance(element, sa.Case) or (isinstance(element, BooleanClauseList) and element.operator is or_):
        binds = False
    for child in element.get_children():
        yield from _walk(child, binds)


def _name(table: FromClause) -> str:
    return str(getattr(table, "name", ""))


def _note_tie(element: BinaryExpression[Any], tied: set[str], links: list[tuple[str, str]]) -> None:
    if element.operator not in (sa.sql.operators.eq, sa.sql.operators.in_op):
        return
    left, right = (_owner(side) for side in (element.left, element.right))
    if left and right:
        links.append((left, right))
    elif left and _is_value(element.right):
        tied.add(left)
    elif right and _is_value(element.left):
        tied.add(right)


def _owner(side: ColumnElement[Any]) -> str | None:
    if isinstance(side, sa.Column) and side.name == "organisation_id" and isinstance(side.table, sa.Table):
        return str(side.table.name)
    return None


def _is_value(side: Any) -> bool:
    return isinstance(side, BindParameter | sa.sql.selectable.ScalarSelect | sa.sql.elements.Grouping)


def _spread(tied: set[str], links: list[tuple[str, str]]) -> None:
    grew = True
    while grew:
        grew = False
        for left, right in _both_ways(links):
            if left in tied and right not in tied:
                tied.add(right)
                grew = True


def _both_ways(links: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for left, right in links:
        yield left, right
        yield right, left
