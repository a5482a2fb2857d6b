"""A connector in a process of its own: what it does there is its own affair."""

import asyncio
import json
import os
from itertools import pairwise
from time import monotonic
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from hub.connector.base import Authorizes, Connector, Polls, Receives, Sends, Subscribes
from hub.connector.clock import SystemClock
from hub.connector.errors import BadPayloadError, PermanentError, UnverifiedRequestError
from hub.connector.models import InboundRequest, RawSubmission, SourceForm
from hub.connector.signatures import hmac_sha256_hex
from hub.connectors import Registry
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError, FaultKind, call_pure, is_apart
from hub.isolation.budgets import Budgets
from hub.isolation.isolation import Isolation, Policy, isolated
from hub.testing.check import Outcome, check_connector
from tests.conformance.mutants import ReferenceKit
from tests.conformance.reference.connector import Reference
from tests.hostile.conftest import QUICK, Platform, raw
from tests.hostile.sources import BAD, GOOD, SIGNATURE, Settings, Source

SECRET = SecretStr("s")
QUICK_KIT = Budgets(computing=10, waiting=30)


def delivery(**body: Any) -> InboundRequest:
    """A signed delivery."""
    content = json.dumps({"id": "1", "name": "Ada", **body}).encode()
    return InboundRequest(
        method="POST",
        url="https://hub.example.com/hooks/x",
        headers={SIGNATURE: hmac_sha256_hex(SECRET, content)},
        body=content,
        received_at=SystemClock().now(),
    )


async def read(isolation: Isolation, key: str, submission: RawSubmission) -> Any:
    """Have a source read a submission."""
    return await call_pure(isolation.connectors[key].normalise, submission)


async def fault_of(isolation: Isolation, key: str, submission: RawSubmission) -> FaultKind:
    """The fault that reading a submission is."""
    with pytest.raises(ConnectorFaultError) as caught:
        await read(isolation, key, submission)
    return caught.value.kind


class TestThatItWorks:
    """The contract holds across the border."""

    def test_a_whole_connector_passes_the_kit_from_another_process(self) -> None:
        """Every rule for every capability holds for the reference connector, which runs apart meanwhile."""
        registry = Registry.from_connectors([Reference()])
        members: dict[str, Any] = {
            "exempt": {
                "key_is_the_entry_point": "it is not installed here",
                "instances_share_nothing": "the stand-in remembers what is asked of settings",
            }
        }

        async def check() -> None:
            async with isolated(registry, QUICK_KIT, Policy(all_apart=True), SystemClock()) as isolation:
                kit = type("Apart", (ReferenceKit,), {**members, "connector": isolation.connectors["reference"]})
                report = await asyncio.to_thread(check_connector, kit)
                assert {each.rule: each.message for each in report.of(Outcome.FAILED)} == {}
                assert len(report.of(Outcome.PASSED)) > 90
                assert not isolation.faults.counts

        asyncio.run(check())

    async def test_a_stand_in_has_the_capabilities_of_its_connector(self, apart: Isolation) -> None:
        """No more and no fewer, and it is checked by the registry like any other."""
        found = apart.connectors["good_first"]
        assert isinstance(found, Connector)
        assert isinstance(found, Polls)
        assert isinstance(found, Receives)
        assert not isinstance(found, Authorizes | Subscribes | Sends)
        assert is_apart(found)
        assert Registry.from_connectors(apart.connectors.values()).get("good_first") is found

    async def test_submissions_accounts_forms_and_pages_come_back(self, apart: Isolation, platform: Platform) -> None:
        """Each kind of call gives what the connector gave."""
        found = apart.connectors["good_first"]
        assert (await read(apart, "good_first", raw())).answers[0].values == ("Ada",)
        assert (await found.identify(platform.access)).id == "account"
        assert [form.id for form in await found.list_forms(platform.access)] == ["one", "two"]
        assert isinstance(found, Polls)
        pages = [page async for page in found.fetch(platform.access, SourceForm(id="f", name="f"), None)]
        assert len(pages) == 3
        assert all(before.cursor.mark <= after.cursor.mark for before, after in pairwise(pages) if before.cursor.mark)

    async def test_errors_of_the_contract_and_bytes_cross(self, apart: Isolation) -> None:
        """Whatever a named error says is said on this side too; bytes that are no text stay what they are."""
        found = apart.connectors["good_first"]
        assert isinstance(found, Receives)
        received = await call_pure(found.receive, delivery(binary=True), SECRET)
        assert received.kept_body is not None
        assert received.kept_body.endswith(b"\xff")
        with pytest.raises(UnverifiedRequestError):
            await call_pure(found.receive, delivery(), SecretStr("wrong"))
        with pytest.raises(BadPayloadError) as caught:
            await read(apart, "good_first", RawSubmission(source_id="x", form_id=None, body={}))
        assert caught.value.path == "name"

    async def test_the_hub_sends_the_requests_and_keeps_to_the_hosts(
        self, apart: Isolation, platform: Platform
    ) -> None:
        """The platform sees the token of the grant; an address that the manifest does not list is never called."""
        found = apart.connectors["good_first"]
        await found.identify(platform.access)
        ((asked, headers),) = platform.seen
        assert asked.endswith("/good_first/me")
        assert headers["authorization"] == "Bearer token-of-the-grant"
        access = platform.access
        access._hosts = frozenset({"https://elsewhere.example"})
        with pytest.raises(PermanentError, match="does not list"):
            await found.identify(access)
        assert len(platform.seen) == 1


