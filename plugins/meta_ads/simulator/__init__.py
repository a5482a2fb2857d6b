"""Meta imitated on loopback, from its documentation: sign-in, Graph API, deliveries, and what goes wrong."""

from plugins.meta_ads.simulator.platform import MetaAdsSimulator

__all__ = ["MetaAdsSimulator"]
