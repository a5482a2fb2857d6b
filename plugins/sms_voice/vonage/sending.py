"""Sending a text by the Messages API (protocol page section 5)."""

from pydantic import JsonValue

from hub.connector.conversations import Channel
from hub.connector.errors import PermanentError
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.vonage.addresses import written
from plugins.sms_voice.vonage.api import API, VonageApi, told
from plugins.sms_voice.wire import Id, Wire

CHANNELS = {Channel.SMS: "sms", Channel.WHATSAPP: "whatsapp"}


class _Answer(Wire):
    message_uuid: Id


async def send_text(api: VonageApi, message: OutgoingMessage) -> Sent:
    """One request; 202 says that Vonage took it. ``client_ref`` comes back with the receipts."""
    channel = CHANNELS.get(message.channel)
    if channel is None:
        raise PermanentError("By way of Vonage the hub sends SMS and WhatsApp only.", code="channel_not_possible")
    body: JsonValue = {
        "message_type": "text",
        "channel": channel,
        "from": written(message.sender),
        "to": written(message.recipient),
        "text": message.text,
        "client_ref": message.id[:100],
    }
    answer = await api.post_as_application(f"{API}/v1/messages", body, token_id=message.id)
    return Sent(provider_id=told(_Answer, answer).message_uuid)
