"""Receipts: what is kept of one inbound delivery before anything else happens to it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from hub.connector.errors import BadPayloadError
from hub.connector.models import Pointer, RawSubmission
from hub.connector.text import storable
from hub.db.schema import new_id

REASON_LENGTH = 60
"""Reasons come from connectors, too, and have to fit their column."""


class Path(StrEnum):
    """By which way a receipt came in."""

    WEBHOOK = "webhook"
    FORM = "form"
    PULL = "pull"
    IMPORT = "import"


class Disposition(StrEnum):
    """How a receipt ended. Exactly one; ``PENDING`` until then."""

    PENDING = "pending"
    LEAD_CREATED = "lead_created"
    ATTACHED = "attached"
    DUPLICATE = "duplicate"
    TEST = "test"
    SPAM = "spam"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One inbound delivery, verified and unpacked, not yet stored.

    ``raw`` are the bytes as received, ``headers`` the few worth keeping. ``hold`` is the reason for which all of it
    goes to quarantine (``inactive``, ``old_version``, ``unknown_account`` ...). ``failure`` is why a verified body
    could not be unpacked; then there are no submissions and one receipt is kept. With ``strict_repeat`` a known
    ``source_id`` with another content is refused instead of recorded (PF-03).
    """

    organisation_id: UUID
    connection_id: UUID | None
    connector: str
    path: Path
    received_at: datetime
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    submissions: tuple[RawSubmission, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    hold: str | None = None
    failure: BadPayloadError | None = None
    strict_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the ledger stored of a delivery. ``repeated`` says that all of its source ids were known before."""

    receipt_ids: tuple[UUID, ...]
    repeated: bool = False


class KeyReusedError(Exception):
    """An idempotency key came again with another content; nothing was stored (PF-03)."""


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def digest(content: Any) -> str:
    """A fingerprint of JSON content that does not depend on the order of keys."""
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def rows_of(delivery: Delivery, process_name: str) -> list[dict[str, Any]]:
    """The receipts of a delivery as rows: one per submission or pointer, one where nothing could be unpacked."""
    delivery_id = new_id()
    rows = [
        _row(delivery, delivery_id, position, element, process_name)
        for position, element in enumerate(_elements(delivery))
    ]
    rows[0]["id"] = delivery_id
    rows[0]["raw"] = delivery.raw
    rows[0]["headers"] = dict(delivery.headers)
    return rows


def _elements(delivery: Delivery) -> Iterator[RawSubmission | Pointer | None]:
    yield from delivery.submissions
    yield from delivery.pointers
    if not delivery.submissions and not delivery.pointers:
        yield None


def _row(
    delivery: Delivery, delivery_id: UUID, position: int, element: RawSubmission | Pointer | None, process_name: str
) -> dict[str, Any]:
    is_raw = isinstance(element, RawSubmission)
    spam = is_raw and bool(element.suspicions)  # type: ignore[union-attr]  # is_raw says it is a RawSubmission
    disposition, reason = _first_disposition(delivery, is_empty=element is None, is_spam=spam)
    failure = delivery.failure
    detail = f"{failure.path}: {failure.user_message}" if failure is not None else None
    return {
        "id": new_id() if position else delivery_id,
        "organisation_id": delivery.organisation_id,
        "connection_id": delivery.connection_id,
        "connector": delivery.connector,
        "path": delivery.path.value,
        "delivery_id": delivery_id,
        "position": position,
        "form_id": _text(element.form_id) if element else None,
        "part_id": _text(element.part_id) if element else None,
        "source_id": _text(element.source_id) if element else None,
        "is_pointer": isinstance(element, Pointer),
        "raw": None,
        "headers": {},
        "payload": element.body if is_raw else None,  # type: ignore[union-attr]
        "suspicions": list(element.suspicions) if spam else None,  # type: ignore[union-attr]
        "digest": digest(element.body) if is_raw else "",  # type: ignore[union-attr]
        "received_at": delivery.received_at,
        "disposition": disposition.value,
        "reason": storable(reason)[:REASON_LENGTH] if reason else None,
        "detail": storable(detail)[:500] if detail else None,
        "lease_owner": process_name if disposition is Disposition.PENDING else None,
        "settled_at": None if disposition is Disposition.PENDING else delivery.received_at,
    }


def _first_disposition(delivery: Delivery, *, is_empty: bool, is_spam: bool) -> tuple[Disposition, str | None]:
    """How a receipt starts, and why. A delivery without any submission is at its end at once: there was nothing."""
    if delivery.failure is not None:
        return Disposition.QUARANTINED, delivery.failure.code
    if delivery.hold is not None:
        return Disposition.QUARANTINED, delivery.hold
    if is_empty:
        return Disposition.REJECTED, "nothing_inside"
    return (Disposition.SPAM, "suspected_spam") if is_spam else (Disposition.PENDING, None)


def _text(value: str | None) -> str | None:
    return storable(value) if value is not None else None
