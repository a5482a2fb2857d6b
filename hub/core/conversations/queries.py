"""Reading conversations: what was said between a lead's person and the business, both ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import MessageKind
from hub.core.conversations.models import conversation_pieces, threads
from hub.core.outbound.models import outgoing_messages
from hub.db.types import AnyRow


class Place(NamedTuple):
    """Where an entry stands in a conversation: when it was said (asked for, of our own), and its id."""

    said_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation. ``row`` is a piece with its thread, or an outgoing message.

    ``amends`` is the piece that an edit or a revocation is about, where it is known. ``edited_text`` is what the
    newest edit says, ``is_revoked`` whether the person took it back.
    """

    row: AnyRow
    place: Place
    is_inbound: bool
    amends: UUID | None = None
    edited_text: str | None = None
    is_revoked: bool = False


_PIECES = sa.select(
    conversation_pieces,
    threads.c.channel,
    threads.c.connection_id,
    threads.c.sender,
    threads.c.recipient,
    threads.c.campaign,
).join(
    threads,
    sa.and_(
        threads.c.id == conversation_pieces.c.thread_id,
        threads.c.organisation_id == conversation_pieces.c.organisation_id,
    ),
)


def conversation_of(
    connection: Connection, organisation_id: UUID, lead_id: UUID, *, before: Place | None = None, limit: int = 50
) -> list[Entry]:
    """One page of all that was written or said about a lead, newest first, from before the entry ``before``."""
    of_lead = (
        conversation_pieces.c.organisation_id == organisation_id,
        conversation_pieces.c.lead_id == lead_id,
    )
    inbound = _page(
        connection, _PIECES.where(*of_lead), conversation_pieces.c.said_at, conversation_pieces.c.id, before, limit
    )
    ours = sa.select(outgoing_messages).where(
        outgoing_messages.c.organisation_id == organisation_id, outgoing_messages.c.lead_id == lead_id
    )
    outbound = _page(connection, ours, outgoing_messages.c.asked_at, outgoing_messages.c.id, before, limit)
    entries = _with_amendments(connection, organisation_id, inbound)
    entries += [Entry(row, Place(row.asked_at, row.id), is_inbound=False) for row in outbound]
    return sorted(entries, key=lambda entry: entry.place, reverse=True)[:limit]


def _page(
    connection: Connection,
    statement: sa.Select[Any],
    moment: sa.Column[Any],
    key: sa.Column[Any],
    before: Place | None,
    limit: int,
) -> Sequence[AnyRow]:
    if before is not None:
        place = sa.tuple_(sa.literal(before.said_at, moment.type), sa.literal(before.id, key.type))
        statement = statement.where(sa.tuple_(moment, key) < place)
    return connection.execute(statement.order_by(moment.desc(), key.desc()).limit(limit)).all()


def _with_amendments(connection: Connection, organisation_id: UUID, pieces: Sequence[AnyRow]) -> list[Entry]:
    """The pieces, each with what became of it, or with what it is about."""
    edits: dict[tuple[UUID, str], str] = {}
    revoked: set[tuple[UUID, str]] = set()
    mine = conversation_pieces.c.organisation_id == organisation_id
    for row in _found(connection, mine, conversation_pieces.c.amends, pieces, "source_id"):
        if row.kind == MessageKind.EDIT:
            edits[row.thread_id, row.amends] = row.text
        elif row.kind == MessageKind.REVOCATION:
            revoked.add((row.thread_id, row.amends))
    amended = {
        (row.thread_id, row.source_id): row.id
        for row in _found(connection, mine, conversation_pieces.c.source_id, pieces, "amends")
    }
    return [
        Entry(
            row,
            Place(row.said_at, row.id),
            is_inbound=True,
            amends=amended.get((row.thread_id, row.amends)),
            edited_text=edits.get((row.thread_id, row.source_id)),
            is_revoked=(row.thread_id, row.source_id) in revoked,
        )
        for row in pieces
    ]


def _found(
    connection: Connection, mine: sa.ColumnElement[bool], column: sa.Column[Any], pieces: Sequence[AnyRow], name: str
) -> Sequence[AnyRow]:
    """The pieces of the same threads whose ``column`` is among what the pieces have under ``name``, oldest first."""
    wanted = {each for piece in pieces if (each := getattr(piece, name)) is not None}
    if not wanted:
        return []
    return connection.execute(
        sa.select(conversation_pieces)
        .where(
            mine,
            conversation_pieces.c.thread_id.in_({piece.thread_id for piece in pieces}),
            column.in_(wanted),
        )
        .order_by(conversation_pieces.c.said_at, conversation_pieces.c.id)
    ).all()
