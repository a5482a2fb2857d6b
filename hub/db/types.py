"""Column types that mean the same on SQLite and on PostgreSQL."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

AnyRow = sa.Row[*tuple[Any, ...]]
"""A row of whatever columns."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC. A naive one is refused: it would mean another time on another host.

    On SQLite it is a whole number of microseconds since 1970, which sorts, compares and reads fast.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """An integer on SQLite, ``timestamptz`` on PostgreSQL."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """To the database, by one call per value: rows have many moments."""
        return _stored_micros if dialect.name == "sqlite" else _stored_moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return from_micros(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]  # the driver gives a datetime


def _stored_micros(value: datetime | None) -> int | None:
    return None if value is None else to_micros(_aware(value))


def _stored_moment(value: datetime | None) -> datetime | None:
    return None if value is None else _aware(value).astimezone(UTC)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stored")
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(value: datetime) -> int:
    """Whole microseconds since 1970."""
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(value: int) -> datetime:
    """The moment of that many microseconds since 1970."""
    seconds, micros = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


_encode_slowly = json.JSONEncoder(separators=(",", ":")).encode


def encode_json(value: Any) -> str:
    """Compact ASCII JSON; ids and moments become their text. Raises ``TypeError`` or ``ValueError`` for what is none.

    Three times as fast as the standard library's encoder, which is left what the fast one refuses: lone surrogates.
    """
    try:
        return to_json(value, ensure_ascii=True, inf_nan_mode="constants").decode("ascii")
    except (PydanticSerializationError, UnicodeError):
        return _encode_slowly(value)


class JsonText(TypeDecorator[Any]):
    """JSON kept as ASCII text.

    Not JSONB: PostgreSQL's refuses NUL characters and lone surrogates, which senders do send; escaped ASCII
    text keeps them and is the same on both databases.
    """

    impl = sa.Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """To the database, by one call per value."""
        return _stored_json

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(value)


def _stored_json(value: Any) -> str | None:
    return None if value is None else encode_json(value)
