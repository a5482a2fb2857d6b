"""The side of a simulator on which a business writes to people through it."""

from collections.abc import Sequence
from typing import ClassVar

from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest
from hub.testing.journal import TakenMessage


class Messaging:
    """What a platform took for delivery, and whom it refuses. For sources that cannot send, it stays empty.

    A subclass names its ``channels``, calls ``take`` in the route that sends, looks at ``refused`` there and answers
    as its platform does, and renders ``delivery_report``.
    """

    channels: ClassVar[tuple[Channel, ...]] = ()
    """On which channels the platform sends; empty for one that does not."""
    knows_message_ids: ClassVar[bool] = False
    """Whether a request can carry an id of ours under which the platform takes a message only once."""
    knows_opt_outs: ClassVar[bool] = False
    """Whether the platform says of a refused recipient that the person opted out."""

    def __init__(self) -> None:
        self.sent_messages: list[TakenMessage] = []
        self.refused: dict[str, bool] = {}
        """Addresses that cannot be written to, and whether that is because the person opted out."""

    def own_address(self, channel: Channel) -> str:
        """An address of the business, from which it writes on this channel."""
        return "+15005550006"

    def person_address(self, channel: Channel, number: int = 1) -> str:
        """The address of an invented person on this channel, as the platform writes it."""
        return f"+1415555{2670 + number:04}"

    def refuse_recipient(self, address: str, *, opted_out: bool = False) -> None:
        """This person cannot be written to from now on: no such address, or opted out at the platform."""
        self.refused[address] = opted_out

    def take(self, channel: Channel, sender: str, recipient: str, text: str, key: str | None = None) -> TakenMessage:
        """The platform takes a message; under a ``key`` that it knows already, it is the message of before."""
        known = next((each for each in self.sent_messages if key is not None and each.key == key), None)
        if known is not None:
            return known
        taken = TakenMessage(self.new_message_id(), channel, sender, recipient, text, key)
        self.sent_messages.append(taken)
        return taken

    def new_message_id(self) -> str:
        """What the platform calls the next message that it takes."""
        return f"out-{len(self.sent_messages) + 1:06}"

    def texts_to(self, recipient: str) -> Sequence[str]:
        """What was taken for one address, in order."""
        return [each.text for each in self.sent_messages if each.recipient == recipient]

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest | None:
        """The signed request that tells how far a message got; None where the platform never says that."""
        return None
