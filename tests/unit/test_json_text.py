"""JSON as it is kept: ASCII text that reads back as what it was, lone surrogates and NUL included."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hub.db.types import encode_json

_TEXT = st.text(st.characters(exclude_categories=()))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
@example({"\ud800": ["\0", "\udfff", "\u2028", "\x7f"]})
@example([1e400, -1e400, 10**60, 1e16, 1e-7, -0.0])
def test_json_text_reads_back_as_what_it_was(value: Any) -> None:
    """Whichever of the two encoders wrote it."""
    text = encode_json(value)
    assert text.isascii()
    assert json.loads(text) == value
