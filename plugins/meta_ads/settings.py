"""What an admin enters about the app at Meta; the fields draw the connect page."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MetaAdsSettings(BaseModel):
    """One app at developers.facebook.com. It serves every Page that is connected through it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_id: str = Field(
        title="App ID",
        description="The number shown at the top of your app's dashboard at developers.facebook.com.",
        pattern=r"^[0-9]{5,25}$",
    )
    app_secret: SecretStr = Field(
        title="App secret",
        description="Dashboard, App settings, Basic: press Show. It signs every call, in both directions.",
        min_length=8,
    )
    previous_app_secret: SecretStr | None = Field(
        default=None,
        title="Previous app secret",
        description="Only while you change the secret: deliveries signed with the old one are still accepted. "
        "Empty it a day and a half after the change, when the last retry has come.",
    )
    config_id: str | None = Field(
        default=None,
        title="Login configuration ID",
        description="Only with Facebook Login for Business: the configuration takes the place of the list of "
        "permissions, and can give a token that does not hang on one person's password.",
        pattern=r"^[0-9]{5,25}$",
    )
    graph_version: str = Field(
        default="v26.0",
        title="Graph API version",
        description="Versions are withdrawn about two years after their release. Change it after a test.",
        pattern=r"^v[0-9]{2}\.[0-9]$",
    )
    page_size: int = Field(
        default=200,
        title="Leads per request",
        description="How many leads or forms one request asks for. Meta answers very large lists with errors.",
        ge=100,
        le=500,
    )
    use_pkce: bool = Field(
        default=False,
        title="Send PKCE",
        description="Adds a code challenge to the sign-in. Meta does not promise that its dialog accepts it.",
    )
    send_appsecret_proof: bool = Field(
        default=True,
        title="Prove the app secret",
        description="Adds appsecret_proof to each call, so that a stolen token alone is of no use. Leave it on, and "
        "switch on Require app secret in the app's advanced settings.",
    )
