from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from tests.conformance.minimal.connector import Minimal
from tests.conformance.minimal.simulator import MinimalSimulator


class TestMinimal(ConnectorConformance):
    connector, simulator, fixtures = Minimal(), MinimalSimulator, Path(__file__).parent.parent / "fixtures"
