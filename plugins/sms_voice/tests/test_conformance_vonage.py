"""Vonage joins the kit twice: with the Messages API, and with the old SMS API."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.vonage import VonageSimulator, VonageSmsSimulator

FIXTURES = Path(__file__).parent.parent / "fixtures"
NO_NAMES = {"forms_are_listed": "a number of Vonage has no name that could be listed"}


class TestVonage(ConnectorConformance):
    """Signed tokens."""

    connector, simulator, fixtures = SmsVoice(), VonageSimulator, FIXTURES / "vonage"
    exempt = NO_NAMES


class TestVonageSms(ConnectorConformance):
    """The ``sig`` parameter."""

    connector, simulator, fixtures = SmsVoice(), VonageSmsSimulator, FIXTURES / "vonage_sms"
    exempt = NO_NAMES
