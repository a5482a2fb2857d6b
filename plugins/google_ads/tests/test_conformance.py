from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.google_ads.connector import GoogleAds
from plugins.google_ads.simulator import GoogleAdsSimulator


class TestGoogleAds(ConnectorConformance):
    connector, simulator, fixtures = GoogleAds(), GoogleAdsSimulator, Path(__file__).parent.parent / "fixtures"
    exempt = {"questions_are_listed": "a question of Google has one text for key and label"}  # noqa: RUF012
