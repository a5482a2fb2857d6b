"""Lists in pages with cursors, limits that are too large, and only the fields that were asked for (section 4.1)."""

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from plugins.meta_ads.simulator.answers import GRAPH_METHOD, GraphError
from plugins.meta_ads.simulator.world import MetaWorld

DEFAULT_LIMIT = 25
TOO_MANY = 1000


def list_page(
    world: MetaWorld, path: str, rows: Sequence[tuple[str, dict[str, Any]]], params: Mapping[str, str]
) -> dict[str, Any]:
    """One page of rows, each under its sort key, in descending order of the keys.

    A cursor stands for a key and not for a number, so that rows which arrive or go meanwhile do not shift it.
    """
    limit = min(_limit(params), world.largest_page)
    after = _read_cursor(world, params["after"]) if "after" in params else None
    rest = [row for row in rows if after is None or row[0] < after]
    if world.starts_with_empty_page and after is None and rest:
        shown, last = [], "\U0010ffff"
    else:
        shown = rest[:limit]
        last = shown[-1][0] if shown else ""
    answer: dict[str, Any] = {"data": [row for _, row in shown]}
    if shown or len(rest) > len(shown):
        first = shown[0][0] if shown else last
        answer["paging"] = {"cursors": {"before": _cursor(world, first), "after": _cursor(world, last)}}
    if len(rest) > len(shown):
        asked = {**params, "access_token": "TOKEN-IN-NEXT-ADDRESS", "limit": str(limit), "after": _cursor(world, last)}
        answer["paging"]["next"] = f"{world.origins[0]}/{world.graph_version}/{path}?{urlencode(asked)}"
    return answer


def chosen_fields(
    row: Mapping[str, Any], params: Mapping[str, str], known: Collection[str], defaults: Sequence[str]
) -> dict[str, Any]:
    """What was asked for, as far as the row has it; the id always. Unknown names are refused."""
    asked = [each for each in params.get("fields", "").split(",") if each] or list(defaults)
    for name in asked:
        if name not in known:
            raise GraphError(100, f"(#100) Tried accessing nonexisting field ({name})")
    return {name: row[name] for name in ["id", *(each for each in asked if each != "id")] if name in row}


def _limit(params: Mapping[str, str]) -> int:
    text = params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise GraphError(100, "(#100) Param limit must be a positive integer")
    if int(text) > TOO_MANY:
        message = "Please reduce the amount of data you're asking for, then retry your request"
        raise GraphError(1, message, status=500)
    return int(text)


def _cursor(world: MetaWorld, key: str) -> str:
    return base64.urlsafe_b64encode(f"{world.cursor_generation} {key}".encode()).decode()


def _read_cursor(world: MetaWorld, text: str) -> str:
    try:
        generation, _, key = base64.urlsafe_b64decode(text).decode().partition(" ")
    except ValueError:
        generation, key = "", ""
    if generation != str(world.cursor_generation):
        raise GraphError(100, "(#100) Invalid cursors values", kind=GRAPH_METHOD)
    return key
