"""The hub's own connectors run in its process, until they break a budget."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from hub.connector.base import Receives
from hub.connector.clock import SystemClock
from hub.connectors import Registry
from hub.core.connections.apart import ConnectorFaultError, FaultKind, is_apart
from hub.isolation.isolation import Isolation, Policy, isolated
from plugins.web_forms.connector import WebForms
from tests.hostile.conftest import QUICK, Platform, raw
from tests.hostile.sources import BAD, GOOD, Settings


@pytest.fixture
async def here() -> AsyncIterator[Isolation]:
    """All seven in this process, as if they were the hub's own, and the one that hosts the hub's forms."""
    registry = Registry.from_connectors([*(kind() for kind in (*GOOD, *BAD)), WebForms()])
    async with isolated(registry, QUICK, Policy(), SystemClock()) as isolation:
        yield isolation


async def test_a_call_in_this_process_costs_microseconds(here: Isolation) -> None:
    """The stand-in of a connector in this process adds less than twenty microseconds to a call."""
    found, bare = here.connectors["good_first"], GOOD[0]()
    submission = raw()

    def best(normalise: Any) -> float:
        taken = []
        for _ in range(30):
            started = time.process_time()
            for _ in range(200):
                normalise(submission)
            taken.append((time.process_time() - started) / 200)
        return min(taken)

    assert best(found.normalise) - best(bare.normalise) < 20e-6


async def test_one_that_computes_endlessly_is_interrupted_and_moved(here: Isolation) -> None:
    """The call ends as a fault; the next one already runs in a process of its own."""
    found = here.connectors["bad_hanging"]
    with pytest.raises(ConnectorFaultError) as caught:
        await asyncio.to_thread(found.normalise, raw("bad"))
    assert caught.value.kind is FaultKind.TOO_SLOW
    assert is_apart(found)
    assert (await asyncio.to_thread(found.normalise, raw())).answers
    assert here.faults.health("bad_hanging").is_apart


async def test_one_that_blocks_the_event_loop_is_moved(
    here: Isolation, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did cannot be undone, but it happens once."""
    monkeypatch.setattr("tests.hostile.sources.BLOCKED_FOR", QUICK.computing * 3)
    platform.mood = "bad"
    found = here.connectors["bad_blocking"]
    await found.list_forms(platform.access)
    assert here.faults.counts["bad_blocking", FaultKind.BLOCKED] == 1
    assert is_apart(found)


async def test_what_would_end_the_hub_ends_one_call(here: Isolation, platform: Platform) -> None:
    """``SystemExit``, ``KeyboardInterrupt`` and ``GeneratorExit``, in a pure function and in a coroutine."""
    platform.mood = "bad"
    found = here.connectors["bad_raising"]
    for _ in range(5):
        with pytest.raises((ConnectorFaultError, KeyError, StopIteration, RuntimeError)):
            here.connectors["bad_raising"].normalise(raw("bad"))
        with pytest.raises((ConnectorFaultError, KeyError, StopIteration, RuntimeError)):
            await found.list_forms(platform.access)
    assert here.faults.counts["bad_raising", FaultKind.RAISED] == 10
    assert not is_apart(found)


async def test_a_call_that_waits_for_nothing_is_given_up(here: Isolation, platform: Platform) -> None:
    """A coroutine that hears nothing of its platform for too long; one that does goes on."""
    found = here.connectors["good_first"]
    slow = platform.access
    slow._transport = _Never()
    with pytest.raises(ConnectorFaultError) as caught:
        await found.identify(slow)
    assert caught.value.kind is FaultKind.TOO_SLOW


async def test_a_cancelled_call_stays_cancelled(here: Isolation, platform: Platform) -> None:
    """Whoever cancels the caller is not told of a fault of the connector."""
    slow = platform.access
    slow._transport = _Never()
    task = asyncio.create_task(here.connectors["good_first"].identify(slow))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not here.faults.counts


async def test_the_connector_of_the_hubs_own_forms_stays(here: Isolation) -> None:
    """Its pages are made in the midst of a request; it is never moved."""
    assert not here.move("web_forms", "a test")
    assert not is_apart(here.connectors["web_forms"])


async def test_what_is_not_overridden_is_the_hubs_own_code() -> None:
    """A connector of a third party starts no process for what it leaves to the hub."""
    registry = Registry.from_connectors([GOOD[0]()])
    async with isolated(registry, QUICK, Policy(all_apart=True), SystemClock()) as isolation:
        found = isolation.connectors["good_first"]
        assert isinstance(found, Receives)
        assert found.webhook_secrets(Settings(webhook_secret=SecretStr("s"))) == (SecretStr("s"),)
        assert isolation._loop._thread is None


def test_third_parties_run_apart_unless_they_are_trusted() -> None:
    """By the distribution that an entry point belongs to; what a program brings itself stays with it."""
    origin = Registry.from_connectors([GOOD[0]()]).origin("good_first")
    assert not Policy().wants_apart("good_first", origin)
    foreign = type(origin)("acme", "acme-calls")
    assert Policy().wants_apart("acme", foreign)
    assert not Policy(trusted=("acme",)).wants_apart("acme", foreign)
    own = type(origin)("plugins.meta_ads", "leadhub")
    assert not Policy().wants_apart("meta_ads", own)
    assert Policy(all_apart=True).wants_apart("meta_ads", own)


class _Never:
    """A platform that does not answer."""

    async def send(self, method: str, url: str, **_: Any) -> Any:
        await asyncio.sleep(3600)
