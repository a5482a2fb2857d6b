"""Reading JSON that a provider posts: lenient about numbers and text, exact about where something cannot be read."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from hub.connector.errors import BadPayloadError
from hub.connector.models import Identifier
from hub.connector.text import storable as storable_text

DEEPEST = 64
LONGEST_SECONDS = 12
TOO_DEEP = "This part is nested too deeply to be kept apart; the delivery's raw bytes have it whole."


def _as_id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is text or a whole number")
    return storable_text(str(value).strip())


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    return storable_text(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _as_members(value: Any) -> Any:
    return () if value is None else value


def _as_seconds(value: Any) -> Any:
    """Unix seconds, as text in most places and as a number in others."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_SECONDS):
        raise ValueError("not Unix seconds")
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("not Unix seconds") from None


Id = Annotated[Identifier, BeforeValidator(_as_id)]
Text = Annotated[str, BeforeValidator(_as_text)]
"""Any text; empty where there is none."""
Listed = BeforeValidator(_as_members)
"""A list in which null stands for none."""
UnixMoment = Annotated[datetime, BeforeValidator(_as_seconds)]


class Wire(BaseModel):
    """Base of models of what a provider sends: unknown members are left to the raw body."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


WireT = TypeVar("WireT", bound=Wire)


def read(model: type[WireT], value: Any, *, at: str = "") -> WireT:
    """The value as a wire model, or ``BadPayloadError`` with the path of the first fault, ``at`` put before it.

    The original exception is not chained: it holds the values, which may be personal.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise BadPayloadError(
            "This message of the provider has an unexpected shape.", path=_path(at, first["loc"]), detail=first["type"]
        ) from None


def _path(at: str, location: tuple[int | str, ...]) -> str:
    text = at
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def parsed(body: bytes) -> Any:
    """The JSON of a verified body. ``NaN`` and the like are no JSON (RFC 8259 section 6)."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadPayloadError("The provider's message is no JSON.", path="") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def kept(value: Any) -> JsonValue:
    """The value as any store takes it: no halves of surrogate pairs, no NUL, and nothing nested without end."""
    return _cleaned(value) if _is_shallow(value, DEEPEST) else TOO_DEEP


def _cleaned(value: Any) -> JsonValue:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {storable_text(name): _cleaned(each) for name, each in value.items()}
    result: JsonValue = value
    return result


def _is_shallow(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inside)
