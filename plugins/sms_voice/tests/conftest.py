"""A Twilio on loopback, and the connector with its keys."""

from collections.abc import AsyncIterator

import pytest

from hub.testing.clock import VirtualClock
from hub.testing.connected import ConnectedSource
from hub.testing.transport import LoopbackTransport
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.twilio import TwilioCallsSimulator, TwilioSimulator


class Line(ConnectedSource):
    """The connected source with the simulator's own type."""

    simulator: TwilioSimulator
    connector: SmsVoice


@pytest.fixture
async def messages() -> AsyncIterator[Line]:
    """An account with numbers for messages."""
    clock = VirtualClock()
    simulator = TwilioSimulator(clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        yield Line(simulator, SmsVoice(), clock, transport)


@pytest.fixture
async def calls() -> AsyncIterator[Line]:
    """An account with numbers for calls."""
    clock = VirtualClock()
    simulator = TwilioCallsSimulator(clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        yield Line(simulator, SmsVoice(), clock, transport)
