"""Google imitated on loopback, from its documentation: sign-in, Ads API, lead deliveries, and what goes wrong."""

from plugins.google_ads.simulator.platform import GoogleAdsSimulator

__all__ = ["GoogleAdsSimulator"]
