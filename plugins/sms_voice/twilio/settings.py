"""What an admin enters about a Twilio account."""

import re
from enum import StrEnum

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from plugins.sms_voice.choice import (
    OptionalSecret,
    OptionalText,
    ProviderChoice,
    TwilioSecret,
    TwilioText,
)

_SHARED_KEY = re.compile(r"([A-Za-z0-9_-]{1,200}):([!-~]{8,400})", re.ASCII)
_BETWEEN = re.compile(r"[\s,;]+")


class CallAnswer(StrEnum):
    """What a caller gets whose call reaches the hub's address."""

    VOICEMAIL = "voicemail"
    DIAL = "dial"


class TwilioSettings(ProviderChoice):
    """One account or subaccount. A subaccount has an Auth Token of its own, with which its deliveries are signed."""

    twilio_account_sid: TwilioText = Field(
        default=None,
        validate_default=True,
        title="Account SID",
        description="Twilio console, Account info. For numbers of a subaccount: the SID of the subaccount.",
        pattern=r"^AC[0-9a-fA-F]{32}$",
    )
    twilio_auth_token: TwilioSecret = Field(
        default=None,
        validate_default=True,
        title="Auth Token",
        description="Shown below the Account SID. Twilio signs what it sends to the hub with it.",
    )
    twilio_previous_auth_token: OptionalSecret = Field(
        default=None,
        title="Second Auth Token",
        description="Only while you change the token: deliveries signed with either are accepted. Empty it afterwards.",
    )
    twilio_api_key_sid: OptionalText = Field(
        default=None,
        title="API key SID",
        description="If filled in, the hub reads and sends with this key instead of the Auth Token.",
        pattern=r"^SK[0-9a-fA-F]{32}$",
    )
    twilio_api_key_secret: OptionalSecret = Field(default=None, validate_default=True, title="API key secret")
    twilio_shared_keys: OptionalSecret = Field(
        default=None,
        title="SharedKeys",
        description="For deliveries signed with SharedKeys: each as name:secret, several separated by blanks.",
    )
    twilio_takes_auth_token: bool = Field(
        default=True,
        title="Accept deliveries signed with the Auth Token",
        description="Switch it off when everything is signed with SharedKeys.",
    )
    twilio_call_answer: CallAnswer = Field(
        default=CallAnswer.VOICEMAIL,
        title="Answer to calls",
        description="voicemail: the greeting, then a recording with transcription. dial: the number below rings first.",
    )
    twilio_dial_number: OptionalText = Field(
        default=None,
        validate_default=True,
        title="Number to dial",
        description="With country code, such as +15005550006.",
        pattern=r"^\+[1-9][0-9]{6,14}$",
    )
    twilio_greeting: str = Field(
        default="Thank you for calling. Please leave your name, your number and your concern after the tone.",
        title="Greeting",
        description="Said before the recording.",
        min_length=1,
        max_length=1000,
    )
    twilio_greeting_language: str = Field(
        default="en-US",
        title="Language of the greeting",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    )
    twilio_transcribes: bool = Field(
        default=True,
        title="Transcribe recordings",
        description="Twilio transcribes English recordings of 2 to 120 seconds, at its own price.",
    )

    @field_validator("twilio_api_key_secret")
    @classmethod
    def _belongs_to_a_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("twilio_api_key_sid") is None):
            raise ValueError("an API key needs both, its SID and its secret")
        return value

    @field_validator("twilio_dial_number")
    @classmethod
    def _is_there_to_dial(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("twilio_call_answer") is CallAnswer.DIAL:
            raise ValueError("enter the number that rings when somebody calls")
        return value

    @field_validator("twilio_shared_keys")
    @classmethod
    def _are_named(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(shared_keys(value)) != len(_entries(value)):
            raise ValueError("enter each key as name:secret, several separated by blanks")
        return value


def shared_keys(value: SecretStr | None) -> dict[str, SecretStr]:
    """SharedKeys by name, of the text that was entered."""
    found = [_SHARED_KEY.fullmatch(each) for each in _entries(value)]
    return {each[1]: SecretStr(each[2]) for each in found if each is not None}


def _entries(value: SecretStr | None) -> list[str]:
    return [each for each in _BETWEEN.split(value.get_secret_value()) if each] if value is not None else []
