"""What an admin enters."""

from pydantic import BaseModel, Field, SecretStr


class Settings(BaseModel):
    """The app in LinkedIn's developer portal. Its client secret also signs the deliveries."""

    client_id: str = Field(title="Client ID", description="Developer portal, your app, Auth.")
    client_secret: SecretStr = Field(title="Primary client secret", description="Developer portal, your app, Auth.")
    previous_client_secret: SecretStr | None = Field(
        None, title="Previous client secret", description="While a secret is being changed: the old one, for a day."
    )
    api_version: str = Field(
        "202606",
        title="API version",
        pattern=r"^20\d{2}(0[1-9]|1[0-2])$",
        description="LinkedIn supports a version for a year; enter a newer one when it says that this one is gone.",
    )
