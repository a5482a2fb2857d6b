"""What the simulators of all providers share: the secrets as the hub keeps them, and the origins of the connector."""

import json
from typing import ClassVar

from pydantic import SecretStr

from hub.testing.faults import PlatformAnswer
from hub.testing.simulator import Simulator
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.documented import documented_answers

HOSTS = SmsVoice.manifest.hosts


class SmsVoiceSimulator(Simulator):
    """Base of the providers' simulators. One that has no API sets ``origins`` to nothing.

    The hub keeps a provider's secret together with what the connector needs to read a delivery; ``seal`` brings the
    secrets of ``settings`` into that form, and ``wire_secret`` takes the provider's own secret out again.
    """

    origins: ClassVar[tuple[str, ...]] = HOSTS

    def seal(self) -> None:
        """Take over the secrets of the settings; called at the end of the constructor and after a change of them."""
        settings = self.settings()
        sealed = SmsVoice().webhook_secrets(settings) if settings is not None else ()
        self.webhook_secret = sealed[0]
        self.previous_webhook_secret = sealed[1] if len(sealed) > 1 else None

    def error_answers(self) -> dict[str, PlatformAnswer]:
        """The documented refusals of all providers: their rules are one table, and none may catch another's."""
        return documented_answers()


def wire_secret(secret: SecretStr) -> str:
    """What the provider signs with: taken out of a sealed key, or the text itself where it is none."""
    text = secret.get_secret_value()
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found["secret"]) if isinstance(found, dict) and "secret" in found else text


def wire_facts(secret: SecretStr) -> dict[str, str]:
    """The further words of a sealed key; none for another text."""
    try:
        found = json.loads(secret.get_secret_value())
    except ValueError:
        return {}
    return dict(found.get("facts", {})) if isinstance(found, dict) else {}
