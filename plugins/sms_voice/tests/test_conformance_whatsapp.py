"""The Cloud API joins the kit."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.whatsapp import WhatsAppSimulator

FIXTURES = Path(__file__).parent.parent / "fixtures" / "whatsapp"


class TestWhatsApp(ConnectorConformance):
    """Messages."""

    connector, simulator, fixtures = SmsVoice(), WhatsAppSimulator, FIXTURES
