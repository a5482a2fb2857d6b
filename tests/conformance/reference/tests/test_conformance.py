"""The reference connector joins the kit."""

from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from tests.conformance.reference.connector import Reference
from tests.conformance.reference.simulator import ReferenceSimulator


class TestReference(ConnectorConformance):
    connector = Reference()
    simulator = ReferenceSimulator
    fixtures = Path(__file__).parent.parent / "fixtures"
