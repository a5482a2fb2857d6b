"""The error table: every code of the protocol page, sections 3 and 4.4, gives its class."""

import json
from datetime import timedelta
from typing import Any

import pytest

from hub.connector.access import default_error
from hub.connector.errors import (
    ApiAnswer,
    ConnectorError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from plugins.google_ads.errors import ERROR_RULES
from plugins.google_ads.failures import codes_in, retry_delay
from plugins.google_ads.simulator.answers import AdsError, FrontError, quota

KINDS = {"authentication": "authenticationError", "authorization": "authorizationError", "request": "requestError"}


def error_of(body: Any, status: int = 400, headers: dict[str, str] | None = None) -> ConnectorError:
    """The error that the table makes of an answer."""
    answer = ApiAnswer(status, headers or {}, body)
    for rule in ERROR_RULES:
        if rule.matches(answer):
            return rule.error(answer, "POST ads")
    return default_error(answer, "POST ads")


def failure(code: str, kind: str = "authentication", status: int = 400, *, in_list: bool = False) -> ConnectorError:
    """The error for one code of the Ads API."""
    body: Any = AdsError(KINDS.get(kind, kind), code, "x", status=status).body("v26")
    return error_of([body] if in_list else body, status)


@pytest.mark.parametrize(
    "code",
    [
        *("OAUTH_TOKEN_EXPIRED", "OAUTH_TOKEN_REVOKED", "OAUTH_TOKEN_DISABLED", "OAUTH_TOKEN_INVALID"),
        *("OAUTH_TOKEN_HEADER_INVALID", "AUTHENTICATION_ERROR", "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED"),
        *("GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH", "GOOGLE_ACCOUNT_DELETED", "NOT_ADS_USER"),
        *("TWO_STEP_VERIFICATION_NOT_ENROLLED", "ADVANCED_PROTECTION_NOT_ENROLLED"),
    ],
)
@pytest.mark.parametrize("in_list", [False, True])
def test_dead_sign_ins_ask_for_a_new_one(code: str, in_list: bool) -> None:
    """Each cause is named, also where a stream wraps the refusal in a list."""
    error = failure(code, status=401, in_list=in_list)
    assert type(error) is ReauthorizationNeededError
    assert code in error.detail


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("USER_PERMISSION_DENIED", "authorization", "no_access"),
        ("CUSTOMER_NOT_ENABLED", "authorization", "account_closed"),
        ("CUSTOMER_NOT_FOUND", "authentication", "account_closed"),
        ("INCOMPLETE_SIGNUP", "authorization", "account_closed"),
        ("ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT", "authorization", "account_closed"),
        ("INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION", "authorization", "wrong_manager"),
        ("LOGIN_CUSTOMER_ID_PARAMETER_MISSING", "request", "wrong_manager"),
        ("INVALID_LOGIN_CUSTOMER_ID", "headerError", "wrong_manager"),
        ("CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT", "request", "manager_account"),
        ("MISSING_TOS", "authorization", "terms_not_accepted"),
        ("ACTION_NOT_PERMITTED", "authorization", "not_permitted"),
        ("CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "authorization", "project_not_ready"),
        ("PROJECT_DISABLED", "authorization", "project_not_ready"),
        ("CLOUD_PROJECT_NOT_FOUND", "request", "project_not_ready"),
        ("CLOUD_PROJECT_NOT_UNDER_ORGANIZATION", "authorization", "project_not_ready"),
        ("DEVELOPER_TOKEN_PARAMETER_MISSING", "request", "developer_token"),
        ("DEVELOPER_TOKEN_INVALID", "authentication", "developer_token"),
        ("DEVELOPER_TOKEN_NOT_APPROVED", "authorization", "developer_token"),
        ("UNSUPPORTED_VERSION", "request", "version_gone"),
        ("INVALID_PAGE_TOKEN", "request", "page_token"),
        ("EXPIRED_PAGE_TOKEN", "request", "page_token"),
        ("PAGE_SIZE_NOT_SUPPORTED", "request", "page_token"),
        ("BAD_FIELD_NAME", "queryError", "query_refused"),
        ("RESOURCE_NAME_MALFORMED", "request", "query_refused"),
        ("REQUIRED", "fieldError", "query_refused"),
        ("SOMETHING_NEW", "tomorrowError", "unknown_code"),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_settings_and_accounts_are_no_reason_to_sign_in(code: str, kind: str, name: str, status: int) -> None:
    """What an admin must change is named; signing in again would not help, whatever the status says."""
    error = failure(code, kind, status)
    assert type(error) is PermanentError
    assert error.code == name


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        ("RESOURCE_EXHAUSTED", timedelta(hours=6)),
        ("RESOURCE_TEMPORARILY_EXHAUSTED", timedelta(minutes=5)),
        ("EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", timedelta(minutes=5)),
        ("EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION", timedelta(minutes=5)),
    ],
)
def test_quotas_wait_as_long_as_google_says(code: str, wait: timedelta) -> None:
    """With a delay its length, without one what is usual for the quota."""
    told = error_of(quota(code, timedelta(seconds=42)).body("v26"), 429)
    usual = error_of(quota(code).body("v26"), 429)
    assert isinstance(told, RateLimitedError)
    assert isinstance(usual, RateLimitedError)
    assert told.retry_after == timedelta(seconds=42)
    assert usual.retry_after == wait


