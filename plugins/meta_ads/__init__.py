"""Meta Lead Ads: leads from instant forms on Facebook and Instagram."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from plugins.meta_ads.connector import MetaAds


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (MetaAds(),)
