"""The account and its own numbers: one form for each number and channel."""

from collections.abc import Sequence
from typing import Any

from hub.connector.conversations import Channel
from hub.connector.errors import RetryableError
from hub.connector.models import Account, SourceForm
from plugins.sms_voice.conversation import QUESTIONS, form_id_of
from plugins.sms_voice.twilio.api import TwilioApi

LONGEST_ID = 200


async def account_of(api: TwilioApi) -> Account:
    """The account whose credentials were entered. One that is not active can neither be read nor send."""
    body = await api.account()
    name = body.get("friendly_name") if isinstance(body, dict) else None
    status = body.get("status") if isinstance(body, dict) else None
    if not isinstance(body, dict) or body.get("sid") != api.account_id:
        raise RetryableError("Twilio answered with another account.", detail="GET account", code="garbage")
    missing = () if status in (None, "active") else (f"the account is {status} at Twilio",)
    return Account(id=api.account_id, name=str(name or api.account_id), missing_rights=missing)


async def forms_of(api: TwilioApi) -> Sequence[SourceForm]:
    """What each number can do becomes a form. WhatsApp senders are not listed here; their forms come to be known with
    the first message."""
    found: list[SourceForm] = []
    async for page in api.pages("IncomingPhoneNumbers", "incoming_phone_numbers"):
        for item in page.items:
            found += _forms(item)
    return found


def _forms(item: Any) -> list[SourceForm]:
    number = item.get("phone_number") if isinstance(item, dict) else None
    if not isinstance(number, str) or not number:
        return []
    can = item.get("capabilities")
    able = [name for name in ("sms", "voice") if isinstance(can, dict) and can.get(name) is True]
    name = str(item.get("friendly_name") or number)
    return [
        SourceForm(
            id=form_id_of(Channel(each), number),
            name=name if len(able) == 1 else f"{name} ({'calls' if each == 'voice' else 'messages'})",
            questions=QUESTIONS,
        )
        for each in able
    ]
