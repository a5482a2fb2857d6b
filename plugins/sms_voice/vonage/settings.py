"""What an admin enters about a Vonage account."""

from enum import StrEnum

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from plugins.sms_voice.choice import (
    OptionalSecret,
    OptionalText,
    ProviderChoice,
    VonageSecret,
    VonageText,
)


class SignatureMethod(StrEnum):
    """How the ``sig`` parameter of the SMS API is made, as the dashboard names it."""

    MD5_HASH = "md5_hash"
    MD5_HMAC = "md5_hmac"
    SHA1_HMAC = "sha1_hmac"
    SHA256_HMAC = "sha256_hmac"
    SHA512_HMAC = "sha512_hmac"


class VonageSettings(ProviderChoice):
    """One account, and the application whose webhooks lead to the hub."""

    vonage_api_key: VonageText = Field(
        default=None,
        validate_default=True,
        title="API key",
        description="Vonage dashboard, API settings.",
        pattern=r"^[0-9A-Za-z]{4,40}$",
    )
    vonage_api_secret: VonageSecret = Field(
        default=None,
        validate_default=True,
        title="API secret",
        description="Beside the API key. While you rotate it, both secrets work.",
    )
    vonage_signature_secret: VonageSecret = Field(
        default=None,
        validate_default=True,
        title="Signature secret",
        description="Also under API settings; another one than the API secret. What Vonage sends is signed with it.",
    )
    vonage_previous_signature_secret: OptionalSecret = Field(
        default=None,
        title="Previous signature secret",
        description="While the secret is being changed: deliveries under the old one are still taken.",
    )
    vonage_signature_method: SignatureMethod = Field(
        default=SignatureMethod.MD5_HASH,
        title="Signature method of the SMS API",
        description="As chosen in the dashboard. Deliveries of the Messages and Voice APIs do not depend on it.",
    )
    vonage_application_id: OptionalText = Field(
        default=None,
        title="Application ID",
        description="If given, deliveries of other applications of the account are refused.",
        pattern=r"^[0-9A-Fa-f-]{36}$",
    )
    vonage_private_key: OptionalSecret = Field(
        default=None,
        validate_default=True,
        title="Private key of the application",
        description="The whole file. With it the hub sends as the application, so that receipts come to the "
        "application's own webhook; without it, with key and secret.",
    )
    vonage_greeting: str = Field(
        default="Thank you for calling. Please leave your name, your number and your concern after the tone.",
        title="Greeting",
        description="Said to callers before the recording.",
        min_length=1,
        max_length=1000,
    )
    vonage_language: str = Field(
        default="en-US",
        title="Language of the greeting and of transcriptions",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    )
    vonage_dial_number: OptionalText = Field(
        default=None,
        title="Number to dial",
        description="With country code, such as +15005550006. If given, it rings instead of the greeting.",
        pattern=r"^\+[1-9][0-9]{6,14}$",
    )
    vonage_transcribes: bool = Field(
        default=True,
        title="Transcribe recordings",
        description="At Vonage's own price.",
    )

    @field_validator("vonage_private_key")
    @classmethod
    def _has_an_application(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("vonage_application_id") is None:
            raise ValueError("a private key belongs to an application: enter the Application ID too")
        return value
