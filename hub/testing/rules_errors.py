"""Rules on failures: the connector names each so that the hub does the right thing about it."""

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import cast

from pydantic import SecretStr

from hub.connector.base import Authorizes
from hub.connector.errors import (
    ConnectorError,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.oauth import Redirect
from hub.testing.connected import REDIRECT_URI, VERIFIER, ConnectedSource, connect, raised_by
from hub.testing.loopback import GARBAGE
from hub.testing.rules import AUTHORIZES, CALLS, ERROR_RULES, RENEWS, RuleBrokenError, Rules, require, rule
from hub.testing.transport import LoopbackTransport

SERVER_ERRORS = (500, 502, 503, 504)
WAIT = 90
LONGEST_ROUNDING = timedelta(minutes=2)
SHORT_PATIENCE = timedelta(milliseconds=10)
SLOWNESS = 0.5


class ErrorRules(Rules):
    """The error table of the connector and the default table, through real answers of the source."""

    @rule(CALLS)
    async def test_server_errors_are_retryable(self) -> None:
        """A 5xx of the source is a RetryableError in every kind of call."""
        async with connect(self) as source:
            for status in SERVER_ERRORS:
                source.simulator.heal()
                calls = source.calls(source.access)
                source.simulator.fail(status, times=1000)
                await _check_all(calls, RetryableError, f"status {status}")

    @rule(CALLS)
    async def test_throttling_is_a_rate_limit(self) -> None:
        """The source's plea for patience is a RateLimitedError, with the wait where the source names it."""
        async with connect(self) as source:
            calls = source.calls(source.access)
            source.simulator.rate_limit(WAIT)
            for name, error in (await _errors_of(calls)).items():
                require(isinstance(error, RateLimitedError), f"{name}() under throttling raised {error!r}")
                if source.simulator.tells_wait and isinstance(error, RateLimitedError):
                    shortest = timedelta(seconds=WAIT)
                    require(
                        error.retry_after is not None and shortest <= error.retry_after <= shortest + LONGEST_ROUNDING,
                        f"{name}(): the source said {shortest}, retry_after is {error.retry_after}",
                    )

    @rule(CALLS)
    async def test_silence_is_retryable(self) -> None:
        """A source that does not answer in time is a RetryableError in every kind of call."""
        async with connect(self) as source:
            source.simulator.slow(SLOWNESS)
            async with LoopbackTransport(source.simulator.origin_overrides(), timeout=SHORT_PATIENCE) as impatient:
                calls = source.calls(source.access_through(impatient))
                await _check_all(calls, RetryableError, "no answer in time")

    @rule(CALLS)
    async def test_garbage_is_retryable(self) -> None:
        """A 200 that holds no JSON is a RetryableError in every kind of call, never an empty result."""
        async with connect(self) as source:
            calls = source.calls(source.access)
            source.simulator.garbage(times=1000)
            await _check_all(calls, RetryableError, "an unreadable answer")

    @rule(AUTHORIZES, CALLS)
    async def test_lost_grant_needs_a_sign_in(self) -> None:
        """After the person withdrew access, every kind of call raises ReauthorizationNeededError, and none blames a
        single part of the account."""
        async with connect(self) as source:
            calls = source.calls(source.access)
            source.simulator.revoke()
            for name, error in (await _errors_of(calls)).items():
                require(
                    isinstance(error, ReauthorizationNeededError) and not isinstance(error, PartAccessLostError),
                    f"{name}() with the grant withdrawn raised {error!r}, expected ReauthorizationNeededError",
                )

    @rule(RENEWS)
    async def test_dead_grant_cannot_be_renewed(self) -> None:
        """Renewing a grant that was withdrawn (invalid_grant) raises ReauthorizationNeededError."""
        async with connect(self) as source:
            source.simulator.revoke()
            error = await raised_by(source.renew)
            require(isinstance(error, ReauthorizationNeededError), f"renew() of a dead grant raised {error!r}")

    @rule(AUTHORIZES)
    async def test_refused_client_is_permanent(self) -> None:
        """A refused client id or secret (invalid_client) is a PermanentError: signing in again would not help."""
        async with connect(self) as source:
            source.simulator.refuse_client()
            for name, call in _token_calls(source).items():
                error = await raised_by(call)
                require(isinstance(error, PermanentError), f"{name}() with a refused client raised {error!r}")

    @rule(AUTHORIZES)
    async def test_trouble_at_the_token_endpoint_is_retryable(self) -> None:
        """5xx and garbage of the token endpoint are RetryableErrors: no reason to ask the admin to sign in."""
        async with connect(self) as source:
            for name, call in _token_calls(source).items():
                for trouble in (source.simulator.error_answer(503), GARBAGE):
                    source.simulator.heal()
                    source.simulator.answer_next(trouble, times=1000)
                    error = await raised_by(call)
                    require(isinstance(error, RetryableError), f"{name}() during an outage raised {error!r}")

    @rule(ERROR_RULES, CALLS)
    async def test_every_error_rule_is_hit(self) -> None:
        """Each row of the connector's error table is hit by the answer that the source documents for it, and no
        row above catches it first."""
        async with connect(self) as source:
            documented, url = source.simulator.error_answers(), f"{self.connector.manifest.hosts[0]}/kit"
            for row in self.connector.error_rules:
                require(row.name in documented, f"error_answers() of the simulator has no answer for {row.name!r}")
                source.simulator.answer_next(documented[row.name])
                error = await raised_by(functools.partial(source.access.get, url, authorised=False))
                require(
                    error is not None and type(error) is row.raises and error.user_message == row.user_message,
                    f"rule {row.name!r}: its documented answer raised {error!r}",
                )


async def _check_all(calls: dict[str, Callable[[], Awaitable[object]]], kind: type[ConnectorError], what: str) -> None:
    for name, error in (await _errors_of(calls)).items():
        require(isinstance(error, kind), f"{name}() with {what} raised {error!r}, expected {kind.__name__}")


async def _errors_of(calls: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, ConnectorError | None]:
    found = {}
    for name, call in calls.items():
        try:
            found[name] = await raised_by(call)
        except Exception as error:
            raise RuleBrokenError(f"{name}() raised {type(error).__name__}, which is no named error") from error
    return found


def _token_calls(source: ConnectedSource) -> dict[str, Callable[[], Awaitable[object]]]:
    connector = cast(Authorizes, source.connector)
    redirect = Redirect(REDIRECT_URI, VERIFIER)
    code = SecretStr("a-code-that-never-arrives")
    found: dict[str, Callable[[], Awaitable[object]]] = {
        "exchange": lambda: connector.exchange(code, redirect, source.access)
    }
    if connector.oauth.renewal != "by_admin":
        found["renew"] = source.renew
    return found
