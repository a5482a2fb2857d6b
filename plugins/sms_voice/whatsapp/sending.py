"""Sending a text (protocol page section 4)."""

from typing import Annotated

from pydantic import JsonValue

from hub.connector.conversations import Channel
from hub.connector.errors import PermanentError, RecipientRefusedError, RetryableError
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.whatsapp.errors import MARKETING_STOPPED
from plugins.sms_voice.whatsapp.graph import Graph, told
from plugins.sms_voice.whatsapp.numbers import e164_of
from plugins.sms_voice.wire import Id, Listed, Wire

LONGEST_TEXT = 4096


class _SentMessage(Wire):
    id: Id


class _Answer(Wire):
    messages: Annotated[tuple[_SentMessage, ...], Listed] = ()


async def send_text(graph: Graph, message: OutgoingMessage) -> Sent:
    """One request. ``message.sender`` is the id of one of the account's numbers."""
    if message.channel is not Channel.WHATSAPP:
        raise PermanentError("This connection sends by WhatsApp only.", code="channel_not_possible")
    if len(message.text) > LONGEST_TEXT:
        raise PermanentError(f"A WhatsApp message has at most {LONGEST_TEXT} characters.", code="too_long")
    body: JsonValue = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_addressed(message.recipient),
        "type": "text",
        "text": {"body": message.text, "preview_url": False},
    }
    try:
        answer = told(_Answer, await graph.call("POST", f"{message.sender}/messages", json_body=body))
    except RecipientRefusedError as error:
        if error.code != MARKETING_STOPPED:
            raise
        raise RecipientRefusedError(error.user_message, opted_out=True, detail=error.detail, code=error.code) from None
    if not answer.messages:
        raise RetryableError("Meta's answer names no message.", code="garbage")
    return Sent(provider_id=answer.messages[0].id)


def _addressed(recipient: str) -> dict[str, JsonValue]:
    """A number goes into ``to``, an id of a person without a number into ``recipient``."""
    number = e164_of(recipient)
    return {"to": number.removeprefix("+")} if number else {"recipient": recipient}
