"""A piece of a conversation as a row, and as steps of its lead's journey."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from hub.connector.conversations import Message, MessageKind, Preference
from hub.connector.text import storable
from hub.core.leads.incoming import Incoming
from hub.core.opt_outs.words import Wish
from hub.db.schema import new_id

Row = dict[str, Any]
Step = tuple[str, Row]
"""Kind and detail of a journey step."""

STEP_KINDS = {
    MessageKind.MESSAGE: "message_received",
    MessageKind.CALL: "call_received",
    MessageKind.RECORDING: "recording_added",
    MessageKind.TRANSCRIPT: "transcript_added",
    MessageKind.EDIT: "message_edited",
    MessageKind.REVOCATION: "message_revoked",
    MessageKind.IDENTITY: "identity_changed",
}
"""A preference has no step of its own besides ``OPT_STEPS``."""
OPT_STEPS = {Preference.OPT_OUT: "opted_out", Preference.OPT_IN: "opted_in"}
PIECE_STEPS = frozenset(STEP_KINDS.values())
"""Steps whose detail holds what a person wrote or said."""
STEP_TEXT_LENGTH = 1_000
"""A step shows the beginning of a long transcript; the conversation has all of it."""


def piece_row(item: Incoming, message: Message, thread_id: UUID, wish: Wish | None) -> Row:
    """The row of a piece, without a lead yet. ``wish`` is what it was found to say about being written to."""
    duration = message.duration
    return {
        "id": new_id(),
        "thread_id": thread_id,
        "lead_id": None,
        "receipt_id": item.receipt_id,
        "kind": message.kind.value,
        "source_id": item.submission.source_id,
        "amends": message.amends,
        "text": storable(message.text),
        "preference": wish.preference.value if wish is not None else None,
        "media": [
            {"url": storable(each.url), "content_type": storable(each.content_type), "name": storable(each.name)}
            for each in message.media
        ],
        "seconds": round(duration.total_seconds()) if duration is not None else None,
        "detail": {storable(name): storable(value) for name, value in message.detail.items()},
        "said_at": item.submission.submitted_at,
        "received_at": item.received_at,
    }


def steps_of(piece: Row, channel: str) -> Iterator[Step]:
    """The journey steps that a piece becomes on its lead: what it is, and what it says about being written to."""
    about = {
        "channel": channel,
        "thread": str(piece["thread_id"]),
        "piece": str(piece["id"]),
        "receipt": str(piece["receipt_id"]),
        "said_at": piece["said_at"].isoformat(),
    }
    kind = STEP_KINDS.get(MessageKind(piece["kind"]))
    if kind is not None:
        yield kind, {**about, **_shown(piece)}
    if piece["preference"] is not None:
        yield OPT_STEPS[Preference(piece["preference"])], about


def _shown(piece: Row) -> Row:
    shown: Row = {"text": piece["text"][:STEP_TEXT_LENGTH]}
    if piece["seconds"] is not None:
        shown["seconds"] = piece["seconds"]
    if piece["media"]:
        shown["media"] = [{name: each[name] for name in ("content_type", "name")} for each in piece["media"]]
    if piece["amends"] is not None:
        shown["amends"] = piece["amends"]
    return shown
