"""A JSON body changed at one place at a time, for the rules on hostile and on future input."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import JsonValue

NOVELTY = "unknown_field_of_tomorrow"
Path = tuple[str | int, ...]
Change = Callable[[Any, str | int], None]


def places_in(body: JsonValue, path: Path = ()) -> list[Path]:
    """The path of every value inside a JSON body, the body itself not counted."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    found: list[Path] = []
    for key, value in inner:
        found += [(*path, key), *places_in(value, (*path, key))]
    return found


def changed_everywhere(body: JsonValue, change: Change) -> Iterator[tuple[JsonValue, str]]:
    """Copies of a JSON body, each changed at one place, with a word on where."""
    for path in places_in(body):
        copied = copy.deepcopy(body)
        change(_at(copied, path[:-1]), path[-1])
        yield copied, f"{'.'.join(str(step) for step in path)} changed"


def with_novelty(body: JsonValue) -> Iterator[JsonValue]:
    """Copies of a JSON body, each with one unknown field in one of its objects.

    Its value is like that of a sibling, since an object may be a map of answers whose values are all alike.
    """
    for path in [(), *places_in(body)]:
        copied = copy.deepcopy(body)
        here = _at(copied, path)
        if isinstance(here, dict):
            here[NOVELTY] = copy.deepcopy(next(reversed(here.values()), "tomorrow"))
            yield copied


def delete(here: Any, step: str | int) -> None:
    """A change: the key or element is gone."""
    del here[step]


def put(value: JsonValue) -> Change:
    """A change: another value stands there."""

    def change(here: Any, step: str | int) -> None:
        here[step] = value

    return change


def parsed(body: bytes) -> JsonValue:
    """The JSON in these bytes; None where it is none."""
    try:
        found: JsonValue = json.loads(body)
    except ValueError:
        return None
    return found


def _at(body: JsonValue, path: Path) -> Any:
    here: Any = body
    for step in path:
        here = here[step]
    return here
