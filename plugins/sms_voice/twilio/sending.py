"""Sending a text (protocol page section 6). One request, never repeated here: a repetition could arrive twice."""

from hub.connector.conversations import Channel
from hub.connector.errors import PermanentError, RetryableError
from hub.connector.sending import OutgoingMessage, Sent
from plugins.sms_voice.twilio.addresses import address_at_twilio
from plugins.sms_voice.twilio.api import TwilioApi


async def send_text(api: TwilioApi, message: OutgoingMessage) -> Sent:
    """Hand a text to Twilio; its reports come to ``report_to``."""
    if message.channel is Channel.VOICE:
        raise PermanentError("A text cannot be sent into a call. Choose SMS or WhatsApp.", code="no_text_in_calls")
    form = {
        "From": address_at_twilio(message.channel, message.sender),
        "To": address_at_twilio(message.channel, message.recipient),
        "Body": message.text,
    }
    if message.report_to is not None:
        form["StatusCallback"] = message.report_to
    body = await api.create_message(form)
    message_id = body.get("sid") if isinstance(body, dict) else None
    if not isinstance(message_id, str) or not message_id:
        raise RetryableError("Twilio's answer names no message.", detail="POST Messages", code="garbage")
    return Sent(provider_id=message_id)
