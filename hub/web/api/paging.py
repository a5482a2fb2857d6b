"""Keyset paging: a page begins after the last row of the one before, whatever was added meanwhile.

The cursor is the moment and id of that row in base64url: opaque to callers, but no secret and not signed. It only
says where to go on; what may be seen is decided anew with every request.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from pydantic import Field

from hub.db.types import from_micros, to_micros
from hub.web.api.routing import Input
from hub.web.problems import FieldProblem, Problem

T = TypeVar("T")
_MOMENT_BYTES = 8
_CURSOR_BYTES = 24


class Position(NamedTuple):
    """A row in a list that is sorted by moment and id, newest first."""

    moment: datetime
    id: UUID


class PageQuery(Input):
    """Base of the query of every list."""

    limit: int = Field(50, ge=1, le=200, description="How many rows at most.")
    cursor: str | None = Field(None, max_length=64, description="next_cursor of the page before.")

    @property
    def before(self) -> Position | None:
        """Where to go on. Raises ``Problem`` 400 for a cursor that no page gave."""
        return None if self.cursor is None else decode(self.cursor)


def encode(position: Position) -> str:
    """The cursor of a position."""
    moment = to_micros(position.moment).to_bytes(_MOMENT_BYTES, "big", signed=True)
    return urlsafe_b64encode(moment + position.id.bytes).decode()


def decode(cursor: str) -> Position:
    """The position of a cursor. Raises ``Problem`` 400 for anything that ``encode`` does not give."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii"))
        if len(raw) != _CURSOR_BYTES or urlsafe_b64encode(raw).decode() != cursor:
            raise ValueError("not a cursor")
        moment = from_micros(int.from_bytes(raw[:_MOMENT_BYTES], "big", signed=True))
        return Position(moment, UUID(bytes=raw[_MOMENT_BYTES:]))
    except (ValueError, OverflowError, OSError, binascii.Error):
        detail = "This is not a cursor of a page; use next_cursor of the page before, or leave it out."
        raise Problem(400, "bad-cursor", detail, errors=[FieldProblem(pointer="query/cursor", detail=detail)]) from None


def cut(rows: Sequence[T], limit: int, position: Callable[[T], Position]) -> tuple[list[T], str | None]:
    """The rows of a page and the cursor of the next, from ``limit + 1`` rows that were asked for."""
    shown = list(rows[:limit])
    return shown, encode(position(shown[-1])) if len(rows) > limit else None
