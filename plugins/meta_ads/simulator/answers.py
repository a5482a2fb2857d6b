"""How the Graph API refuses: one envelope, nearly always HTTP 400 (protocol page sections 2.4 and 2.5)."""

import json
import math
from collections.abc import Mapping
from datetime import timedelta

from hub.testing.faults import PlatformAnswer

OAUTH = "OAuthException"
GRAPH_METHOD = "GraphMethodException"
TRACE = "AbCdEfGhIjK"
EVENT_TOO_OLD, EVENT_INVALID = 2804003, 2804019
"""Subcodes of the Conversions API, as seen in public code; Meta publishes no list."""


class GraphError(Exception):
    """One refusal of the Graph API."""

    def __init__(
        self,
        code: int | None,
        message: str,
        *,
        subcode: int | None = None,
        kind: str = OAUTH,
        status: int = 400,
        is_transient: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body: dict[str, object] = {"message": message, "type": kind, "fbtrace_id": TRACE}
        if code is not None:
            self.body["code"] = code
        if subcode is not None:
            self.body["error_subcode"] = subcode
        if is_transient:
            self.body["is_transient"] = True

    def answer(self) -> PlatformAnswer:
        """The HTTP answer."""
        return PlatformAnswer(self.status, json.dumps({"error": self.body}).encode(), self.headers)


def token_error(subcode: int | None) -> GraphError:
    """A token that does not work (any more)."""
    return GraphError(190, "Error validating access token.", subcode=subcode)


def throttled(code: int, wait: timedelta, object_id: str) -> GraphError:
    """Patience, please: HTTP 400 with minutes in a header for the 80000s, without any hint for the others."""
    headers: tuple[tuple[str, str], ...] = (("X-App-Usage", usage_of_app(100)),)
    if code >= 80000:
        minutes = math.ceil(wait / timedelta(minutes=1))
        headers = (("X-Business-Use-Case-Usage", usage_of_business(object_id, 100, minutes)),)
    return GraphError(
        code, "There have been too many calls to this account. Wait a bit and try again.", headers=headers
    )


def usage_of_app(percent: int) -> str:
    """The value of ``X-App-Usage``."""
    return json.dumps({"call_count": percent, "total_cputime": 25, "total_time": 25})


def usage_of_business(object_id: str, percent: int, minutes: int = 0) -> str:
    """The value of ``X-Business-Use-Case-Usage``."""
    row = {
        "type": "leadgen",
        "call_count": percent,
        "total_cputime": 20,
        "total_time": 20,
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": "standard_access",
    }
    return json.dumps({object_id: [row]})


def answers_by_cause(object_id: str) -> Mapping[str, PlatformAnswer]:
    """One documented refusal for each cause that the protocol page tells apart, by the name of our rule."""
    dead = {
        "malformed": 456,
        "wrong_origin": 457,
        "app_removed": 458,
        "checkpoint": 459,
        "password_changed": 460,
        "app_reinstalled": 461,
        "stale": 462,
        "expired": 463,
        "unconfirmed": 464,
        "withdrawn": 466,
        "logged_out": 467,
        "unused": 468,
        "page_role_lost": 492,
    }
    found = {name: token_error(subcode) for name, subcode in dead.items()}
    found |= {
        "token_dead": token_error(None),
        "leads_throttled": throttled(80005, timedelta(minutes=12), object_id),
        "throttled": throttled(4, timedelta(minutes=5), object_id),
        "policy_block": GraphError(368, "The action attempted has been deemed abusive or is otherwise disallowed"),
        "transient": GraphError(1357045, "Try again later.", is_transient=True),
        "unknown_or_service": GraphError(2, "Service temporarily unavailable", status=500),
        "permission_removed": GraphError(200, "(#200) Requires leads_retrieval permission to manage the object"),
        "not_visible": not_visible("1"),
        "app_unknown": GraphError(101, "Error validating application. Cannot get application info."),
        "redirect_not_registered": GraphError(191, "The URL is not in the app's list of redirect URIs."),
        "callback_check_failed": GraphError(2200, "(#2200) Callback verification failed"),
        "already_done": GraphError(506, "Duplicate status message"),
        "event_too_old": event_refused(EVENT_TOO_OLD),
        "event_refused": event_refused(EVENT_INVALID),
        "refused_parameters": GraphError(100, "(#100) Invalid parameter"),
        "internal_dead": GraphError(-3, "An unknown error has occurred.", subcode=463),
        "internal": GraphError(-3, "An unknown error has occurred."),
        "unknown_code": GraphError(987654, "Something that is in no list"),
        "oauth_without_code": GraphError(None, "The session is over."),
    }
    return {name: error.answer() for name, error in found.items()}


def not_visible(object_id: str) -> GraphError:
    """Gone, or hidden from this token: Meta does not say which."""
    message = (
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return GraphError(100, message, subcode=33, kind=GRAPH_METHOD)


def event_refused(subcode: int) -> GraphError:
    """Events are taken all or none; the answer does not say which one is wrong."""
    return GraphError(100, "Invalid parameter", subcode=subcode)
