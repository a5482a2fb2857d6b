"""Through which connection, from which address and to which one a message to a lead goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.base import Sends
from hub.connector.conversations import PHONE_CHANNELS, Channel
from hub.core.connections.models import connections
from hub.core.outbound.errors import MessageRefusedError
from hub.core.outbound.queries import threads_of
from hub.core.outbound.senders import Sender, Senders
from hub.db.types import AnyRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to be sent. Whatever is None is taken from the lead's latest conversation."""

    text: str
    connection_id: UUID | None = None
    channel: Channel | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How a message goes. ``sends`` is the connector that takes it."""

    connection_id: UUID
    channel: Channel
    sender: str
    recipient: str
    sends: Sends


def find_way(connection: Connection, organisation_id: UUID, lead: AnyRow, wanted: Wanted, senders: Senders) -> Way:
    """The way of a message to a lead. Raises ``MessageRefusedError`` where there is none, and says what is missing.

    Nobody can be written to at an address that is not the lead's own: one the person wrote or called from, or else
    the lead's phone number.
    """
    threads = threads_of(connection, organisation_id, lead.id)
    connection_id = wanted.connection_id or next((each.connection_id for each in threads), None)
    if connection_id is None:
        raise _refused("no_connection", "this person has not written yet; say by which connection to write to them")
    taker = _sender(connection, organisation_id, connection_id, senders)
    threads = [each for each in threads if each.connection_id == connection_id]
    channel = wanted.channel or _channel_of(threads)
    if channel is None:
        raise _refused(
            "no_channel", "this person has not written by this connection yet; say on which channel to write"
        )
    if channel not in taker.channels:
        raise _refused("cannot_send", "this connection cannot send on this channel; choose another one")
    own, person = _addresses(threads, channel, wanted.sender)
    if person is None and channel in PHONE_CHANNELS:
        person = lead.phone
    if person is None:
        raise _refused("no_address", "this lead has no address on this channel; add a phone number to it first")
    if own is None:
        raise _refused("no_sender", "say from which of the connection's own addresses to write (sender)")
    return Way(connection_id, channel, own, person, taker.sends)


def _addresses(threads: Sequence[AnyRow], channel: Channel, own: str | None) -> tuple[str | None, str | None]:
    """Our address and the person's, of the newest conversation on the channel, with ``own`` if that is given."""
    fitting = [each for each in threads if each.channel == channel]
    if not fitting and channel in PHONE_CHANNELS:
        fitting = [each for each in threads if each.channel == Channel.VOICE]
    fitting = [each for each in fitting if each.recipient == own] or fitting
    newest = next(iter(fitting), None)
    if newest is None:
        return own, None
    return own or newest.recipient, newest.sender


def _sender(connection: Connection, organisation_id: UUID, connection_id: UUID, senders: Senders) -> Sender:
    row = connection.execute(
        sa.select(connections.c.connector, connections.c.state, connections.c.app_id).where(
            connections.c.organisation_id == organisation_id, connections.c.id == connection_id
        )
    ).first()
    if row is None:
        raise _refused("no_connection", "there is no such connection; choose one of the list of connections")
    found = senders.find(connection, organisation_id, row.connector, row.app_id)
    if found is None:
        raise _refused("cannot_send", "this connection cannot send messages; choose one that can")
    if row.state != "active":
        raise _refused("not_active", "this connection is not active; activate or authorise it, then write again")
    return found


def _channel_of(threads: Sequence[AnyRow]) -> Channel | None:
    """Who called is answered by text message."""
    newest = next((Channel(each.channel) for each in threads), None)
    return Channel.SMS if newest is Channel.VOICE else newest


def _refused(code: str, message: str) -> MessageRefusedError:
    return MessageRefusedError(message, code=code)
