"""What crosses the border when the hub writes to a person."""

from hub.connector.conversations import Channel
from hub.connector.model import Identifier, Model


class OutgoingMessage(Model):
    """One text to one person. ``id`` is the hub's own and stays the same for ever: a platform that knows idempotency
    keys gets it as such. ``sender`` is one of the connection's own addresses. ``report_to`` is the hub's inbound
    address of the connection's app, for platforms that report only where each message asks for it."""

    id: Identifier
    channel: Channel
    sender: Identifier
    recipient: Identifier
    text: str
    report_to: str | None = None


class Sent(Model):
    """The platform took the message. ``provider_id`` is what its delivery reports name."""

    provider_id: Identifier
