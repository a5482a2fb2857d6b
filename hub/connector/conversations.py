"""Messages and calls: what a submission of a conversation says besides its answers.

A conversation becomes submissions like any other source. ``Submission.message`` tells the hub what kind of piece it
is and what it belongs to; who wrote it stands in the answers (phone, name) and in ``Submission.identities``.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from hub.connector.model import Identifier, Model


class Channel(StrEnum):
    """How people and the business reach each other."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    VOICE = "voice"
    CHAT = "chat"


PHONE_CHANNELS = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.VOICE})
"""Where a phone number is an address."""


class MessageKind(StrEnum):
    """What a piece of a conversation is.

    A message or a call begins a lead where nothing of its thread and nobody behind its contact points is known. So do
    a recording and a transcript, whose call was missed. The rest never begin one: an edit, a revocation (the person
    took a message back), a preference (nothing but an opt-out or opt-in), and an identity (the source tells that the
    person has another number or id from now on: both stand in the answers and identities).
    """

    MESSAGE = "message"
    CALL = "call"
    RECORDING = "recording"
    TRANSCRIPT = "transcript"
    EDIT = "edit"
    REVOCATION = "revocation"
    PREFERENCE = "preference"
    IDENTITY = "identity"


NEVER_BEGIN = frozenset({MessageKind.EDIT, MessageKind.REVOCATION, MessageKind.PREFERENCE, MessageKind.IDENTITY})


class Preference(StrEnum):
    """What a person, or the platform in their name, said about being written to."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


class Media(Model):
    """A file that came with a message, where the platform keeps it. Reading it may need the connection's access."""

    url: str
    content_type: str = ""
    name: str = ""


class Message(Model):
    """One piece of a conversation.

    ``thread`` is what belongs together within the connection: one call, or all messages between two addresses on one
    channel. A piece joins the lead of its thread. ``sender`` is the person's address as the platform writes it, which
    is where a reply goes; ``recipient`` is the business's. ``amends`` is the ``source_id`` of the message that an
    edit or a revocation is about. ``preference`` is set where the platform itself said so (``OptOutType``); the words
    of a text are read by the hub, or those of ``own_words`` where the text holds what others said as well: then only
    what the person said counts. ``detail`` are further facts to show, by name (``call_status``).
    """

    channel: Channel
    kind: MessageKind = MessageKind.MESSAGE
    thread: Identifier
    sender: Identifier
    recipient: Identifier
    text: str = ""
    own_words: tuple[str, ...] | None = None
    preference: Preference | None = None
    amends: Identifier | None = None
    media: tuple[Media, ...] = ()
    duration: timedelta | None = None
    detail: Mapping[str, str] = Field(default_factory=dict)
