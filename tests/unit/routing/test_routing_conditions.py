"""What conditions of rules mean, and which are refused."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub.core.routing.conditions import Condition, Operator, compile_condition
from hub.core.routing.request import RoutingRequest

FORM, OTHER = UUID(int=1), UUID(int=2)
REQUEST = RoutingRequest(
    values={
        "city": "  Lisboa ",
        "services": ["Massage", "Sauna"],
        "budget": {"amount": "1250.00", "currency": "EUR"},
        "people": "4",
        "is_member": True,
        "birth_date": "1990-05-17",
        "appointment_at": "2026-02-01T10:00:00+02:00",
        "empty": "",
    },
    source_form_id=FORM,
    priority="high",
    campaign={"name": "Winter Offer", "medium": "cpc", "ids": {"ad": "120210000000000001"}},
    language="pt-BR",
)


def _holds(condition: dict[str, Any], request: RoutingRequest = REQUEST) -> bool:
    return compile_condition(TypeAdapter(Condition).validate_python(condition))(request)


@pytest.mark.parametrize(
    ("about", "operator", "operand", "expected"),
    [
        ("value.city", "eq", "lisboa", True),
        ("value.city", "ne", "lisboa", False),
        ("value.city", "in", ["Porto", "LISBOA"], True),
        ("value.city", "contains", "isb", True),
        ("value.city", "starts_with", "lis", True),
        ("value.services", "contains", "sau", True),
        ("value.services", "eq", "sauna", True),
        ("value.services", "not_in", ["Sauna"], False),
        ("value.services", "not_in", ["Pool"], True),
        ("value.budget", "gt", 1000, True),
        ("value.budget", "lte", 1250, True),
        ("value.budget", "lt", 1250, False),
        ("value.budget", "eq", 1250, True),
        ("value.budget.currency", "eq", "eur", True),
        ("value.people", "eq", 4, True),
        ("value.people", "gte", "4", True),
        ("value.is_member", "eq", True, True),
        ("value.is_member", "eq", False, False),
        ("value.is_member", "eq", 1, False),
        ("value.birth_date", "lt", "2000-01-01", True),
        ("value.appointment_at", "gt", "2026-02-01T07:59:00+00:00", True),
        ("value.city", "gt", 5, False),
        ("value.empty", "is_empty", None, True),
        ("value.none_such", "is_set", None, False),
        ("value.none_such", "ne", "x", True),
        ("source_form", "eq", str(FORM), True),
        ("source_form", "not_in", [str(FORM), str(OTHER)], False),
        ("source", "is_empty", None, True),
        ("centre", "eq", str(OTHER), False),
        ("priority", "in", ["critical", "high"], True),
        ("campaign.name", "contains", "winter", True),
        ("campaign.ids.ad", "eq", "120210000000000001", True),
        ("campaign.term", "is_set", None, False),
        ("language", "eq", "pt", True),
        ("language", "eq", "pt-br", True),
        ("language", "eq", "en", False),
    ],
)
def test_a_test_means_what_it_says(about: str, operator: str, operand: object, expected: bool) -> None:
    """Each operator on each kind of fact."""
    condition = {"about": about, "operator": operator} | ({} if operand is None else {"operand": operand})
    assert _holds(condition) is expected


def test_groups_nest() -> None:
    """``all`` and ``any`` combine tests and groups."""
    high = {"about": "priority", "operator": "eq", "operand": "high"}
    porto = {"about": "value.city", "operator": "eq", "operand": "Porto"}
    assert _holds({"all": [high, {"any": [porto, high]}]})
    assert not _holds({"all": [high, {"any": [porto]}]})
    assert _holds({"all": []})


@pytest.mark.parametrize(
    "condition",
    [
        {"about": "value.city", "operator": "eq"},
        {"about": "value.city", "operator": "eq", "operand": ["a"]},
        {"about": "value.city", "operator": "in", "operand": "a"},
        {"about": "value.city", "operator": "in", "operand": []},
        {"about": "value.city", "operator": "is_set", "operand": "x"},
        {"about": "value.city", "operator": "gt", "operand": "soon"},
        {"about": "value.city", "operator": "contains", "operand": 5},
        {"about": "value.city", "operator": "like", "operand": "a"},
        {"about": "value.", "operator": "is_set"},
        {"about": "owner", "operator": "is_set"},
        {"about": "source", "operator": "eq", "operand": "not-an-id"},
        {"about": "source", "operator": "gt", "operand": 5},
        {"about": "priority", "operator": "eq", "operand": "urgent"},
        {"any": []},
        {"all": [], "any": []},
        {"about": "language", "operator": "eq", "operand": "en", "extra": 1},
    ],
)
def test_a_test_that_makes_no_sense_is_refused(condition: dict[str, Any]) -> None:
    """A rule that could never mean anything is not stored."""
    with pytest.raises(ValidationError):
        TypeAdapter(Condition).validate_python(condition)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(value=_json, operator=st.sampled_from(Operator))
def test_no_value_of_a_lead_makes_a_rule_fail(value: object, operator: Operator) -> None:
    """Whatever a lead holds, testing it gives yes or no."""
    operand: dict[str, object] = {"operand": 5}
    if operator in ("in", "not_in"):
        operand = {"operand": [5, "x", True]}
    elif operator in ("is_set", "is_empty"):
        operand = {}
    elif operator in ("contains", "starts_with"):
        operand = {"operand": "x"}
    result = _holds(
        {"about": "value.any", "operator": operator.value, **operand}, RoutingRequest(values={"any": value})
    )
    assert result in (True, False)
