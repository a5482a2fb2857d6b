"""Refusals of Vonage's APIs and what they mean for us (protocol page section 5).

Newer APIs answer with problem JSON (RFC 9457) whose ``title`` is words in one place and a code in another.
"""

from collections.abc import Collection
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

SHORT_WAIT = timedelta(seconds=10)
TRACE = ("title", "instance", "error-code")


def _wait(answer: ApiAnswer) -> timedelta:
    return parse_retry_after(answer.headers.get("retry-after")) or SHORT_WAIT


def _rule(
    name: str,
    raises: type[ConnectorError],
    user_message: str,
    status: Collection[int],
    *titles: str,
    code: str | None = None,
    member: str = "title",
) -> ErrorRule:
    return ErrorRule(
        name=f"vonage_{name}",
        raises=raises,
        user_message=user_message,
        status=status,
        where={member: titles},
        code=code or name,
        retry_after=_wait,
        trace=TRACE,
    )


_REFUSALS = range(400, 500)

ERROR_RULES: tuple[ErrorRule, ...] = (
    _rule(
        "throttled",
        RateLimitedError,
        "Vonage asks us to slow down. We wait.",
        (429,),
        *("Throttled", "Rate Limit Hit", "Too Many Requests", "1000"),
        code="rate_limited",
    ),
    _rule(
        "credentials_refused",
        ReauthorizationNeededError,
        "Vonage refused the credentials. Enter the API key, the API secret and the application's private key anew.",
        (401,),
        *("Unauthorized", "Invalid credentials supplied", "Bad token"),
        code="unauthorized",
    ),
    _rule(
        "key_refused",
        ReauthorizationNeededError,
        "Vonage refused the API key or the API secret. Enter both anew.",
        (401, 420),
        *("401", "420"),
        code="unauthorized",
        member="error-code",
    ),
    _rule(
        "right_missing",
        PermanentError,
        "Vonage does not permit this to the account or the application. Switch the Messages capability on for the "
        "application, and link the number to it.",
        (403,),
        *("Forbidden", "Authorisation error", "Authorization error"),
    ),
    _rule(
        "balance_low",
        PermanentError,
        "The balance of the Vonage account is too low. Top it up.",
        (402, 403),
        *("Payment Required", "Low balance", "Low Balance", "1070"),
    ),
    _rule(
        "not_found",
        PermanentError,
        "Vonage does not know the application. Check the Application ID.",
        (404,),
        *("Not Found", "Not found", "Invalid Application", "Application not found"),
    ),
    _rule(
        "recipient_refused",
        RecipientRefusedError,
        "Vonage cannot deliver to this number: it does not exist, or it is barred.",
        _REFUSALS,
        *("Number barred", "1050", "Invalid or Missing Msisdn Param", "1170", "Illegal Number", "1240"),
        code="undeliverable",
    ),
    _rule(
        "window_closed",
        PermanentError,
        "Free text by WhatsApp is possible only within 24 hours of the person's last message.",
        _REFUSALS,
        *("Outside Of Allowed Window", "Outside of allowed window", "1340"),
    ),
    _rule(
        "sender_refused",
        PermanentError,
        "Vonage does not let this number send on this channel. Link it to the application.",
        _REFUSALS,
        *("Invalid sender", "Invalid Sender", "1420", "Illegal Sender Address - rejected", "1120"),
    ),
    _rule(
        "message_refused",
        PermanentError,
        "Vonage refused the message as it is written.",
        _REFUSALS,
        *("Invalid params", "Invalid Params", "1020", "Your request is invalid", "Unprocessable Entity", "1040"),
    ),
)
"""The whole table, checked from the top. What it does not name the hub's own table knows by the status."""
