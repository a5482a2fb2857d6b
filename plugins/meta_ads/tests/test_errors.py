"""The error table: every code and subcode of the protocol page, section 2.4, and the waits of section 2.5."""

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
from plugins.meta_ads.errors import ERROR_RULES
from plugins.meta_ads.simulator.world import NORTH
from plugins.meta_ads.tests.conftest import Meta
from plugins.meta_ads.usage import percent_used, regain_after


def error_of(
    code: int | None,
    subcode: int | None = None,
    *,
    status: int = 400,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> ConnectorError:
    """The error that the table makes of an answer of Meta."""
    body: dict[str, Any] = {"message": "x", "type": "OAuthException", "fbtrace_id": "Trace01", **more}
    if code is not None:
        body["code"] = code
    if subcode is not None:
        body["error_subcode"] = subcode
    answer = ApiAnswer(status, headers or {}, {"error": body})
    for rule in ERROR_RULES:
        if rule.matches(answer):
            return rule.error(answer, "GET graph")
    return default_error(answer, "GET graph")


@pytest.mark.parametrize("code", [190, 102])
@pytest.mark.parametrize(
    ("subcode", "cause"),
    [
        (456, "token_invalid"),
        (457, "token_invalid"),
        (458, "app_removed"),
        (459, "checkpoint"),
        (460, "password_changed"),
        (461, "app_reinstalled"),
        (462, "expired"),
        (463, "expired"),
        (464, "unconfirmed"),
        (465, "revoked"),
        (466, "revoked"),
        (467, "logged_out"),
        (468, "expired"),
        (492, "page_role_lost"),
        (999, "revoked"),
        (None, "revoked"),
    ],
)
def test_dead_token_names_its_cause(code: int, subcode: int | None, cause: str) -> None:
    """Each subcode has its cause; an unknown one asks for a sign-in all the same."""
    error = error_of(code, subcode)
    assert isinstance(error, ReauthorizationNeededError)
    assert error.code == cause
    assert error.user_message.endswith((".", "!"))


@pytest.mark.parametrize("subcode", [456, 460, 463, 467, 468, 492])
def test_negative_code_is_judged_by_its_subcode(subcode: int) -> None:
    """Internal codes say nothing by themselves (Dec 2025): a subcode of a dead token does."""
    error = error_of(-1, subcode)
    assert isinstance(error, ReauthorizationNeededError)
    assert error.code == "revoked"


@pytest.mark.parametrize("code", [3, 10, 200, 210, 283, 299])
def test_lost_permission_needs_a_sign_in(code: int) -> None:
    """Codes 3, 10 and 200 to 299 say that a permission is gone."""
    error = error_of(code, status=403)
    assert isinstance(error, ReauthorizationNeededError)
    assert error.code == "permission_removed"


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, *range(80000, 80009)])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_throttling_by_code_whatever_the_status(code: int, status: int) -> None:
    """Throttles come as HTTP 400 and as 403: the code decides, and there is always a wait."""
    error = error_of(code, status=status, is_transient=True)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after is not None
    assert error.retry_after >= timedelta(minutes=5)


@pytest.mark.parametrize(("code", "subcode"), [(17, 2446079), (613, 1996)])
def test_throttling_with_subcodes(code: int, subcode: int) -> None:
    """The named subcodes change nothing."""
    assert isinstance(error_of(code, subcode), RateLimitedError)


def test_wait_is_read_in_minutes_from_the_business_header() -> None:
    """estimated_time_to_regain_access is in minutes, and the longest of all counts."""
    rows = {
        "1": [{"type": "leadgen", "call_count": 95, "estimated_time_to_regain_access": 3}],
        "2": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 17}],
    }
    error = error_of(80005, headers={"x-business-use-case-usage": json.dumps(rows)})
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == timedelta(minutes=17)


def test_wait_is_read_in_seconds_from_the_ad_account_header() -> None:
    """reset_time_duration is in seconds."""
    header = json.dumps({"acc_id_util_pct": 100, "reset_time_duration": 450})
    error = error_of(17, headers={"x-ad-account-usage": header})
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == timedelta(seconds=450)


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "null", '{"1": 5}', '{"1": [[]]}', '{"1":[{"call_count":"x"}]}', "NaN"]
)
def test_odd_usage_headers_do_no_harm(value: str) -> None:
    """Headers that cannot be read count as absent."""
    headers = {"x-business-use-case-usage": value, "x-app-usage": value, "x-ad-account-usage": value}
    assert percent_used(headers) == 0
    assert regain_after(headers) is None


def test_policy_block_waits_long() -> None:
    """368 waits a day and tells the admin where to look."""
    error = error_of(368)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == timedelta(hours=24)
    assert "Alerts" in error.user_message


@pytest.mark.parametrize(
    "error",
    [
        error_of(1),
        error_of(2, status=500),
        error_of(2, status=503),
        error_of(190, 463, is_transient=True),
        error_of(-1, is_transient=True),
        error_of(-3),
        error_of(-3, 99, status=403),
        error_of(None, status=502, type="ServerError"),
    ],
)
def test_passing_trouble_is_retried_and_asks_nobody_to_sign_in(error: ConnectorError) -> None:
    """Codes 1 and 2, negative ones, anything transient, and 5xx are retried."""
    assert isinstance(error, RetryableError)
    assert not isinstance(error, RateLimitedError)


def test_not_visible_is_retried_before_anybody_gives_up() -> None:
    """100 with 33: gone or hidden."""
    error = error_of(100, 33)
    assert isinstance(error, RetryableError)
    assert error.code == "not_visible"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (100, "refused_parameters"),
        (2500, "refused_parameters"),
        (2200, "callback_check_failed"),
        (506, "already_done"),
        (101, "invalid_client"),
        (191, "redirect_not_registered"),
        (987654, "unknown_code"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_refusals_are_permanent_whatever_the_status(code: int, name: str, status: int) -> None:
    """Caller mistakes, set-up mistakes and unknown codes are parked; not even 401 makes them a sign-in."""
    error = error_of(code, status=status)
    assert isinstance(error, PermanentError)
    assert error.code == name


def test_oauth_refusal_without_a_code_needs_a_sign_in() -> None:
    """An OAuth error without code is a dead token."""
    assert isinstance(error_of(None), ReauthorizationNeededError)


def test_trace_id_is_kept_for_support() -> None:
    """The detail holds code, subcode and Meta's trace id, and not the message, which may quote a token."""
    error = error_of(190, 463, message="token EAAG123 expired")
    assert "Trace01" in error.detail
    assert "463" in error.detail
    assert "EAAG123" not in str(error)


async def test_every_named_cause_of_the_simulator_hits_its_rule(connected: Meta) -> None:
    """Through a real answer, each rule of the table raises its own error; none is without an answer."""
    answers = connected.simulator.error_answers()
    assert set(answers) == {rule.name for rule in ERROR_RULES}
    for rule in ERROR_RULES:
        connected.simulator.heal()
        connected.simulator.answer_next(answers[rule.name])
        with pytest.raises(rule.raises) as caught:
            await connected.access.get(f"https://graph.facebook.com/v26.0/{NORTH}")
        assert caught.value.code == rule.code
