"""How far an outgoing message is."""

from enum import StrEnum

from hub.connector.delivery import DeliveryStatus


class MessageState(StrEnum):
    """``QUEUED`` and ``SENDING`` are open, the others say how it ended so far; reports move on from ``SENT``.

    ``UNKNOWN``: the request left, or may have left, and nobody can say whether the platform took it. It is never
    sent again by itself (at most once); a person may write anew.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN = (MessageState.QUEUED, MessageState.SENDING)

STATE_OF_STATUS = {
    DeliveryStatus.ACCEPTED: MessageState.SENT,
    DeliveryStatus.SENT: MessageState.SENT,
    DeliveryStatus.FAILED: MessageState.FAILED,
    DeliveryStatus.DELIVERED: MessageState.DELIVERED,
    DeliveryStatus.READ: MessageState.READ,
}
"""What the furthest report makes of a message that the platform took."""
