"""The format that a voice agent or chat bot posts; ``delivery.schema.json`` is made from these models.

Unknown members are left out, so that a sender may add what it likes.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hub.connector.text import storable

CONVERSATION_ENDED = "conversation.ended"
TRANSCRIPT_ADDED = "conversation.transcript_added"


def _clean(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=100_000)]
Line = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=1_000)]
Id = Annotated[str, BeforeValidator(_clean), StringConstraints(min_length=1, max_length=180)]
Value = Text | bool | int | float


class AgentModel(BaseModel):
    """Base of the format's models."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AgentChannel(StrEnum):
    """Where the conversation took place."""

    VOICE = "voice"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    WEB = "web"


class AgentKind(StrEnum):
    """What held the conversation."""

    RECEPTIONIST = "receptionist"
    CHAT_BOT = "chat_bot"


class Speaker(StrEnum):
    """Who said a turn."""

    CALLER = "caller"
    AGENT = "agent"


class Caller(AgentModel):
    """The person, as far as known. ``phone`` with country code. ``id`` is an id of a person without a phone."""

    phone: Line | None = None
    name: Line | None = None
    email: Line | None = None
    id: Id | None = None


class Turn(AgentModel):
    """One turn of the conversation."""

    speaker: Speaker
    text: Text
    at: AwareDatetime | None = None


class Conversation(AgentModel):
    """One call or chat. ``id`` is the agent's own and the same in everything about it; ``form`` tells several agents
    behind one secret apart; ``to`` is the business's number or page. ``fields`` are what the agent asked for: a value,
    or a list of several, by name of the question."""

    id: Id
    form: Id | None = None
    agent: AgentKind = AgentKind.RECEPTIONIST
    channel: AgentChannel = AgentChannel.VOICE
    caller: Caller = Caller()
    to: Id | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    summary: Text | None = None
    transcript: Text | tuple[Turn, ...] | None = None
    fields: dict[Line, Value | list[Value] | None] = Field(default_factory=dict, max_length=500)
    recording_url: Line | None = None
    outcome: Line | None = None
    opted_out: bool = False
    is_test: bool = False


class AgentDelivery(AgentModel):
    """The body of a delivery. ``conversation.ended`` tells of a conversation; ``conversation.transcript_added`` brings
    the transcript of one later, or earlier. Other types are ignored."""

    type: Line
    timestamp: AwareDatetime | None = None
    data: Conversation
