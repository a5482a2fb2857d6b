"""How a new value meets the value that a lead already has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mapping.policies import combine
from mapping.rules import Policy

POLICIES: list[Policy] = ["overwrite", "fill_if_empty", "append"]
values = st.text("ab\n", max_size=5) | st.lists(st.sampled_from("abc"), max_size=4) | st.booleans() | st.none()


@pytest.mark.proves("P-23")
@pytest.mark.parametrize(
    ("policy", "before", "value", "after"),
    [
        ("overwrite", "old", "new", "new"),
        ("overwrite", None, "new", "new"),
        ("fill_if_empty", "old", "new", "old"),
        ("fill_if_empty", "", "new", "new"),
        ("fill_if_empty", [], ["new"], ["new"]),
        ("fill_if_empty", False, True, False),
        ("append", "old", "new", "old\nnew"),
        ("append", "old\nnew", "new", "old\nnew"),
        ("append", "renewed", "new", "renewed\nnew"),
        ("append", None, "new", "new"),
        ("append", ["a", "b"], ["b", "c"], ["a", "b", "c"]),
        ("append", True, False, True),
    ],
)
def test_policies(policy: Policy, before: JsonValue, value: JsonValue, after: JsonValue) -> None:
    """Overwrite, fill if empty, append."""
    assert combine(before, value, policy) == after


def test_what_a_person_wrote_is_never_replaced() -> None:
    """It may be added to where the mapping says append, and filled where it is empty."""
    assert combine("by hand", "new", "overwrite", is_edited=True) == "by hand"
    assert combine("by hand", "new", "append", is_edited=True) == "by hand\nnew"
    assert combine("", "new", "overwrite", is_edited=True) == "new"


@given(values, values, st.sampled_from(POLICIES), st.booleans())
def test_twice_is_once(before: JsonValue, value: JsonValue, policy: Policy, is_edited: bool) -> None:
    """The same submission put on the lead again changes nothing more."""
    once = combine(before, value, policy, is_edited=is_edited)
    assert combine(once, value, policy, is_edited=is_edited) == once
