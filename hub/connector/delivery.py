"""What a platform tells of messages that it took."""

from enum import StrEnum

from pydantic import AwareDatetime

from hub.connector.model import Identifier, Model


class DeliveryStatus(StrEnum):
    """How far a message got, in this order. Reports come repeated and in any order: the furthest one counts, so that
    what a phone has shown is not undone by a failure told of late."""

    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """0 for the least that can be told."""
        return list(DeliveryStatus).index(self)


class DeliveryReport(Model):
    """What the platform tells of a message that it took. ``code`` is the platform's own."""

    provider_id: Identifier
    status: DeliveryStatus
    reported_at: AwareDatetime
    code: str | None = None
    detail: str = ""
