"""Twilio joins the kit twice: with messages, and with calls."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.twilio import TwilioCallsSimulator, TwilioSimulator

FIXTURES = Path(__file__).parent.parent / "fixtures" / "twilio"


class TestTwilio(ConnectorConformance):
    """Messages."""

    connector, simulator, fixtures = SmsVoice(), TwilioSimulator, FIXTURES


class TestTwilioCalls(ConnectorConformance):
    """Calls."""

    connector, simulator, fixtures = SmsVoice(), TwilioCallsSimulator, FIXTURES
