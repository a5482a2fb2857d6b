"""SMS, WhatsApp, calls and voice agents: conversations with people, by one of several providers."""

from collections.abc import Iterable

from hub.connector.base import Connector
from hub.connector.hookspecs import hookimpl
from plugins.sms_voice.connector import SmsVoice


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (SmsVoice(),)
