"""Conditions of routing rules: what they look like, which make sense, and how they are tested.

A condition is a test or a group: ``{"all": [...]}``, ``{"any": [...]}``, ``{"about": ..., "operator": ...,
"operand": ...}``. ``about`` names a fact of the lead:

- ``source_form``, ``source``, ``type``, ``centre``: an id;
- ``priority``; ``language`` (``pt`` also fits ``pt-BR``);
- ``campaign.<name>`` such as ``campaign.medium`` or ``campaign.ids.ad``;
- ``value.<key>``: a mapped value of the master form, ``value.<key>.<part>`` a part of an address or an amount.

A fact may hold several entries (a multiple choice): a test holds when one entry satisfies it, and ``ne`` and
``not_in`` when none does. Text is compared without regard to letter case and outer blanks.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    Tag,
    model_validator,
)

from hub.core.routing.request import RoutingRequest

Operand = StrictBool | StrictInt | StrictFloat | str
Predicate = Callable[[RoutingRequest], bool]
Entries = Sequence[Any]

PRIORITIES = ("critical", "high", "medium", "low")
ID_FACTS = {"source_form": "source_form_id", "source": "source_id", "type": "type_id", "centre": "centre_id"}


class Operator(StrEnum):
    """How a fact is compared with the operand."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IS_SET = "is_set"
    IS_EMPTY = "is_empty"


MEMBERSHIP = (Operator.IN, Operator.NOT_IN)
PRESENCE = (Operator.IS_SET, Operator.IS_EMPTY)
ORDER = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)
SUBSTRING = (Operator.CONTAINS, Operator.STARTS_WITH)
_IDENTITY = (Operator.EQ, Operator.NE, *MEMBERSHIP, *PRESENCE)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Test(_Part):
    """One comparison of a fact with an operand."""

    __test__ = False  # the name is not an invitation to pytest

    about: str = Field(max_length=200)
    operator: Operator
    operand: Operand | tuple[Operand, ...] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _check_operand(self)
        _check_about(self)
        return self


class AllOf(_Part):
    """Every condition holds; an empty group always does."""

    all: "tuple[Condition, ...]"


class AnyOf(_Part):
    """At least one condition holds."""

    any: "tuple[Condition, ...]" = Field(min_length=1)


