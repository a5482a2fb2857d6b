from pathlib import Path

from hub.testing.conformance import ConnectorConformance
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator import MetaAdsSimulator


class TestMetaAds(ConnectorConformance):
    connector, simulator, fixtures = MetaAds(), MetaAdsSimulator, Path(__file__).parent.parent / "fixtures"