class Telling(Source):
    """Tells what its process knows."""

    manifest: ClassVar = GOOD[0].manifest.model_copy(update={"key": "telling"})

    def webhook_secrets(self, settings: Any) -> tuple[SecretStr, ...]:
        """The environment, and the process that asks."""
        return (SecretStr(json.dumps(dict(os.environ))), SecretStr(f"{os.getpid()} {os.getppid()}"))


async def test_the_process_has_none_of_the_hubs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Master keys and the address of the database stay in the hub."""
    monkeypatch.setenv("LEADHUB_MASTER_KEYS", "k1:secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    registry = Registry.from_connectors([Telling()])
    async with isolated(registry, QUICK, Policy(all_apart=True), SystemClock()) as isolation:
        found = isolation.connectors["telling"]
        assert isinstance(found, Receives)
        told, ids = await asyncio.to_thread(found.webhook_secrets, Settings(webhook_secret=SECRET))
    assert "secret" not in told.get_secret_value()
    own, parent = map(int, ids.get_secret_value().split())
    assert parent == os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(own, 0)  # it ended with the isolation


class TestThatItsFaultsAreItsOwn:
    """Each of the five ways to misbehave ends one call, by name."""

    async def test_whatever_it_raises_is_one_fault(self, apart: Isolation) -> None:
        """``SystemExit`` and its like too; the text of the exception is told to nobody."""
        for _ in range(5):
            with pytest.raises(ConnectorFaultError) as caught:
                await read(apart, "bad_raising", raw("bad"))
            assert caught.value.kind is FaultKind.RAISED
            assert "sources.py:" in caught.value.what
            assert "secret" not in str(caught.value)
        assert (await read(apart, "bad_raising", raw())).answers

    async def test_what_hangs_is_ended_at_its_budget(self, apart: Isolation, platform: Platform) -> None:
        """A loop that catches everything, and a coroutine that ignores being cancelled."""
        started = monotonic()
        assert await fault_of(apart, "bad_hanging", raw("bad")) is FaultKind.TOO_SLOW
        assert (await read(apart, "bad_hanging", raw())).answers
        platform.mood = "bad"
        with pytest.raises(ConnectorFaultError) as caught:
            await apart.connectors["bad_hanging"].list_forms(platform.access)
        assert caught.value.kind is FaultKind.TOO_SLOW
        assert monotonic() - started < 15

    async def test_what_leaks_gets_a_new_process_and_costs_nobody_a_receipt(self, apart: Isolation) -> None:
        """The call in which memory runs out is done again in the next process."""
        for _ in range(12):
            assert (await read(apart, "bad_leaking", raw("bad"))).answers
        assert apart.faults.counts["bad_leaking", FaultKind.MEMORY] >= 2

    async def test_what_blocks_its_loop_is_ended(self, apart: Isolation, platform: Platform) -> None:
        """A coroutine that sleeps with everything standing still."""
        platform.mood = "bad"
        with pytest.raises(ConnectorFaultError) as caught:
            await apart.connectors["bad_blocking"].list_forms(platform.access)
        assert caught.value.kind is FaultKind.BLOCKED

    async def test_what_ends_its_process_gets_another(self, apart: Isolation) -> None:
        """By exit, by signals to itself and its group, by closing every file; this process goes on."""
        assert await fault_of(apart, "bad_exiting", raw("bad")) is FaultKind.ENDED
        assert (await read(apart, "bad_exiting", raw())).answers

    async def test_one_that_costs_process_after_process_rests(self, apart: Isolation) -> None:
        """Calls are then refused at once, with the time after which to come again."""
        found = [await _raised(read(apart, "bad_exiting", raw("bad"))) for _ in range(4)]
        resting = [each for each in found if isinstance(each, ConnectorRestingError)]
        assert resting
        assert all(0 < each.rest.total_seconds() <= 60 for each in resting)
        assert apart.faults.health("bad_exiting").is_failing

    async def test_pure_calls_that_only_waited_are_done_all_the_same(self, apart: Isolation) -> None:
        """Behind one that hangs wait ten good ones: the next process answers them."""
        bad = asyncio.create_task(fault_of(apart, "bad_hanging", raw("bad")))
        await asyncio.sleep(0.1)
        good = await asyncio.gather(*(read(apart, "bad_hanging", raw()) for _ in range(10)))
        assert len(good) == 10
        assert await bad is FaultKind.TOO_SLOW

    async def test_the_others_answer_meanwhile(self, apart: Isolation) -> None:
        """While all five do their worst at once, a good one answers within a fraction of their budgets."""
        await read(apart, "good_first", raw())
        worst = [asyncio.create_task(_raised(read(apart, kind.manifest.key, raw("bad")))) for kind in BAD]
        await asyncio.sleep(0.05)
        answered = 0
        while not all(task.done() for task in worst):
            await asyncio.wait_for(read(apart, "good_first", raw()), timeout=5)
            answered += 1
        assert answered > 5
        await asyncio.gather(*worst)


async def _raised(work: Any) -> Exception | None:
    try:
        await work
    except (ConnectorFaultError, ConnectorRestingError) as error:
        return error
    return None
