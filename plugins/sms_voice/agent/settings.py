"""What an admin enters about a voice agent or chat bot."""

import base64

from pydantic import Field, SecretStr, field_validator

from plugins.sms_voice.choice import AgentSecret, OptionalSecret, ProviderChoice

SHORTEST_KEY = 16


class AgentSettings(ProviderChoice):
    """One agent, or several that share a secret."""

    agent_name: str = Field(
        default="AI receptionist",
        title="Name of the agent",
        min_length=1,
        max_length=100,
    )
    agent_webhook_secret: AgentSecret = Field(
        default=None,
        validate_default=True,
        title="Signing secret",
        description="The secret of Standard Webhooks with which the agent signs: whsec_ and Base64 of 24 to 64 bytes.",
    )
    agent_previous_webhook_secret: OptionalSecret = Field(
        default=None,
        title="Previous signing secret",
        description="Only while you change the secret: deliveries signed with either are accepted.",
    )

    @field_validator("agent_webhook_secret", "agent_previous_webhook_secret")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(_decoded(value)) < SHORTEST_KEY:
            raise ValueError("must be whsec_ followed by Base64 of at least 16 bytes")
        return value


def _decoded(value: SecretStr) -> bytes:
    text = value.get_secret_value().strip().removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""
