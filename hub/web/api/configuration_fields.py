"""Kinds of values that the routes about configuration read."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]+$"
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _sensible(moment: datetime) -> datetime:
    if not _FIRST <= moment < _LAST:
        raise ValueError("send a moment from 1970 to 2199")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_sensible)]
"""A moment with its zone; UTC once it is read."""

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
"""Some sentences about something."""

Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$"), Field(examples=["#2F80ED"])]
"""Red, green and blue."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
"""A name that programs give, such as the id of an account part or the key of a question."""

Number = Annotated[int, Field(ge=1, le=2_147_483_647)]
"""A version or a place, counted from 1."""
