"""What an admin enters: the provider, and that provider's credentials. The fields draw the connect page.

One flat model, so that a page can be drawn from it and each problem names its field. Every provider's fields begin with
its name, and are needed only where it is chosen.
"""

from plugins.sms_voice.agent.settings import AgentSettings
from plugins.sms_voice.twilio.settings import TwilioSettings
from plugins.sms_voice.vonage.settings import VonageSettings
from plugins.sms_voice.whatsapp.settings import WhatsAppSettings


class SmsVoiceSettings(AgentSettings, VonageSettings, WhatsAppSettings, TwilioSettings):
    """The settings of one app: one account at one provider. (The last base comes first on the page.)"""
