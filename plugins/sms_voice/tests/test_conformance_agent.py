"""The format for voice agents joins the kit."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.agent import AgentSimulator


class TestAgent(ConnectorConformance):
    """Whole conversations, posted by whoever has the secret."""

    connector, simulator = SmsVoice(), AgentSimulator
    fixtures = Path(__file__).parent.parent / "fixtures" / "agent"