@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "TRANSIENT_ERROR", "DEADLINE_EXCEEDED"])
@pytest.mark.parametrize("status", [400, 500, 504])
def test_passing_trouble_is_tried_again(code: str, status: int) -> None:
    """Google's own trouble, under whichever status."""
    assert type(failure(code, "internalError", status)) is RetryableError


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        ({"error": "invalid_grant", "error_description": "x"}, 400, ReauthorizationNeededError, "invalid_grant"),
        (
            {"error": "invalid_grant", "error_subtype": "invalid_rapt"},
            400,
            ReauthorizationNeededError,
            "organisation_asks_again",
        ),
        ({"error": "invalid_client"}, 401, PermanentError, "invalid_client"),
        ({"error": "unauthorized_client"}, 401, PermanentError, "invalid_client"),
        ({"error": "deleted_client"}, 401, PermanentError, "invalid_client"),
        ({"error": "redirect_uri_mismatch"}, 400, PermanentError, "redirect_not_registered"),
        ({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401, ReauthorizationNeededError, "unauthorized"),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, 429, RateLimitedError, "rate_limited"),
        ({"error": {"code": 503, "status": "UNAVAILABLE"}}, 503, RetryableError, "platform_error"),
        (None, 404, PermanentError, "refused"),
    ],
)
def test_answers_without_a_code_of_the_ads_api(body: Any, status: int, kind: type[Exception], code: str) -> None:
    """The token endpoint's words, and what the hub's own table knows by the status."""
    error = error_of(body, status)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", ReauthorizationNeededError, "forbidden"),
        ("SERVICE_DISABLED", PermanentError, "project_not_ready"),
        ("SOMETHING_ELSE", PermanentError, "unknown_code"),
    ],
)
def test_refusals_from_in_front_of_the_ads_api(reason: str, kind: type[Exception], code: str) -> None:
    """A missing scope needs the person, an API that is not enabled needs the owner of the project."""
    error = error_of(FrontError("reason", reason, "x", status=403).body("v26"), 403)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"details": "no list"}},
        {"error": {"details": [None, 5, {"errors": "no list"}]}},
        {"error": {"details": [{"errors": [None, {"errorCode": "no object"}, {"errorCode": {"quotaError": 5}}]}]}},
        [[], None, {"error": None}],
        "text",
    ],
)
def test_odd_refusals_are_read_without_falling_over(body: Any) -> None:
    """Whatever stands in the place of a failure: no code, and the status decides."""
    assert codes_in(body) == []
    assert type(error_of(body, 503)) is RetryableError


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("30s", timedelta(seconds=30)),
        ("0.5s", timedelta(seconds=0.5)),
        ("999999999s", timedelta(hours=24)),
        *((each, None) for each in ("", "30", "s", "-3s", "nans", "xs", 30, None, "9" * 30 + "s")),
    ],
)
def test_delays_are_read_within_reason(text: Any, wait: timedelta | None) -> None:
    """A duration of protocol buffers, at most a day; anything else is none."""
    body = AdsError("quotaError", "X", "x", more={"quotaErrorDetails": {"retryDelay": text}}).body("v26")
    assert retry_delay(ApiAnswer(429, {}, body)) == wait


def test_error_tells_codes_and_request_for_googles_support() -> None:
    """The detail for the log holds what Google's support asks for, and no message text."""
    error = failure("USER_PERMISSION_DENIED", "authorization", 403)
    assert "authorizationError USER_PERMISSION_DENIED" in error.detail
    assert "request Kg94" in error.detail
    assert json.dumps(error.detail).isascii()
