"""A provider's simulator and an access to it, as the hub would hand it to the connector."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.sending import OutgoingMessage
from hub.testing.simulator import Simulator
from hub.testing.transport import PATIENCE, LoopbackTransport
from plugins.sms_voice.connector import SmsVoice

CONNECTOR = SmsVoice()


@asynccontextmanager
async def reached(simulator: Simulator) -> AsyncIterator[Access]:
    """The simulator listens; settings are those it has when this begins."""
    async with simulator, LoopbackTransport(simulator.origin_overrides(), timeout=PATIENCE) as transport:
        yield Access(
            transport,
            simulator.clock,
            settings=simulator.settings(),
            error_rules=CONNECTOR.error_rules,
            hosts=CONNECTOR.manifest.hosts,
        )


def text_to(recipient: str, *, sender: str, channel: Channel, text: str = "Good morning") -> OutgoingMessage:
    """A message of the hub."""
    return OutgoingMessage(
        id="01890a5d-ac96-774b-bcce-b302099a8057", channel=channel, sender=sender, recipient=recipient, text=text
    )
