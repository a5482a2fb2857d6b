"""The quick check of a submission's body lets through what the thorough one does, and nothing else."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter, ValidationError

from hub.connector.models import RawSubmission

_THOROUGH = TypeAdapter[JsonValue](JsonValue)


class Colour(StrEnum):
    """A text that is more than a text."""

    RED = "red"


_ODD = st.sampled_from([Colour.RED, b"bytes", (1, 2), {1}, object, {1: "number as key"}, {None: 1}])
_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | _ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(_BODIES)
def test_a_body_is_checked_as_json_is(body: Any) -> None:
    """Both checks agree about every value, and give the same back."""
    try:
        expected = _THOROUGH.validate_python(body)
    except ValidationError:
        with pytest.raises(ValidationError):
            RawSubmission(source_id="1", form_id=None, body=body)
    else:
        assert RawSubmission(source_id="1", form_id=None, body=body).body == expected


def test_an_endless_body_is_refused() -> None:
    """A structure that holds itself ends the check, not the process."""
    body: list[Any] = []
    body.append(body)
    with pytest.raises(ValidationError):
        RawSubmission(source_id="1", form_id=None, body=body)
