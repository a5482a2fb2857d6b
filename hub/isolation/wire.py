"""What travels between the hub and a connector's process: frames of JSON, four bytes of length before each.

Values are those of the contract and cross by their pydantic types; nothing is ever unpickled. Bytes are the one thing
that JSON cannot say: they stand in an object under a mark that is random for each process, so that nothing a stranger
sends can look like it.
"""

import base64
import inspect
import json
import struct
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, get_type_hints

from pydantic import SecretBytes, SecretStr, TypeAdapter
from pydantic_core import PydanticSerializationError

from hub.connector import errors
from hub.connector.errors import ConnectorError

LENGTH = struct.Struct(">I")
LONGEST_FRAME = 64 * 1024 * 1024
"""Bytes; a delivery has 3 MiB at most, a page of a listing some more."""
ERRORS: Mapping[str, type[ConnectorError]] = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, ConnectorError)
}


class WireError(Exception):
    """What arrived is no frame of ours, or a value is not what the contract says."""


class Wire:
    """Writes and reads the frames of one process; both sides know the same ``mark``."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def frame(self, message: Mapping[str, Any]) -> bytes:
        """A message as bytes to send. Raises ``WireError`` for one that cannot be said."""
        try:
            text = json.dumps(message, default=self._said, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise WireError(f"a value cannot be sent ({type(error).__name__})") from None
        if len(text) > LONGEST_FRAME:
            raise WireError(f"a message is longer than {LONGEST_FRAME} bytes")
        return LENGTH.pack(len(text)) + text.encode("ascii")

    def message(self, content: bytes) -> dict[str, Any]:
        """The message of a frame's content. Raises ``WireError``."""
        try:
            found = json.loads(content, object_hook=self._heard)
        except (ValueError, RecursionError) as error:
            raise WireError(f"a frame cannot be read ({type(error).__name__})") from None
        if not isinstance(found, dict):
            raise WireError("a frame is no object")
        return found

    def _said(self, value: object) -> object:
        match value:
            case SecretStr():
                return value.get_secret_value()
            case SecretBytes():
                return {self._mark: base64.b64encode(value.get_secret_value()).decode("ascii")}
            case bytes():
                return {self._mark: base64.b64encode(value).decode("ascii")}
            case datetime() | date():
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
            case Enum():
                return value.value
            case set() | frozenset():
                return list(value)
            case _:
                return str(value)

    def _heard(self, found: dict[str, Any]) -> object:
        if self._mark in found and len(found) == 1:
            return base64.b64decode(found[self._mark])
        return found


def dumped(adapter: TypeAdapter[Any], value: object) -> Any:
    """A value of the contract in plain parts. Raises ``WireError`` where it is of another type."""
    try:
        return adapter.dump_python(tuple(value) if isinstance(value, set | frozenset) else value, warnings="error")
    except (PydanticSerializationError, RecursionError) as error:
        raise WireError(f"a value is not of the agreed type ({type(error).__name__})") from None


def restored(adapter: TypeAdapter[Any], parts: object) -> Any:
    """The value again. Raises ``WireError`` where the parts make none."""
    try:
        return adapter.validate_python(parts)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a value is not of the agreed type ({type(error).__name__})") from None


def error_parts(error: ConnectorError) -> dict[str, Any]:
    """A named failure in plain parts: the class of the contract that it belongs to, and its arguments."""
    kind = next(each for each in type(error).__mro__ if ERRORS.get(each.__name__) is each)
    names = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    return {"kind": kind.__name__, "with": {name: getattr(error, name) for name in names}}


def restored_error(parts: Any) -> ConnectorError:
    """The named failure again. Raises ``WireError``."""
    try:
        kind = ERRORS[parts["kind"]]
        hints = get_type_hints(kind.__init__)
        given = {name: TypeAdapter(hints[name]).validate_python(each) for name, each in parts["with"].items()}
        return kind(given.pop("user_message"), **given)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"an error cannot be read ({type(error).__name__})") from None
