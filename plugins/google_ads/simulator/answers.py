"""How Google refuses: a status, and codes deep inside (protocol page sections 3 and 4.4)."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hub.testing.faults import PlatformAnswer

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
REQUEST_ID = "Kg94PuyKlybQd7RquC9ew"


class AdsError(Exception):
    """One refusal of the Google Ads API. ``kind`` and ``code`` are those of its ``errorCode``."""

    def __init__(self, kind: str, code: str, message: str, *, status: int = 400, more: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind, self.code, self.message, self.more = kind, code, message, more

    def body(self, version: str) -> dict[str, Any]:
        """The JSON of the answer."""
        error: dict[str, Any] = {"errorCode": {self.kind: self.code}, "message": self.message}
        if self.more is not None:
            error["details"] = self.more
        failure = {
            "@type": f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
            "errors": [error],
            "requestId": REQUEST_ID,
        }
        return envelope(self.status, "Request contains an invalid argument.", [failure])

    def answer(self, version: str, *, in_list: bool = False) -> PlatformAnswer:
        """The HTTP answer; a stream wraps it in a list."""
        body = self.body(version)
        return PlatformAnswer(self.status, json.dumps([body] if in_list else body).encode())


class FrontError(AdsError):
    """A refusal from in front of the Ads API, with a ``google.rpc.ErrorInfo`` instead of a failure."""

    def body(self, version: str) -> dict[str, Any]:
        """The JSON of the answer; the version does not show in it."""
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.code, "domain": "googleapis.com"}
        return envelope(self.status, self.message, [info])


def envelope(status: int, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The outer form of every refusal of a Google API."""
    error: dict[str, Any] = {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}
    if details:
        error["details"] = details
    return {"error": error}


def oauth_refusal(status: int, error: str, description: str, **more: str) -> PlatformAnswer:
    """A refusal of the token endpoint (RFC 6749 section 5.2)."""
    return PlatformAnswer(status, json.dumps({"error": error, "error_description": description, **more}).encode())


def authentication(code: str, message: str = "Request had invalid authentication credentials.") -> AdsError:
    """A token that does not work (any more)."""
    return AdsError("authenticationError", code, message, status=401)


def forbidden(code: str, message: str = "The caller does not have permission.") -> AdsError:
    """A right or a setting that is missing."""
    return AdsError("authorizationError", code, message, status=403)


def request_error(code: str, message: str) -> AdsError:
    """A request that is not as documented."""
    return AdsError("requestError", code, message)


def query_error(code: str, message: str) -> AdsError:
    """A query that is not as documented."""
    return AdsError("queryError", code, message)


def quota(code: str, wait: timedelta | None = None) -> AdsError:
    """Patience, please."""
    more = None
    if wait is not None:
        seconds = f"{round(wait.total_seconds())}s"
        more = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "rateName": "Operations", "retryDelay": seconds}}
    return AdsError("quotaError", code, "Too many requests.", status=429, more=more)


def answers_by_cause(version: str) -> Mapping[str, PlatformAnswer]:
    """One documented refusal for each cause that the protocol page tells apart, by the name of our rule."""
    revoked = "Token has been expired or revoked."
    found = {
        "organisation_asks_again": oauth_refusal(
            400, "invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt"
        ),
        "grant_dead": oauth_refusal(400, "invalid_grant", revoked),
        "client_refused": oauth_refusal(401, "deleted_client", "The OAuth client was deleted."),
        "redirect_not_registered": oauth_refusal(400, "redirect_uri_mismatch", "Bad Request"),
        "token_unknown": oauth_refusal(400, "invalid_token", revoked),
    }
    errors = {
        "daily_quota": quota("RESOURCE_EXHAUSTED", timedelta(hours=3)),
        "throttled": quota("EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION"),
        "passing_trouble": AdsError("internalError", "TRANSIENT_ERROR", "Try again.", status=500),
        "token_expired": authentication("OAUTH_TOKEN_EXPIRED"),
        "withdrawn": authentication("OAUTH_TOKEN_REVOKED"),
        "token_invalid": authentication("OAUTH_TOKEN_INVALID"),
        "second_step_missing": authentication("TWO_STEP_VERIFICATION_NOT_ENROLLED"),
        "no_ads_user": authentication("NOT_ADS_USER", "The Google Account is not associated with any Ads account."),
        "scope_missing": scope_missing(),
        "no_access": forbidden("USER_PERMISSION_DENIED"),
        "wrong_manager": forbidden("INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION"),
        "account_closed": forbidden("CUSTOMER_NOT_ENABLED", "The customer account can't be accessed."),
        "terms_not_accepted": forbidden("MISSING_TOS"),
        "manager_account": request_error("CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT", "Not for managers."),
        "not_permitted": forbidden("ACTION_NOT_PERMITTED"),
        "not_allowlisted": AdsError(
            "notAllowlistedError", "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", "Customer is not allowlisted."
        ),
        "project_not_ready": forbidden("CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"),
        "developer_token": request_error("DEVELOPER_TOKEN_PARAMETER_MISSING", "Developer token is missing."),
        "version_gone": request_error("UNSUPPORTED_VERSION", "Version is deprecated."),
        "page_token": request_error("EXPIRED_PAGE_TOKEN", "The page token has expired."),
        "query_refused": query_error("UNRECOGNIZED_FIELD", "Unrecognized field in the query."),
        "unknown_code": AdsError("accessInvitationError", "SOMETHING_NEW", "In no list."),
    }
    return found | {name: error.answer(version) for name, error in errors.items()}


def scope_missing() -> FrontError:
    """A token without the scope of Google Ads."""
    message = "Request had insufficient authentication scopes."
    return FrontError("reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", message, status=403)
