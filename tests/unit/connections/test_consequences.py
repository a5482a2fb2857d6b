"""From an answer of a platform to what the hub does about it."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pydantic import SecretStr

from hub.connector.access import Access, HttpAnswer
from hub.connector.errors import (
    BadPayloadError,
    ConnectorError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
    RetryableError,
    UnverifiedRequestError,
)
from hub.connector.models import Grant
from hub.core.connections.consequences import TABLE, FailureClass, Step, consequence_of, shown
from hub.core.connections.health import wait
from hub.testing.clock import VirtualClock

HOST = "https://api.example.com"
T, L, R, O = FailureClass.TRANSIENT, FailureClass.LIMITED, FailureClass.RE_LOGIN, FailureClass.OPERATOR  # noqa: E741

RECORDED: list[tuple[int, object, dict[str, str], FailureClass]] = [
    (400, {"error": "invalid_grant"}, {}, R),
    (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, {}, R),
    (401, {"error": "invalid_grant"}, {}, R),
    (403, {"error": "invalid_grant"}, {}, R),
    (500, {"error": "invalid_grant"}, {}, R),
    (401, {"error": "invalid_token"}, {}, R),
    (401, None, {"www-authenticate": "Bearer"}, R),
    (401, "Unauthorized", {}, R),
    (403, {"error": {"status": "PERMISSION_DENIED"}}, {}, R),
    (403, None, {}, R),
    (400, {"error": "invalid_client"}, {}, O),
    (401, {"error": "invalid_client"}, {}, O),
    (401, {"error": "invalid_client"}, {"www-authenticate": "Basic"}, O),
    (400, {"error": "unauthorized_client"}, {}, O),
    (403, {"error": "unauthorized_client"}, {}, O),
    (400, {"error": "invalid_request"}, {}, O),
    (400, {"error": "invalid_scope"}, {}, O),
    (400, {"error": "unsupported_grant_type"}, {}, O),
    (400, None, {}, O),
    (404, {"error": "not found"}, {}, O),
    (405, None, {}, O),
    (410, {"error": {"message": "version gone"}}, {}, O),
    (422, {"errors": []}, {}, O),
    (451, None, {}, O),
    (301, None, {"location": "https://elsewhere.example"}, O),
    (302, "", {"location": "/"}, O),
    (429, None, {}, L),
    (429, {"error": "rate_limited"}, {"retry-after": "30"}, L),
    (429, "slow down", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, L),
    (429, {"error": {"code": 17}}, {"retry-after": "999999"}, L),
    (408, None, {}, T),
    (409, None, {}, T),
    (425, None, {}, T),
    (500, None, {}, T),
    (500, "<html>oops</html>", {}, T),
    (502, "Bad Gateway", {}, T),
    (503, None, {"retry-after": "5"}, T),
    (504, None, {}, T),
    (520, "", {}, T),
    (599, None, {}, T),
    (200, "<html>captive portal</html>", {}, T),
    (200, '{"cut off": ', {}, T),
]


class Recording:
    """Gives one recorded answer."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer

    async def send(self, method, url, *, params=None, headers=None, body=None) -> HttpAnswer:
        """The answer."""
        return self.answer


@pytest.mark.proves("TK-04")
@pytest.mark.parametrize(("status", "body", "headers", "expected"), RECORDED)
async def test_a_recorded_answer_falls_into_its_class(
    status: int, body: object, headers: dict[str, str], expected: FailureClass
) -> None:
    """And only the class that means it asks people to sign in."""
    content = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    access = Access(
        Recording(HttpAnswer(status, headers, content)),
        VirtualClock(),
        grant=Grant(access_token=SecretStr("canary")),
        hosts=(HOST,),
    )
    with pytest.raises(ConnectorError) as caught:
        await access.get(f"{HOST}/leads")
    consequence = consequence_of(caught.value)
    assert consequence.failure_class is expected
    assert (consequence.step is Step.LOSE_GRANT) == (expected is R)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "step", "before_storage", "for_form"),
    [
        (RetryableError("x"), Step.RETRY, 503, 200),
        (RateLimitedError("x"), Step.WAIT, 503, 200),
        (ReauthorizationNeededError("x"), Step.LOSE_GRANT, 200, 200),
        (PermanentError("x"), Step.PARK, 200, 200),
        (RecipientRefusedError("x"), Step.REFUSE, 200, 200),
        (BadPayloadError("x", path="a"), Step.QUARANTINE, 200, 400),
        (UnverifiedRequestError("x"), Step.REFUSE, 401, 401),
        (ZeroDivisionError("x"), Step.RETRY, 503, 200),
    ],
)
def test_each_error_has_its_row(error: Exception, step: Step, before_storage: int, for_form: int) -> None:
    """The most special row counts."""
    row = consequence_of(error)
    assert (row.step, row.status_before_storage, row.status_for_form) == (step, before_storage, for_form)


def test_every_error_of_the_tree_has_a_row_of_its_own() -> None:
    """A new error cannot be forgotten here."""

    def below(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    named = {each for each in below(ConnectorError) if each.__module__ == "hub.connector.errors"}
    assert named - {ConnectorError} == {row.error for row in TABLE} - {Exception}


def test_a_bug_is_never_shown_raw() -> None:
    """Its text may quote what it handled."""
    assert "canary" not in shown(ValueError("canary"))
    assert shown(PermanentError("Check the secret.")) == "Check the secret."


def test_waits_double_with_jitter_up_to_an_hour() -> None:
    """From half a minute on; never less than half of it."""
    random = Random(1)
    for failures, longest in ((1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (500, 3600)):
        for _ in range(50):
            seconds = wait(RetryableError("x"), failures, random).total_seconds()
            assert longest / 2 <= seconds <= longest


def test_what_the_platform_asks_for_is_kept_and_capped() -> None:
    """Never shorter than asked, never longer than a day."""
    asked = RateLimitedError("x", retry_after=timedelta(minutes=10))
    assert timedelta(minutes=10) <= wait(asked, 1, Random(1)) <= timedelta(minutes=11)
    assert wait(RateLimitedError("x", retry_after=timedelta(days=9)), 1, Random(1)) == timedelta(hours=24)
    assert datetime(2026, 1, 1, tzinfo=UTC) + wait(RateLimitedError("x"), 1, Random(1))