def _kind(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return next((name for name in ("all", "any") if name in keys), "test")


Condition = Annotated[
    Annotated[AllOf, Tag("all")] | Annotated[AnyOf, Tag("any")] | Annotated[Test, Tag("test")], Discriminator(_kind)
]


def _check_operand(test: Test) -> None:
    many = isinstance(test.operand, tuple)
    if test.operator in PRESENCE and test.operand is not None:
        raise ValueError(f"{test.operator} takes no operand; remove it")
    if test.operator in MEMBERSHIP and not (many and test.operand):
        raise ValueError(f"{test.operator} needs a list with at least one operand")
    if test.operator not in PRESENCE + MEMBERSHIP and (many or test.operand is None):
        raise ValueError(f"{test.operator} needs exactly one operand")
    if test.operator in SUBSTRING and not isinstance(test.operand, str):
        raise ValueError(f"{test.operator} needs a text as operand")
    if test.operator in ORDER and _ordinal(test.operand) is None:
        raise ValueError(f"{test.operator} needs a number or a date such as 2026-01-31 as operand")


def _check_about(test: Test) -> None:
    fact, dot, rest = test.about.partition(".")
    if fact in ID_FACTS and not dot:
        if test.operator not in _IDENTITY:
            raise ValueError(f"{fact} cannot be compared with {test.operator}; use eq, ne, in or not_in")
        for operand in _operands(test):
            _as_id(operand, fact)
    elif test.about == "priority":
        wrong = [operand for operand in _operands(test) if operand not in PRIORITIES]
        if wrong or test.operator not in _IDENTITY:
            raise ValueError(f"priority is tested with eq, ne, in or not_in against {', '.join(PRIORITIES)}")
    elif test.about != "language" and (fact not in ("value", "campaign") or not rest or ".." in f"{rest}."):
        raise ValueError(
            f"{test.about!r} is no fact of a lead; use {', '.join(ID_FACTS)}, priority, language, "
            "campaign.<name> or value.<master field key>"
        )


def _operands(test: Test) -> tuple[Operand, ...]:
    if test.operand is None:
        return ()
    return test.operand if isinstance(test.operand, tuple) else (test.operand,)


def _as_id(operand: Operand, fact: str) -> UUID:
    try:
        return UUID(str(operand))
    except ValueError:
        raise ValueError(f"{fact} is compared with an id, and {operand!r} is none; choose from the list") from None


def compile_condition(condition: AllOf | AnyOf | Test) -> Predicate:
    """The condition as a function; what can be prepared is prepared once."""
    if isinstance(condition, Test):
        return _compile_test(condition)
    if isinstance(condition, AllOf):
        parts = [compile_condition(part) for part in condition.all]
        return lambda request: all(part(request) for part in parts)
    parts = [compile_condition(part) for part in condition.any]
    return lambda request: any(part(request) for part in parts)


def _compile_test(test: Test) -> Predicate:
    read = _reader(test.about)
    if test.operator is Operator.IS_SET:
        return lambda request: bool(read(request))
    if test.operator is Operator.IS_EMPTY:
        return lambda request: not read(request)
    holds = _comparison(test)
    if test.operator in (Operator.NE, Operator.NOT_IN):
        return lambda request: not any(holds(entry) for entry in read(request))
    return lambda request: any(holds(entry) for entry in read(request))


def _reader(about: str) -> Callable[[RoutingRequest], Entries]:
    """How to get the entries of a fact."""
    fact, _, rest = about.partition(".")
    path = rest.split(".")
    if fact == "value":
        return lambda request: _entries(_dig(request.values, path))
    if fact == "campaign":
        return lambda request: _entries(_dig(request.campaign, path))
    if fact == "language":
        return lambda request: _languages(request.language)
    name = ID_FACTS.get(fact, fact)
    return lambda request: () if (found := getattr(request, name)) is None else (found,)


def _dig(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _entries(value: Any) -> Entries:
    if value is None or value == "":
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _languages(tag: str | None) -> Entries:
    """The tag and its shorter forms: ``zh-Hant-TW``, ``zh-Hant``, ``zh``."""
    parts = tag.split("-") if tag else []
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _comparison(test: Test) -> Callable[[Any], bool]:
    """How one entry is tested; never raises, whatever a lead holds."""
    operands = _operands(test)
    if test.about in ID_FACTS:
        ids = frozenset(_as_id(operand, test.about) for operand in operands)
        return ids.__contains__
    if test.operator in ORDER:
        return _order(test.operator, operands[0])
    if test.operator in SUBSTRING:
        wanted = _folded(operands[0])
        if test.operator is Operator.CONTAINS:
            return lambda entry: wanted in _folded(entry)
        return lambda entry: _folded(entry).startswith(wanted)
    return _equality(operands)


def _equality(operands: tuple[Operand, ...]) -> Callable[[Any], bool]:
    """Yes and no are themselves, numbers and amounts are equal by value, all else as folded text."""
    switches = frozenset(operand for operand in operands if isinstance(operand, bool))
    numbers = frozenset(_ordinal(operand) for operand in operands if not isinstance(operand, bool | str))
    texts = frozenset(_folded(operand) for operand in operands if not isinstance(operand, bool))

    def holds(entry: Any) -> bool:
        if isinstance(entry, bool):
            return entry in switches
        return _folded(entry) in texts or (bool(numbers) and _ordinal(entry) in numbers)

    return holds


def _order(operator: Operator, operand: Operand) -> Callable[[Any], bool]:
    bound: Any = _ordinal(operand)
    kind = type(bound)

    def holds(entry: Any) -> bool:
        found: Any = _ordinal(entry)
        if type(found) is not kind:
            return False
        if operator is Operator.GT:
            return bool(found > bound)
        if operator is Operator.GTE:
            return bool(found >= bound)
        return bool(found < bound) if operator is Operator.LT else bool(found <= bound)

    return holds


def _ordinal(value: Any) -> Decimal | datetime | None:
    """A number, an amount (``{"amount": ...}``) or a date as something that can be ordered; None for all else."""
    if isinstance(value, dict):
        value = value.get("amount")
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _moment(text)
    return number if number.is_finite() else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _folded(value: Any) -> str:
    return str(value).strip().casefold()
