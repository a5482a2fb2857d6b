"""The query language, as far as it is needed here, and strict about it (Google Ads Query Language grammar)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plugins.google_ads.simulator.answers import query_error
from plugins.google_ads.simulator.catalogue import ATTRIBUTED, FIELDS, Field

TOKEN = re.compile(r"\s*(?:(?P<text>'[^'\n]*'|\"[^\"\n]*\")|(?P<sign>>=|<=|!=|[=<>,()])|(?P<word>[A-Za-z0-9_.]+))")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?")
NUMBERS = ("asset.id", "conversion_action.id", "campaign.id", "group.id", "customer.id", "customer_client.id", ".level")
SIGNS = ("=", "!=", ">", ">=", "<", "<=")


@dataclass(frozen=True)
class Condition:
    """One member of WHERE."""

    field: str
    sign: str
    value: str

    def holds(self, found: str | int | bool | None) -> bool:
        """Whether a value fits. Numbers are compared as numbers, times as they are written."""
        if found is None:
            return self.sign == "!="
        if isinstance(found, bool):
            return self._compared(str(found).lower(), self.value.lower())
        if isinstance(found, int):
            return self._compared(found, int(self.value))
        shown = found[: len(self.value)] if FIELDS[self.field].is_time else found
        return self._compared(shown, self.value)

    def _compared(self, left: str | int, right: str | int) -> bool:
        outcomes = {
            "=": left == right,
            "!=": left != right,
            ">": left > right,  # type: ignore[operator]  # both are of one type
            ">=": left >= right,  # type: ignore[operator]
            "<": left < right,  # type: ignore[operator]
            "<=": left <= right,  # type: ignore[operator]
        }
        return outcomes[self.sign]


@dataclass(frozen=True)
class Query:
    """A query that was understood. ``order`` are fields with whether they descend."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None


def parse_query(text: str) -> Query:
    """The query. Raises ``AdsError`` with the code that Google documents for the mistake."""
    return _Parser(_tokens(text)).query()


def _tokens(text: str) -> list[str]:
    found, place, text = [], 0, text.strip()
    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            raise query_error("BAD_SYMBOL", f"Unexpected symbol near position {place}.")
        found.append(token.group().strip())
        place = token.end()
    return found


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._rest = list(tokens)

    def query(self) -> Query:
        self._expect("SELECT", "EXPECTED_SELECT")
        fields = self._names()
        self._expect("FROM", "EXPECTED_FROM")
        resource = self._next()
        if resource not in ATTRIBUTED:
            raise query_error("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", f"{resource} is no resource.")
        conditions = self._conditions() if self._takes("WHERE") else []
        order = self._order() if self._takes("ORDER") else []
        limit = self._limit() if self._takes("LIMIT") else None
        if self._rest:
            raise query_error("UNEXPECTED_INPUT", f"Unexpected input near {self._rest[0]}.")
        for name in fields:
            _known(name, resource, "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE")
        conditions = [_checked(condition, resource) for condition in conditions]
        for name, _ in order:
            if not _known(name, resource, "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE").can_sort:
                raise query_error("PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE", f"{name} cannot be sorted by.")
        return Query(tuple(fields), resource, tuple(conditions), tuple(order), limit)

    def _names(self) -> list[str]:
        found = [self._next()]
        while self._takes(","):
            found.append(self._next())
        return found

    def _conditions(self) -> list[Condition]:
        found = [self._condition()]
        while self._takes("AND"):
            found.append(self._condition())
        return found

    def _condition(self) -> Condition:
        field, sign, value = self._next(), self._next(), self._next()
        if sign not in SIGNS:
            raise query_error("BAD_OPERATOR", f"{sign} is no operator that is offered here.")
        return Condition(field, sign, value)

    def _order(self) -> list[tuple[str, bool]]:
        self._expect("BY", "EXPECTED_BY")
        found = []
        while True:
            name = self._next()
            descends = self._takes("DESC")
            if not descends:
                self._takes("ASC")
            found.append((name, descends))
            if not self._takes(","):
                return found

    def _limit(self) -> int:
        text = self._next()
        if not text.isdecimal() or int(text) < 1:
            raise query_error("BAD_LIMIT_VALUE", "LIMIT must be a positive number.")
        return int(text)

    def _takes(self, word: str) -> bool:
        if self._rest and self._rest[0].upper() == word:
            del self._rest[0]
            return True
        return False

    def _expect(self, word: str, code: str) -> None:
        if not self._takes(word):
            raise query_error(code, f"{word} was expected.")

    def _next(self) -> str:
        if not self._rest:
            raise query_error("UNEXPECTED_END_OF_QUERY", "The query ends too early.")
        return self._rest.pop(0)


def _known(name: str, resource: str, code: str) -> Field:
    field = FIELDS.get(name)
    if field is None:
        raise query_error("UNRECOGNIZED_FIELD", f"Unrecognized field in the query: '{name}'.")
    if name.partition(".")[0] not in {resource, *ATTRIBUTED[resource]}:
        raise query_error(code, f"{name} does not belong to {resource}.")
    return field


def _checked(condition: Condition, resource: str) -> Condition:
    """The condition with its bare value, where field and value allow it."""
    field = _known(condition.field, resource, "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE")
    if not field.can_filter:
        raise query_error("PROHIBITED_FIELD_IN_WHERE_CLAUSE", f"{condition.field} cannot be filtered.")
    bare = condition.value.strip("'\"")
    if field.is_time and (bare == condition.value or not TIME.fullmatch(bare)):
        raise query_error("BAD_VALUE", f"{condition.field} is compared with 'yyyy-mm-dd hh:mm:ss'.")
    if condition.field.endswith(NUMBERS) and not bare.isdecimal():
        raise query_error("BAD_NUMBER", f"{condition.field} is compared with a number.")
    return Condition(condition.field, condition.sign, bare)
