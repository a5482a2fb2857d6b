"""Messages of the reference connector: sent under the hub's own id, and reported on."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from hub.connector.access import Access
from hub.connector.base import Sends
from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.errors import BadPayloadError, ErrorRule, RecipientRefusedError, RetryableError
from hub.connector.models import Identifier
from hub.connector.sending import OutgoingMessage, Sent

API = "https://api.reference.example"
OPTED_OUT = "opted_out"


class WireDelivery(BaseModel):
    """One event about a message."""

    id: Identifier
    status: DeliveryStatus
    at: int = Field(ge=0, le=4_102_444_800)


class ReferenceSends(Sends):
    """Text messages."""

    sending_rules: ClassVar[tuple[ErrorRule, ...]] = (
        ErrorRule(
            name="no_such_person",
            raises=RecipientRefusedError,
            user_message="There is nobody at this address.",
            where={"error.code": ("no_such_person",)},
        ),
        ErrorRule(
            name="unsubscribed",
            raises=RecipientRefusedError,
            user_message="This person unsubscribed at the platform.",
            where={"error.code": ("unsubscribed",)},
            code=OPTED_OUT,
        ),
    )

    def channels(self, settings: BaseModel) -> Collection[Channel]:
        """Text messages only."""
        return (Channel.SMS,)

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """One request, under the hub's id of the message."""
        body = self.body(message)
        try:
            answer = (await access.call("POST", f"{API}/messages", json_body=body)).body
        except RecipientRefusedError as refused:
            raise RecipientRefusedError(
                refused.user_message,
                opted_out=refused.code == OPTED_OUT,
                detail=refused.detail,
                code=refused.code,
            ) from None
        found = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(found, str):
            raise RetryableError("The platform's answer could not be read.", code="garbage")
        return Sent(provider_id=found)

    def body(self, message: OutgoingMessage) -> dict[str, JsonValue]:
        """A message as the platform wants it."""
        return {"key": message.id, "from": message.sender, "to": message.recipient, "text": message.text}

    def report(self, event: Any) -> DeliveryReport:
        """How far a message got."""
        try:
            wire = WireDelivery.model_validate(event)
        except ValidationError:
            raise BadPayloadError("The report could not be read.", path="events") from None
        return DeliveryReport(provider_id=wire.id, status=wire.status, reported_at=datetime.fromtimestamp(wire.at, UTC))
