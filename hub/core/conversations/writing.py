"""Writing the conversations of a batch, in the transaction that writes its leads."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.connector.conversations import Message, MessageKind, Preference
from hub.core.conversations.models import conversation_pieces, threads
from hub.core.conversations.pieces import Row, Step, piece_row, steps_of
from hub.core.conversations.threads import INBOUND, Thread, ThreadKey, find_threads, new_thread
from hub.core.leads.incoming import Incoming
from hub.core.opt_outs.addresses import PHONE, AddressKey, address_key, is_one_persons
from hub.core.opt_outs.queries import lock, states_of
from hub.core.opt_outs.service import Cause, record
from hub.core.opt_outs.words import Wish
from hub.db.bulk import insert_rows, update_rows


class ConversationBatch:
    """The conversations that incoming submissions of one organisation belong to.

    What is no piece of a conversation passes by, and so do test submissions: they bind nobody. The caller holds the
    organisation's routing lock, so a thread that is unknown here is made by nobody else meanwhile.
    """

    def __init__(self, connection: Connection, organisation_id: UUID, now: datetime) -> None:
        self._connection = connection
        self._organisation_id = organisation_id
        self._now = now
        self._threads: dict[ThreadKey, Thread] = {}
        self._changed: dict[UUID, Thread] = {}
        self._pieces: dict[UUID, Row] = {}
        self._adopted: list[Row] = []
        self._opted_out: dict[AddressKey, bool] = {}
        self._wishes: list[tuple[Incoming, Message, Wish]] = []
        self._moves: list[tuple[Incoming, Message, AddressKey]] = []

    def look_up(self, items: Sequence[Incoming]) -> None:
        """Read what is known of the items' threads and wishes. To be called before leads are locked, see
        ``opt_outs.queries.is_opted_out``."""
        pieces = [(item, message) for item in items if (message := message_of(item)) is not None]
        if not pieces:
            return
        if any(item.wish is not None or message.kind is MessageKind.IDENTITY for item, message in pieces):
            lock(self._connection, self._organisation_id, alone=True)
        resuming = [_sender_key(message) for item, message in pieces if item.wish and item.wish.only_to_resume]
        states = states_of(self._connection, self._organisation_id, resuming)
        self._opted_out = {key: state.is_opted_out for key, state in states.items()}
        wanted = [_thread_key(item, message) for item, message in pieces]
        self._threads = find_threads(self._connection, self._organisation_id, wanted)

    @property
    def people(self) -> set[UUID]:
        """The persons that the threads lead to."""
        return {thread.person_id for thread in self._threads.values() if thread.person_id is not None}

    @property
    def lead_ids(self) -> set[UUID]:
        """The leads that the threads lead to."""
        return {thread.lead_id for thread in self._threads.values() if thread.lead_id is not None}

    def thread_of(self, item: Incoming) -> Thread | None:
        """The thread of a piece, new or known; None where the item is no piece of a conversation."""
        message = message_of(item)
        if message is None:
            return None
        key = _thread_key(item, message)
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = new_thread(self._organisation_id, key[0], message, self._now)
        return thread

    def add(self, item: Incoming, thread: Thread, lead_id: UUID | None, person_id: UUID | None) -> list[Step]:
        """Put a piece into its thread, on its lead if there is one; returns the steps for the lead's journey.

        Pieces that waited for the thread's lead come along. A piece of a deleted lead is not kept (its receipt is),
        but what it says about being written to is.
        """
        message = message_of(item)
        if message is None:
            return []
        if message.kind is MessageKind.IDENTITY:
            self._moves.append((item, message, address_key(message.channel, thread.row["sender"])))
        # Where a clock runs ahead, it was said when it came: else the reply window would stay open for too long.
        thread.note(message, min(item.submission.submitted_at, item.received_at), item.submission.campaign)
        self._changed[thread.row["id"]] = thread
        wish = self._heeded(item, message)
        if lead_id is None and thread.is_begun:
            return []
        piece = {**piece_row(item, message, thread.row["id"], wish), "organisation_id": self._organisation_id}
        self._pieces[piece["id"]] = piece
        thread.orphans.append(piece)
        if lead_id is None:
            return []
        if thread.lead_id is None or message.kind in INBOUND:
            # An edit of an old message joins the lead of that message, and the thread goes on where it is.
            thread.row.update(lead_id=lead_id, is_begun=True, person_id=person_id or thread.person_id)
        return self._adopt(thread, lead_id)

    def _adopt(self, thread: Thread, lead_id: UUID) -> list[Step]:
        steps: list[Step] = []
        for piece in thread.orphans:
            piece["lead_id"] = lead_id
            steps += steps_of(piece, thread.row["channel"])
        self._adopted += [piece for piece in thread.orphans if piece["id"] not in self._pieces]
        thread.orphans.clear()
        return steps

    def _heeded(self, item: Incoming, message: Message) -> Wish | None:
        """The wish that counts. A word that only resumes says nothing where nobody had opted out."""
        wish, sender = item.wish, _sender_key(message)
        if wish is None or (wish.only_to_resume and not self._opted_out.get(sender)):
            return None
        self._opted_out[sender] = wish.preference is Preference.OPT_OUT
        self._wishes.append((item, message, wish))
        return wish

    def insert(self) -> None:
        """Write everything. The leads and persons that were made meanwhile must be written before."""
        new = [thread.row for thread in self._changed.values() if thread.is_new]
        known = [thread.changes() for thread in self._changed.values() if not thread.is_new]
        insert_rows(self._connection, threads, new)
        update_rows(self._connection, threads, ("organisation_id", "id"), known)
        insert_rows(self._connection, conversation_pieces, list(self._pieces.values()))
        update_rows(
            self._connection,
            conversation_pieces,
            ("organisation_id", "id"),
            [{name: piece[name] for name in ("organisation_id", "id", "lead_id")} for piece in self._adopted],
        )
        for item, message, wish in self._wishes:
            self._record(item, message, _keys_of(item, message), wish)
        for item, message, former in self._moves:
            self._carry_over(item, message, former)

    def _carry_over(self, item: Incoming, message: Message, former: AddressKey) -> None:
        """Who opted out stays so under the new number or id."""
        keys = _keys_of(item, message)
        states = states_of(self._connection, self._organisation_id, keys | {former})
        out = {key for key, state in states.items() if state.is_opted_out}
        if out:
            self._record(item, message, keys - out, Wish(Preference.OPT_OUT, Cause.PLATFORM))

    def _record(self, item: Incoming, message: Message, keys: set[AddressKey], wish: Wish) -> None:
        record(
            self._connection,
            self._organisation_id,
            keys,
            preference=wish.preference,
            cause=wish.cause,
            channel=message.channel.value,
            actor=f"connector:{item.connector}" if wish.cause is Cause.PLATFORM else "person",
            said_at=item.submission.submitted_at,
            now=self._now,
            receipt_id=item.receipt_id,
        )


def message_of(item: Incoming) -> Message | None:
    """What makes an item a piece of a conversation; None for any other, and for a test."""
    return None if item.submission.is_test else item.submission.message


def _thread_key(item: Incoming, message: Message) -> ThreadKey:
    if item.connection_id is None:
        raise ValueError("a piece of a conversation came without its connection")
    return item.connection_id, message.thread


def _sender_key(message: Message) -> AddressKey:
    return address_key(message.channel, message.sender)


def _keys_of(item: Incoming, message: Message) -> set[AddressKey]:
    """What a wish holds for: the sender, and the phones and ids that the same piece tells of the person. A platform
    may name the same person by phone today and by an id of its own tomorrow."""
    phones = {AddressKey(PHONE, contact.value) for contact in item.contacts if contact.kind == "phone"}
    ids = {address_key(message.channel, identity.value) for identity in item.submission.identities}
    return {key for key in {_sender_key(message)} | phones | ids if is_one_persons(key)}
