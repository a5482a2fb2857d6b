"""The threads that the pieces of a batch belong to, looked up together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Message, MessageKind
from hub.connector.models import Campaign
from hub.core.conversations.models import conversation_pieces, threads
from hub.db.schema import new_id

Row = dict[str, Any]
ThreadKey = tuple[UUID, str]
"""The connection and the key of a thread within it."""

INBOUND = frozenset({MessageKind.MESSAGE, MessageKind.CALL})
"""Pieces by which the person turned to the business at that moment."""

_KNOWN = sa.select(threads).where(
    threads.c.organisation_id == sa.bindparam("organisation"),
    threads.c.connection_id == sa.bindparam("connection"),
    threads.c.key.in_(sa.bindparam("keys", expanding=True)),
)
_ORPHANS = (
    sa.select(conversation_pieces)
    .where(
        conversation_pieces.c.organisation_id == sa.bindparam("organisation"),
        conversation_pieces.c.thread_id.in_(sa.bindparam("threads", expanding=True)),
        conversation_pieces.c.lead_id.is_(None),
    )
    .order_by(conversation_pieces.c.id)
)
_CHANGING = ("sender", "recipient", "person_id", "lead_id", "is_begun", "campaign", "last_inbound_at")


@dataclass
class Thread:
    """A thread after the pieces placed so far; ``row`` is changed in place and written once.

    ``orphans`` are its pieces that have no lead yet, as rows.
    """

    row: Row
    is_new: bool
    orphans: list[Row] = field(default_factory=list)

    @property
    def is_begun(self) -> bool:
        """Whether it ever had a lead."""
        return bool(self.row["is_begun"])

    @property
    def lead_id(self) -> UUID | None:
        """The lead that it belongs to now; None for a begun thread: it was deleted."""
        return self.row["lead_id"]  # type: ignore[no-any-return]  # the column is a UUID or NULL

    @property
    def person_id(self) -> UUID | None:
        """Who is at the other end, as far as known."""
        return self.row["person_id"]  # type: ignore[no-any-return]  # the column is a UUID or NULL

    def note(self, message: Message, said_at: datetime, campaign: Campaign | None) -> None:
        """Keep what a piece says of the thread: the newest addresses, and the first campaign, that of an
        advertisement before any other."""
        if campaign is not None and self._is_better(campaign):
            self.row["campaign"] = campaign.model_dump(exclude_defaults=True)
        newest = self.row["last_inbound_at"]
        if message.kind is MessageKind.IDENTITY:
            self.row["sender"] = message.sender
        elif message.kind in INBOUND and (newest is None or said_at >= newest):
            self.row.update(last_inbound_at=said_at, sender=message.sender, recipient=message.recipient)

    def _is_better(self, campaign: Campaign) -> bool:
        kept = self.row["campaign"]
        return not kept or (names_advertisement(campaign) and not names_advertisement(Campaign.model_validate(kept)))

    def changes(self) -> Row:
        """The columns to write of a thread that is known to the database."""
        return {name: self.row[name] for name in ("organisation_id", "id", *_CHANGING)}


def names_advertisement(campaign: Campaign) -> bool:
    """Whether a campaign says more than which of our addresses was called or written to."""
    return campaign.source is not None or bool(campaign.click_ids)


def find_threads(connection: Connection, organisation_id: UUID, wanted: Iterable[ThreadKey]) -> dict[ThreadKey, Thread]:
    """Those of the threads that are known, with their pieces that wait for a lead."""
    by_connection: dict[UUID, set[str]] = {}
    for connection_id, key in wanted:
        by_connection.setdefault(connection_id, set()).add(key)
    found = {
        (row.connection_id, row.key): Thread(dict(row._mapping), is_new=False)
        for connection_id, keys in by_connection.items()
        for row in connection.execute(
            _KNOWN, {"organisation": organisation_id, "connection": connection_id, "keys": sorted(keys)}
        )
    }
    waiting = {thread.row["id"]: thread for thread in found.values() if not thread.is_begun}
    if waiting:
        for row in connection.execute(_ORPHANS, {"organisation": organisation_id, "threads": list(waiting)}):
            waiting[row.thread_id].orphans.append(dict(row._mapping))
    return found


def new_thread(organisation_id: UUID, connection_id: UUID, message: Message, now: datetime) -> Thread:
    """A thread that its first piece makes known."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "connection_id": connection_id,
        "key": message.thread,
        "channel": message.channel.value,
        "sender": message.sender,
        "recipient": message.recipient,
        "person_id": None,
        "lead_id": None,
        "is_begun": False,
        "campaign": None,
        "last_inbound_at": None,
        "created_at": now,
    }
    return Thread(row, is_new=True)
