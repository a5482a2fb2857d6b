"""What every provider's conversations have in common: forms, questions, threads, and lead sources."""

import re
from collections.abc import Sequence

from hub.connector.conversations import Channel
from hub.connector.models import Answer, Campaign, FieldType, LeadSource, Question

PHONE = Question(key="phone", label="Phone", kind=FieldType.PHONE)
NAME = Question(key="name", label="Name")
EMAIL = Question(key="email", label="E-mail", kind=FieldType.EMAIL)
MESSAGE = Question(key="message", label="Message", kind=FieldType.LONG_TEXT)
CITY = Question(key="city", label="City")
STATE = Question(key="state", label="State")
POSTCODE = Question(key="postcode", label="Postcode")
COUNTRY = Question(key="country", label="Country")

QUESTIONS = (PHONE, NAME, MESSAGE, CITY, STATE, POSTCODE, COUNTRY)
"""What a message or a call can answer."""

SMS = LeadSource(code="sms", name="SMS")
WHATSAPP = LeadSource(code="whatsapp", name="WhatsApp")
VOICE = LeadSource(code="voice", name="Phone call")
CHAT = LeadSource(code="chat", name="Chat")
CHAT_BOT_SMS = LeadSource(code="chat_bot_sms", name="Chat bot by SMS")
CHAT_BOT_VOICE = LeadSource(code="chat_bot_voice", name="Chat bot by voice")
CHAT_BOT_WEB = LeadSource(code="chat_bot_web", name="Chat bot on the website")
AI_RECEPTIONIST = LeadSource(code="ai_receptionist", name="AI receptionist")

SOURCES = {Channel.SMS: SMS, Channel.WHATSAPP: WHATSAPP, Channel.VOICE: VOICE, Channel.CHAT: CHAT}

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LONGEST_ID = 200


def form_id_of(channel: Channel, own_address: str) -> str:
    """The source form of an own address on a channel: ``sms:+15005550001``."""
    return f"{channel.value}:{own_address}"[:_LONGEST_ID]


def address_of(form_id: str) -> tuple[Channel, str] | None:
    """Channel and own address of such a form; None for any other id."""
    name, _, address = form_id.partition(":")
    return (Channel(name), address) if name in set(Channel) and address else None


def message_thread(channel: Channel, person: str, own_address: str) -> str:
    """All messages between two addresses on one channel belong together."""
    return f"{channel.value}:{person}:{own_address}"[:_LONGEST_ID]


def is_phone(address: str) -> bool:
    """Whether an address is a phone number with country code (E.164), and no short code, word or withheld number."""
    return _NUMBER.fullmatch(address) is not None


def answers_to(given: Sequence[tuple[Question, str]]) -> tuple[Answer, ...]:
    """Answers to the questions that have any, in this order."""
    return tuple(
        Answer(key=question.key, label=question.label, values=(text,)) for question, text in given if text.strip()
    )


def own_number(own_address: str) -> Campaign:
    """The number that was called or written to, by which a business tells its advertisements apart."""
    return Campaign(ids={"number": own_address})


def click_to_chat(
    own_address: str, *, kind: str, object_id: str, url: str, headline: str, text: str, click_id: str
) -> Campaign:
    """The advertisement (``kind`` is ``ad``) or post that opened a chat; only the first message of one tells of it."""
    if not (object_id or click_id):
        return own_number(own_address)
    ids = {"number": own_address} | ({kind or "ad": object_id} if object_id else {})
    return Campaign(
        source="click_to_chat",
        name=headline or None,
        content=text or None,
        click_ids={"ctwa_clid": click_id} if click_id else {},
        ids=ids,
        platform="whatsapp",
        is_organic=kind == "post",
        referrer=url or None,
    )
