"""What an admin enters for the Cloud API."""

from pydantic import Field

from plugins.sms_voice.choice import (
    OptionalSecret,
    OptionalText,
    ProviderChoice,
    WhatsAppSecret,
    WhatsAppText,
)


class WhatsAppSettings(ProviderChoice):
    """The app at Meta, and one WhatsApp Business Account with its numbers."""

    whatsapp_account_id: WhatsAppText = Field(
        default=None,
        validate_default=True,
        title="WhatsApp Business Account ID",
        description="In the app's dashboard under WhatsApp, API setup; digits only.",
        pattern=r"^[0-9]{5,25}$",
    )
    whatsapp_access_token: WhatsAppSecret = Field(
        default=None,
        validate_default=True,
        title="Access token of a system user",
        description="Made in the business settings under System users, with the permissions "
        "whatsapp_business_messaging and whatsapp_business_management. Choose one that does not expire.",
    )
    whatsapp_app_secret: WhatsAppSecret = Field(
        default=None,
        validate_default=True,
        title="App secret",
        description="In the app's dashboard under App settings, Basic. Deliveries are signed with it.",
    )
    whatsapp_previous_app_secret: OptionalSecret = Field(
        default=None,
        title="Previous app secret",
        description="While the secret is being changed: deliveries under the old one are still taken.",
    )
    whatsapp_verify_token: WhatsAppSecret = Field(
        default=None,
        validate_default=True,
        title="Verify token",
        description="Any word. Enter the same in the app's dashboard, beside the callback URL.",
    )
    whatsapp_app_id: OptionalText = Field(
        default=None,
        title="App ID",
        description="If given, the hub checks what the access token may do and says which permission is missing.",
        pattern=r"^[0-9]{5,25}$",
    )
    whatsapp_graph_version: str = Field(
        default="v26.0",
        title="Graph API version",
        description="Meta keeps a version for about two years; raise it before it ends.",
        pattern=r"^v[0-9]{2}\.0$",
    )
