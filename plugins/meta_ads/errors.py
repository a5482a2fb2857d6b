"""Meta's error codes and what they mean for us (protocol page section 2.4).

Nearly every failure, throttling included, is HTTP 400: the code and the subcode decide, never the status or the
text. The order matters: causes of a dead token before the general row, transient trouble before refusals.
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
    RetryableError,
)
from plugins.meta_ads.usage import wait_or

NOT_VISIBLE = "not_visible"
REFUSED = "refused_parameters"
EVENT_TOO_OLD = "event_too_old"
EVENT_REFUSED = "event_refused"
PERMISSION_REMOVED = "permission_removed"
TOKEN_DEAD = (190, 102)
OF_EVENTS = range(2804000, 2805000)
"""Subcodes of the Conversions API about an event; 2804003 says that it is older than 7 days."""
INTERNAL = range(-(2**31), 0)
"""Negative codes are Meta's own and say nothing by themselves; only the subcode counts."""
DEAD_SUBCODES = (*range(456, 469), 492)
ANY_CODE = range(-(2**31), 2**31)
TRACE = ("error.code", "error.error_subcode", "error.fbtrace_id")

SHORT_WAIT = timedelta(minutes=5)
LEADS_WAIT = timedelta(minutes=30)
POLICY_WAIT = timedelta(hours=24)


def _rule(
    name: str,
    raises: type[ConnectorError],
    user_message: str,
    *,
    codes: Collection[int] = (),
    subcodes: Collection[int] = (),
    where: Mapping[str, Collection[Any]] | None = None,
    code: str | None = None,
    status: Collection[int] = (),
    wait: timedelta | None = None,
) -> ErrorRule:
    """A row by code and subcode; ``code`` is our stable word for it, the row's name unless given."""
    conditions: dict[str, Collection[Any]] = dict(where or {})
    if codes:
        conditions["error.code"] = codes
    if subcodes:
        conditions["error.error_subcode"] = subcodes
    return ErrorRule(
        name=name,
        raises=raises,
        user_message=user_message,
        status=status,
        where=conditions,
        code=code or name,
        retry_after=wait_or(wait) if wait else None,
        trace=TRACE,
    )


def _dead(name: str, message: str, *subcodes: int, code: str | None = None) -> ErrorRule:
    return _rule(name, ReauthorizationNeededError, message, codes=TOKEN_DEAD, subcodes=subcodes, code=code)


_THROTTLING = (
    _rule(
        "leads_throttled",
        RateLimitedError,
        "Meta limits how often leads may be read, by the number of leads of the Page. We wait.",
        codes=(80005,),
        code="rate_limited",
        wait=LEADS_WAIT,
    ),
    _rule(
        "throttled",
        RateLimitedError,
        "Meta asks us to slow down. We wait.",
        codes=(4, 17, 32, 341, 613, *range(80000, 80009)),
        code="rate_limited",
        wait=SHORT_WAIT,
    ),
    _rule(
        "policy_block",
        RateLimitedError,
        "Meta blocked the app for a policy reason. Look at Alerts in the app's dashboard; we try again in a day.",
        codes=(368,),
        wait=POLICY_WAIT,
    ),
)

_TEMPORARY = (
    _rule(
        "transient",
        RetryableError,
        "Meta has a passing problem. We try again.",
        where={"error.is_transient": (True,)},
        code="temporary",
    ),
    _rule(
        "unknown_or_service",
        RetryableError,
        "Meta has a passing problem. We try again.",
        codes=(1, 2),
        code="temporary",
    ),
)

