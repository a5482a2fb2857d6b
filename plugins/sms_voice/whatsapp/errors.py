"""Meta's codes for WhatsApp and what they mean for us (protocol page section 6, and 2.4 of the page on lead ads).

Nearly every refusal is HTTP 400: the code decides. Titles change and are not looked at.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from hub.connector.errors import (
    ApiAnswer,
    ConnectorError,
    ErrorRule,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
    RetryableError,
)

MARKETING_STOPPED = "marketing_stopped"
CODE = "error.code"
ANY_CODE = range(-(2**31), 2**31)
TRACE = ("error.code", "error.error_subcode", "error.fbtrace_id")
"""Not the details: they may name the person's number."""
SHORT_WAIT = timedelta(minutes=5)
PAIR_WAIT = timedelta(minutes=1)
LONG_WAIT = timedelta(hours=1)


def _rule(
    name: str,
    raises: type[ConnectorError],
    user_message: str,
    *codes: int,
    where: Mapping[str, Collection[Any]] | None = None,
    code: str | None = None,
    wait: timedelta | None = None,
    status: Collection[int] = (),
) -> ErrorRule:
    """A row by codes. ``code`` is our stable word for it, the row's name unless given."""

    def told_wait(_: ApiAnswer) -> timedelta | None:
        return wait

    return ErrorRule(
        name=f"whatsapp_{name}",
        raises=raises,
        user_message=user_message,
        status=status,
        where={**({CODE: codes} if codes else {}), **(where or {})},
        code=code or name,
        retry_after=told_wait,
        trace=TRACE,
    )


_PATIENCE = (
    _rule(
        "pair_limit",
        RateLimitedError,
        "Too many messages went to this one person in a short time. We wait.",
        131056,
        code="rate_limited",
        wait=PAIR_WAIT,
    ),
    _rule(
        "throttled",
        RateLimitedError,
        "WhatsApp asks us to slow down. We wait.",
        *(4, 80007, 80008, 130429, 131064, 133016),
        code="rate_limited",
        wait=SHORT_WAIT,
    ),
    _rule(
        "spam_limit",
        RateLimitedError,
        "WhatsApp holds back messages of this number because people blocked or reported it. We wait.",
        131048,
        code="rate_limited",
        wait=LONG_WAIT,
    ),
    _rule(
        "unavailable",
        RateLimitedError,
        "WhatsApp takes no messages just now. We wait.",
        *(131016, 131057, 133004),
        code="unavailable",
        wait=SHORT_WAIT,
    ),
    _rule(
        "passing_trouble",
        RetryableError,
        "WhatsApp has a passing problem.",
        *(1, 2, 131000),
        code="temporary",
    ),
    _rule(
        "transient",
        RetryableError,
        "WhatsApp has a passing problem.",
        where={"error.is_transient": (True,)},
        code="temporary",
    ),
)

_CREDENTIALS = (
    _rule(
        "token_dead",
        ReauthorizationNeededError,
        "Meta no longer accepts the access token. Make a new one for the system user, and enter it in the settings.",
        *(0, 102, 190),
        code="revoked",
    ),
    _rule(
        "permission_missing",
        ReauthorizationNeededError,
        "The access token lacks a permission. Make one with whatsapp_business_messaging and "
        "whatsapp_business_management for a system user to whom the WhatsApp account is assigned.",
        *(3, 10, *range(200, 300), 131005),
        code="forbidden",
    ),
    _rule(
        "app_unknown",
        PermanentError,
        "Meta does not know the app. Check the App ID and the App secret in the settings.",
        101,
        code="invalid_client",
    ),
)

_ACCOUNT = (
    _rule(
        "policy_block",
        PermanentError,
        "Meta has restricted the WhatsApp account for a policy reason. Look at WhatsApp Manager.",
        *(368, 131031, 130497),
        code="account_restricted",
    ),
    _rule(
        "payment",
        PermanentError,
        "The WhatsApp account has no valid means of payment. Add one in the business settings of Meta.",
        *(131042, 131044),
        code="payment_missing",
    ),
)

_RECIPIENT = (
    _rule(
        MARKETING_STOPPED,
        RecipientRefusedError,
        "This person has stopped messages of this business in WhatsApp.",
        131050,
    ),
    _rule(
        "undeliverable",
        RecipientRefusedError,
        "WhatsApp cannot deliver to this person: no WhatsApp on this number, or an old version of it.",
        *(131026, 131021, 131030),
        code="undeliverable",
    ),
    _rule(
        "held_back",
        RecipientRefusedError,
        "WhatsApp holds this message back, because the person gets many of its kind.",
        *(131049, 130472),
        code="held_back",
    ),
    _rule(
        "id_not_possible",
        RecipientRefusedError,
        "This message cannot go to a person whose number is hidden.",
        131062,
        code="id_not_possible",
    ),
)

_MESSAGE = (
    _rule(
        "window_closed",
        PermanentError,
        "Free text is possible only within 24 hours of the person's last message. Use a template in WhatsApp Manager.",
        131047,
        code="window_closed",
    ),
    _rule(
        "message_refused",
        PermanentError,
        "WhatsApp refused the message as it is written.",
        *(100, 131008, 131009, 131051, 131052, 131053, *range(132000, 133000)),
        code="message_refused",
    ),
    _rule(
        "unknown_code",
        PermanentError,
        "Meta refused the request with a code that is not known here. Report this to the makers.",
        where={CODE: ANY_CODE},
        status=range(400, 500),
        code="unknown_code",
    ),
)

_GONE = _rule(
    "not_visible",
    PermanentError,
    "Meta does not show this object to the access token. Check the WhatsApp Business Account ID, and assign the "
    "account to the system user.",
    100,
    where={"error.error_subcode": (33,)},
)

ERROR_RULES: tuple[ErrorRule, ...] = (*_PATIENCE, *_CREDENTIALS, *_ACCOUNT, *_RECIPIENT, _GONE, *_MESSAGE)
"""The whole table, checked from the top. What has no code (HTTP 5xx) the hub's own table knows."""
