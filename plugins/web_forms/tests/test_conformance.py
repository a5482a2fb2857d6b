"""The connector joins the kit."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.web_forms.connector import WebForms
from plugins.web_forms.simulator import WebFormsSimulator


class TestWebForms(ConnectorConformance):
    """Every rule for a connector that hosts forms."""

    connector = WebForms()
    simulator = WebFormsSimulator
    fixtures = Path(__file__).parent.parent / "fixtures"
