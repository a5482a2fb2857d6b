"""The choice of a provider, and settings fields that are needed only with one choice."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo


class ProviderName(StrEnum):
    """The providers, as they are named in settings and in stored submissions."""

    TWILIO = "twilio"
    WHATSAPP = "whatsapp"
    VONAGE = "vonage"
    AGENT = "agent"


TITLES = {
    ProviderName.TWILIO: "Twilio",
    ProviderName.WHATSAPP: "WhatsApp Cloud API",
    ProviderName.VONAGE: "Vonage",
    ProviderName.AGENT: "AI receptionist",
}


class ProviderChoice(BaseModel):
    """Base of every provider's settings: ``provider`` is read first, so that the other fields can depend on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: ProviderName = Field(
        title="Provider",
        description="Who carries the messages and calls: twilio, whatsapp (the Cloud API of Meta), vonage, or agent (a "
        "voice agent or chat bot that posts what it heard).",
    )


def _needed_by(provider: ProviderName) -> AfterValidator:
    def check(value: Any, info: ValidationInfo) -> Any:
        if value is None and info.data.get("provider") is provider:
            raise ValueError(f"is needed for {TITLES[provider]}")
        return value

    return AfterValidator(check)


def _blank_to_none(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return None if isinstance(text, str) and not text.strip() else value


Blank = BeforeValidator(_blank_to_none)
"""A field left empty is none."""
OptionalText = Annotated[str | None, Blank]
OptionalSecret = Annotated[SecretStr | None, Blank]

TwilioText = Annotated[str | None, Blank, _needed_by(ProviderName.TWILIO)]
TwilioSecret = Annotated[SecretStr | None, Blank, _needed_by(ProviderName.TWILIO)]
WhatsAppText = Annotated[str | None, Blank, _needed_by(ProviderName.WHATSAPP)]
WhatsAppSecret = Annotated[SecretStr | None, Blank, _needed_by(ProviderName.WHATSAPP)]
VonageText = Annotated[str | None, Blank, _needed_by(ProviderName.VONAGE)]
VonageSecret = Annotated[SecretStr | None, Blank, _needed_by(ProviderName.VONAGE)]
AgentText = Annotated[str | None, Blank, _needed_by(ProviderName.AGENT)]
AgentSecret = Annotated[SecretStr | None, Blank, _needed_by(ProviderName.AGENT)]
"""Texts and secrets that one choice needs; give each ``Field(default=None, validate_default=True, ...)``."""
