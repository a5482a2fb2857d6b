"""One documented refusal for each row of the connector's error table, of all providers."""

from hub.testing.faults import PlatformAnswer
from plugins.sms_voice.simulator.twilio_answers import TWILIO_ANSWERS
from plugins.sms_voice.simulator.vonage_answers import VONAGE_ANSWERS
from plugins.sms_voice.simulator.whatsapp_answers import WHATSAPP_ANSWERS


def documented_answers() -> dict[str, PlatformAnswer]:
    """By the name of the rule."""
    return {**TWILIO_ANSWERS, **WHATSAPP_ANSWERS, **VONAGE_ANSWERS}
