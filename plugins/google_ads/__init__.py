"""Google Ads lead forms: leads from lead form assets, by webhook and by the Google Ads API."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from plugins.google_ads.connector import GoogleAds


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (GoogleAds(),)
