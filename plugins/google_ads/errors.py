"""Google's error codes and what they mean for us (protocol page sections 3 and 4.4).

The code inside the failure decides, hardly ever the status: 403 may be a wrong setting, a closed account or a scope
that was not granted. Whether signing in again would help is the question that sorts them.
"""

from collections.abc import Callable
from datetime import timedelta

from hub.connector.errors import (
    ApiAnswer,
    ErrorRule,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from plugins.google_ads.failures import FailureRule, retry_delay

NO_ACCESS = "no_access"
ACCOUNT_CLOSED = "account_closed"
NOT_PERMITTED = "not_permitted"
NOT_ALLOWLISTED = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
PAGE_TOKEN = "page_token"  # noqa: S105 - a place in a list
TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a code of ours
OF_ONE_ACCOUNT = (NO_ACCESS, ACCOUNT_CLOSED, "wrong_manager", "terms_not_accepted", "manager_account")
"""Codes of refusals that speak about one account and say nothing about the others."""

REFUSALS = (400, 403, 404)
"""Not 401 and 429, which the hub's own table knows without a code."""
SHORT_WAIT = timedelta(minutes=5)
QUOTA_WAIT = timedelta(hours=6)


def _wait_or(otherwise: timedelta) -> Callable[[ApiAnswer], timedelta]:
    return lambda answer: retry_delay(answer) or otherwise


def _dead(name: str, message: str, *names: str, code: str | None = None) -> FailureRule:
    return FailureRule(
        name=name, raises=ReauthorizationNeededError, user_message=message, names=names, code=code or name
    )


def _setup(name: str, message: str, *names: str, code: str | None = None) -> FailureRule:
    return FailureRule(name=name, raises=PermanentError, user_message=message, names=names, code=code or name)


_OAUTH = (
    ErrorRule(
        name="organisation_asks_again",
        raises=ReauthorizationNeededError,
        user_message="Your organisation's rules ask for a new sign-in at Google from time to time. Sign in again.",
        where={"error": ("invalid_grant",), "error_subtype": ("invalid_rapt",)},
        code="organisation_asks_again",
    ),
    ErrorRule(
        name="grant_dead",
        raises=ReauthorizationNeededError,
        user_message="Google no longer accepts the sign-in: it was withdrawn, not used for six months, or the consent "
        "screen of the Cloud project is in Testing, where sign-ins end after seven days. Sign in again.",
        where={"error": ("invalid_grant",)},
        code="invalid_grant",
    ),
    ErrorRule(
        name="client_refused",
        raises=PermanentError,
        user_message="Google refused the client ID or the client secret. Check both in the settings.",
        where={"error": ("invalid_client", "unauthorized_client", "deleted_client", "disabled_client")},
        code="invalid_client",
    ),
    ErrorRule(
        name="redirect_not_registered",
        raises=PermanentError,
        user_message="Google does not know the redirect address. Enter it at the OAuth client under Authorised "
        "redirect URIs, exactly as it is shown here.",
        where={"error": ("redirect_uri_mismatch",)},
        code="redirect_not_registered",
    ),
    ErrorRule(
        name=TOKEN_UNKNOWN,
        raises=PermanentError,
        user_message="Google does not know this sign-in any more.",
        status=(400,),
        where={"error": ("invalid_token",)},
        code=TOKEN_UNKNOWN,
    ),
)

_PATIENCE = (
    FailureRule(
        name="daily_quota",
        raises=RateLimitedError,
        user_message="The Cloud project has used up its operations of the day at Google. We wait. Ask Google for a "
        "higher access level if this happens often.",
        names=("RESOURCE_EXHAUSTED",),
        code="rate_limited",
        retry_after=_wait_or(QUOTA_WAIT),
    ),
    FailureRule(
        name="throttled",
        raises=RateLimitedError,
        user_message="Google asks us to slow down. We wait.",
        names=(
            "RESOURCE_TEMPORARILY_EXHAUSTED",
            "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
            "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION",
        ),
        code="rate_limited",
        retry_after=_wait_or(SHORT_WAIT),
    ),
    FailureRule(
        name="passing_trouble",
        raises=RetryableError,
        user_message="Google has a passing problem. We try again.",
        names=("INTERNAL_ERROR", "TRANSIENT_ERROR", "DEADLINE_EXCEEDED"),
        code="temporary",
    ),
)

_SIGN_IN = (
    _dead("token_expired", "The access to Google has run out. Sign in again.", "OAUTH_TOKEN_EXPIRED"),
    _dead(
        "withdrawn",
        "Access was withdrawn at Google. Sign in again.",
        "OAUTH_TOKEN_REVOKED",
        "OAUTH_TOKEN_DISABLED",
        code="revoked",
    ),
    _dead(
        "token_invalid",
        "Google cannot read the stored sign-in. Sign in again.",
        *("OAUTH_TOKEN_INVALID", "OAUTH_TOKEN_HEADER_INVALID", "AUTHENTICATION_ERROR"),
        "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED",
    ),
    _dead(
        "second_step_missing",
        "Google wants two-step verification for accounts that use Google Ads. Switch it on at myaccount.google.com, "
        "then sign in again.",
        *("TWO_STEP_VERIFICATION_NOT_ENROLLED", "ADVANCED_PROTECTION_NOT_ENROLLED"),
    ),
    _dead(
        "no_ads_user",
        "The Google account that signed in has no access to Google Ads, or does not exist any more. Sign in with one "
        "that can open the Ads account.",
        *("NOT_ADS_USER", "GOOGLE_ACCOUNT_DELETED", "GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH"),
    ),
    _dead(
        "scope_missing",
        "The permission for Google Ads was not granted. Sign in again and tick it.",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        code="forbidden",
    ),
)

_ACCOUNT = (
    _setup(
        NO_ACCESS,
        "The person who signed in may not see this account, or not through the manager account of the settings. Give "
        "access in Google Ads under Access and security, or correct the manager account.",
        "USER_PERMISSION_DENIED",
    ),
    _setup(
        "wrong_manager",
        "This account does not stand under the manager account of the settings. Correct the manager account.",
        *("INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION", "LOGIN_CUSTOMER_ID_PARAMETER_MISSING"),
        "INVALID_LOGIN_CUSTOMER_ID",
    ),
    _setup(
        ACCOUNT_CLOSED,
        "The Google Ads account is closed, suspended or not set up to its end. Open Google Ads to see what is missing.",
        *("CUSTOMER_NOT_ENABLED", "CUSTOMER_NOT_FOUND", "INCOMPLETE_SIGNUP"),
        "ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT",
    ),
    _setup(
        "terms_not_accepted",
        "The terms of Google Ads were not accepted for this account. Sign in to Google Ads and accept them.",
        "MISSING_TOS",
    ),
    _setup(
        "manager_account",
        "Leads hang on client accounts; a manager account has none of its own.",
        "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT",
    ),
    _setup(
        NOT_PERMITTED,
        "Google does not permit this to the Cloud project. See its access level in the API Center of Google Ads.",
        "ACTION_NOT_PERMITTED",
    ),
)

_PROJECT = (
    _setup(
        "not_allowlisted",
        "Google takes offline conversions by this API only from Cloud projects that sent some before June 2026. Ask "
        "Google's support to allow this project.",
        NOT_ALLOWLISTED,
    ),
    _setup(
        "project_not_ready",
        "The Cloud project may not use the Google Ads API: enable the API in the Google Cloud console, and ask for "
        "the access level Explorer or higher for real accounts.",
        *("CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "PROJECT_DISABLED", "CLOUD_PROJECT_NOT_FOUND"),
        *("CLOUD_PROJECT_NOT_UNDER_ORGANIZATION", "SERVICE_DISABLED"),
    ),
    _setup(
        "developer_token",
        "Google refused the developer token, or asks for one in this version. Empty the field, or raise the API "
        "version in the settings; versions before v26 may still need a token.",
        *("DEVELOPER_TOKEN_PARAMETER_MISSING", "DEVELOPER_TOKEN_INVALID", "DEVELOPER_TOKEN_PROHIBITED"),
        *("DEVELOPER_TOKEN_NOT_APPROVED", "DEVELOPER_TOKEN_NOT_ON_ALLOWLIST"),
        "ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN",
    ),
    _setup(
        "version_gone",
        "Google has withdrawn this version of the Google Ads API. Enter a newer one in the settings.",
        "UNSUPPORTED_VERSION",
    ),
)

_REQUEST = (
    _setup(
        PAGE_TOKEN,
        "The place in Google's list is no longer known.",
        *("INVALID_PAGE_TOKEN", "EXPIRED_PAGE_TOKEN", "PAGE_SIZE_NOT_SUPPORTED"),
    ),
    FailureRule(
        name="query_refused",
        raises=PermanentError,
        user_message="Google refused the question we asked. Check the API version in the settings, then report this "
        "to the makers.",
        kinds=("queryError", "requestError", "fieldError", "headerError"),
        code="query_refused",
    ),
    FailureRule(
        name="unknown_code",
        raises=PermanentError,
        user_message="Google refused the request with a code that is not known here. Report this to the makers.",
        status=REFUSALS,
        code="unknown_code",
    ),
)

ERROR_RULES: tuple[ErrorRule, ...] = (*_OAUTH, *_PATIENCE, *_SIGN_IN, *_ACCOUNT, *_PROJECT, *_REQUEST)
"""The whole table, checked from the top. What it does not name (401, 429, 5xx without a code) the hub's table knows."""