_DEAD_TOKEN = (
    _dead("malformed", "Meta cannot read the stored sign-in. Sign in again.", 456, code="token_invalid"),
    _dead("wrong_origin", "The stored sign-in belongs to another website. Sign in again.", 457, code="token_invalid"),
    _dead("app_removed", "The person who signed in removed the app at Facebook. Sign in again.", 458),
    _dead("checkpoint", "Facebook wants to see the person first: open facebook.com, sign in there, then here.", 459),
    _dead("password_changed", "The password of the person who signed in was changed. Sign in again.", 460),
    _dead("app_reinstalled", "The app was installed anew at Facebook. Sign in again.", 461),
    _dead("stale", "The sign-in is out of date. Sign in again.", 462, code="expired"),
    _dead("expired", "The sign-in has expired. Sign in again.", 463),
    _dead("unconfirmed", "The Facebook account is not confirmed. Confirm it at facebook.com, then sign in again.", 464),
    _dead("withdrawn", "Facebook withdrew the sign-in. Sign in again.", 465, 466, code="revoked"),
    _dead("logged_out", "The sign-in was ended at Facebook. Sign in again.", 467),
    _dead("unused", "The sign-in was not used for a long time. Sign in again.", 468, code="expired"),
    _dead("page_role_lost", "The person who signed in has no role on the Page any more. Sign in as one who has.", 492),
    _rule(
        "token_dead",
        ReauthorizationNeededError,
        "Facebook no longer accepts the sign-in. Sign in again.",
        codes=TOKEN_DEAD,
        code="revoked",
    ),
    _rule(
        "internal_dead",
        ReauthorizationNeededError,
        "Facebook no longer accepts the sign-in. Sign in again.",
        codes=INTERNAL,
        subcodes=DEAD_SUBCODES,
        code="revoked",
    ),
    _rule(
        PERMISSION_REMOVED,
        ReauthorizationNeededError,
        "A permission was taken back at Facebook. Sign in again and allow everything that is asked for.",
        codes=(3, 10, *range(200, 300)),
    ),
)

_REFUSED = (
    _rule(
        "internal",
        RetryableError,
        "Meta met a fault of its own. We try again.",
        codes=INTERNAL,
        code="temporary",
    ),
    _rule(
        NOT_VISIBLE,
        RetryableError,
        "Meta does not show this object. It is gone, or the Leads Access Manager hides it from us.",
        codes=(100,),
        subcodes=(33,),
    ),
    _rule(
        "app_unknown",
        PermanentError,
        "Meta does not know the app. Check the App ID and the App secret in the settings.",
        codes=(101,),
        code="invalid_client",
    ),
    _rule(
        "redirect_not_registered",
        PermanentError,
        "Meta does not know the redirect address. Enter it under Valid OAuth Redirect URIs in the app's dashboard.",
        codes=(191,),
    ),
    _rule(
        "callback_check_failed",
        PermanentError,
        "Meta could not reach the hub's address for deliveries. It needs https, a public certificate and no sign-in.",
        codes=(2200,),
    ),
    _rule("already_done", PermanentError, "Meta says that this was sent before.", codes=(506,)),
    _rule(
        EVENT_TOO_OLD,
        PermanentError,
        "Meta takes an event for 7 days, which are over.",
        codes=(100,),
        subcodes=(2804003,),
    ),
    _rule(
        EVENT_REFUSED,
        PermanentError,
        "Meta refused this event: it does not know the lead any more, or a value does not suit it.",
        codes=(100,),
        subcodes=OF_EVENTS,
    ),
    _rule(
        REFUSED,
        PermanentError,
        "Meta refused the request. Check the Graph API version in the settings, then report this to the makers.",
        codes=(100, 2500),
    ),
    _rule(
        "unknown_code",
        PermanentError,
        "Meta refused the request with a code that is not known here. Report this to the makers.",
        codes=ANY_CODE,
        status=range(400, 500),
    ),
    _rule(
        "oauth_without_code",
        ReauthorizationNeededError,
        "Facebook no longer accepts the sign-in. Sign in again.",
        where={"error.type": ("OAuthException",)},
        status=range(400, 500),
        code="revoked",
    ),
)

ERROR_RULES = (*_THROTTLING, *_TEMPORARY, *_DEAD_TOKEN, *_REFUSED)
"""The whole table, checked from the top. What it does not name (HTTP 5xx) the hub's own table knows."""


def error_of_code(code: int | None, subcode: int | None) -> ConnectorError:
    """The error for a code that Meta tells inside a successful answer, as ``debug_token`` does."""
    answer = ApiAnswer(400, {}, {"error": {"type": "OAuthException", "code": code, "error_subcode": subcode}})
    return next(rule for rule in ERROR_RULES if rule.matches(answer)).error(answer, "reported by debug_token")
