"""Twilio's error codes and what they mean for us (protocol page section 6). ``code`` stands at the answer's top."""

from dataclasses import dataclass
from datetime import timedelta

from hub.connector.errors import (
    ApiAnswer,
    ConnectorError,
    ErrorRule,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
)
from hub.connector.retry_after import parse_retry_after

CAP_WAIT = timedelta(hours=6)
"""After an account's daily cap: until its day is surely on the way to its end."""
SHORT_WAIT = timedelta(seconds=10)


@dataclass(frozen=True)
class OptedOutRule(ErrorRule):
    """A row about a person who opted out at Twilio."""

    def error(self, answer: ApiAnswer, detail: str) -> ConnectorError:
        """The refusal of this recipient."""
        return RecipientRefusedError(self.user_message, opted_out=True, detail=detail, code=self.code)


def _wait(answer: ApiAnswer) -> timedelta | None:
    return parse_retry_after(answer.headers.get("retry-after"))


def _coded(name: str, raises: type[ConnectorError], message: str, *codes: int) -> ErrorRule:
    return ErrorRule(name=f"twilio_{name}", raises=raises, user_message=message, where={"code": codes}, code=name)


ERROR_RULES: tuple[ErrorRule, ...] = (
    _coded(
        "credentials_refused",
        ReauthorizationNeededError,
        "Twilio no longer accepts the Account SID and its token or key, or the account is suspended. Enter valid "
        "credentials.",
        20003,
        20006,
    ),
    _coded("gone", PermanentError, "Twilio does not know this any more.", 20404),
    ErrorRule(
        name="twilio_throttled",
        raises=RateLimitedError,
        user_message="Twilio asks us to slow down. We wait.",
        where={"code": (20429, 59004)},
        code="rate_limited",
        retry_after=_wait,
    ),
    ErrorRule(
        name="twilio_daily_cap",
        raises=RateLimitedError,
        user_message="The account's daily number of messages at Twilio is used up. We wait.",
        where={"code": (63038,)},
        code="daily_cap",
        retry_after=lambda _: CAP_WAIT,
    ),
    OptedOutRule(
        name="twilio_opted_out",
        raises=RecipientRefusedError,
        user_message="This person opted out at Twilio: nothing can be sent until they write START.",
        where={"code": (21610,)},
        code="opted_out",
    ),
    _coded(
        "no_such_recipient",
        RecipientRefusedError,
        "This number cannot get messages: it does not exist, is no mobile number, or is not on this channel.",
        *(21211, 21214, 21217, 21612, 21614, 63003, 63024),
    ),
    _coded(
        "template_needed",
        PermanentError,
        "More than 24 hours have passed since this person's last WhatsApp message: free text is not allowed any more.",
        63016,
    ),
    _coded(
        "not_registered",
        PermanentError,
        "Carriers filter messages of this number, or it lacks the registration that they ask for. See the Twilio "
        "console, Messaging, Regulatory.",
        30007,
        30034,
    ),
    _coded(
        "region_not_enabled",
        PermanentError,
        "The account may not send to this country. Switch it on in the Twilio console, Messaging, Geo permissions.",
        21408,
    ),
    _coded(
        "sender_not_ours",
        PermanentError,
        "The number to send from does not belong to this Twilio account, or cannot send on this channel.",
        *(21606, 21659, 21660, 63007),
    ),
    ErrorRule(
        name="twilio_no_right",
        raises=ReauthorizationNeededError,
        user_message="Twilio says that the key lacks a right, or that the account is closed. Enter another key.",
        status=(403,),
        where={"code": range(20000, 21000)},
        code="no_right",
        trace=("code",),
    ),
)
