"""What crosses to a connector's process and back."""

import inspect
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter

from hub.connector import errors
from hub.connector.errors import ConnectorError, PartAccessLostError, RateLimitedError, RetryableError
from hub.connector.models import Grant, RawSubmission
from hub.isolation.wire import ERRORS, LENGTH, Wire, WireError, dumped, error_parts, restored, restored_error

MARK = "bytes:0123"
WIRE = Wire(MARK)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != MARK), inner),
    max_leaves=20,
)


def crossed(message: dict[str, Any]) -> dict[str, Any]:
    """A message after it was written and read."""
    return WIRE.message(WIRE.frame(message)[LENGTH.size :])


@given(PLAIN)
def test_plain_parts_and_bytes_cross_unchanged(value: Any) -> None:
    """Bytes stay bytes and text stays text, lone surrogates and what looks like bytes included."""
    assert crossed({"value": value})["value"] == value


def test_text_that_imitates_bytes_stays_what_it_is() -> None:
    """Whoever does not know the mark of a process cannot write bytes."""
    assert crossed({"value": {"bytes:": "AAAA"}})["value"] == {"bytes:": "AAAA"}


def test_models_with_secrets_cross_by_their_types() -> None:
    """A grant arrives with its tokens, which no text of it shows."""
    grant = Grant(access_token=SecretStr("t"), part_tokens={"page": SecretStr("p")})
    adapter = TypeAdapter(Grant)
    assert restored(adapter, crossed({"grant": dumped(adapter, grant)})["grant"]) == grant


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_every_error_of_the_contract_crosses(kind: str) -> None:
    """The class and everything that it says; one that a connector derived arrives as the class of the contract."""
    known = {"retry_after": timedelta(seconds=1.5), "part_id": "page", "path": "a[0].b", "opted_out": True}
    made = ERRORS[kind]
    names = inspect.signature(made.__init__).parameters
    error = made("Do this.", **{name: known[name] for name in names if name in known}, detail="d", code="c")
    derived = type("Own", (made,), {})
    error.__class__ = derived
    found = restored_error(crossed({"error": error_parts(error)})["error"])
    assert type(found) is made
    assert vars(found) == vars(error)


def test_the_list_of_errors_is_that_of_the_contract() -> None:
    """A class that is added there crosses without a word here."""
    assert {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ConnectorError)} == {
        *ERRORS.values()
    }
    assert {ConnectorError, RetryableError, RateLimitedError, PartAccessLostError} <= {*ERRORS.values()}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"a":' * 5_000], ids=["empty", "list", "cut", "no_text", "deep"]
)
def test_what_is_no_frame_is_refused(content: bytes) -> None:
    """A process may send anything; only one error comes of it."""
    with pytest.raises(WireError):
        WIRE.message(content)


@pytest.mark.parametrize(
    "parts", [None, [], {}, {"kind": "OSError", "with": {}}, {"kind": "RetryableError", "with": {}}]
)
def test_what_is_no_error_is_refused(parts: Any) -> None:
    """Nothing but errors of the contract can be made from the outside."""
    with pytest.raises(WireError):
        restored_error(parts)


def test_a_value_of_another_type_is_refused() -> None:
    """On both sides: what a connector returns must be what the contract says."""
    with pytest.raises(WireError):
        dumped(TypeAdapter(RawSubmission), object())
    with pytest.raises(WireError):
        restored(TypeAdapter(RawSubmission), json.loads('{"source_id": 1}'))
