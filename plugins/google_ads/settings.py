"""What an admin enters about the OAuth client at Google; the fields draw the connect page."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def _typable(value: SecretStr) -> SecretStr:
    """Printable ASCII without blanks: what can be typed into Google's page and back without a doubt."""
    if not all("!" <= character <= "~" for character in value.get_secret_value()):
        raise ValueError("only letters, digits and signs of ASCII, without blanks")
    return value


def _without_dashes(value: object) -> object:
    """Google shows 123-456-7890 and takes 1234567890; an empty field means none."""
    return (value.replace("-", "").strip() or None) if isinstance(value, str) else value


WebhookKey = Annotated[SecretStr, Field(min_length=8, max_length=50), AfterValidator(_typable)]


class GoogleAdsSettings(BaseModel):
    """One OAuth client of a Google Cloud project. It serves every account that is connected through it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        title="Client ID",
        description="Google Cloud console, APIs and services, Credentials: the OAuth client of type Web application.",
        min_length=8,
        max_length=200,
    )
    client_secret: SecretStr = Field(
        title="Client secret",
        description="Shown beside the client ID. A new one can be made there at any time.",
        min_length=8,
    )
    webhook_secret: WebhookKey = Field(
        title="Webhook key",
        description="A word you make up, 8 to 50 characters without blanks. Type the same word as Key into the "
        "webhook settings of every lead form: it is the only proof that a delivery comes from Google.",
    )
    previous_webhook_secret: WebhookKey | None = Field(
        default=None,
        title="Previous webhook key",
        description="Only while you change the key: forms that still send the old one are accepted. Empty it when "
        "every form has the new one.",
    )
    login_customer_id: Annotated[str | None, BeforeValidator(_without_dashes)] = Field(
        default=None,
        title="Manager account",
        description="The number of the manager account through which leads are read, with or without dashes. Leave it "
        "empty to read every account that the person who signs in can reach.",
        pattern=r"^[0-9]{10}$",
    )
    developer_token: SecretStr | None = Field(
        default=None,
        title="Developer token",
        description="No longer needed: Google retired developer tokens in September 2026. Sent only if filled in.",
    )
    api_version: str = Field(
        default="v26",
        title="Google Ads API version",
        description="Versions are withdrawn about a year after their release. Change it after a test.",
        pattern=r"^v[0-9]{2}$",
    )
