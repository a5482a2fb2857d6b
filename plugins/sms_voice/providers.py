"""All providers, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from plugins.sms_voice.agent.provider import Agent
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.provider import Provider
from plugins.sms_voice.twilio.provider import Twilio
from plugins.sms_voice.vonage.provider import Vonage
from plugins.sms_voice.whatsapp.provider import WhatsApp

_ALL: tuple[Provider, ...] = (Twilio(), WhatsApp(), Vonage(), Agent())

PROVIDERS: Mapping[ProviderName, Provider] = MappingProxyType({each.name: each for each in _ALL})
