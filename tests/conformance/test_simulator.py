"""Simulators and their transport: journal, faults, deliveries over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from hub.connector.errors import PermanentError, RetryableError
from hub.testing.clock import VirtualClock
from hub.testing.connected import ConnectedSource
from hub.testing.simulator import Simulator
from hub.testing.transport import LoopbackTransport
from tests.conformance.reference.connector import API, Reference
from tests.conformance.reference.simulator import ReferenceSimulator


class Receiver:
    """A hub that only writes down what it got; ``statuses`` are its next answers (then 200)."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        self.got.append((await request.read(), request.headers.get("x-reference-signature", "")))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def source() -> AsyncIterator[ConnectedSource]:
    """The reference source, not signed in."""
    clock = VirtualClock()
    simulator = ReferenceSimulator(clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        yield ConnectedSource(simulator, Reference(), clock, transport)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver and its address."""
    hub = Receiver()
    app = web.Application()
    app.router.add_post("/in", hub.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield hub, f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    await runner.cleanup()


def _leads(simulator: Simulator, count: int) -> list[str]:
    form_id = simulator.add_form("Form")
    return [simulator.add_submission(form_id, simulator.sample_answers(number)) for number in range(count)]


async def test_calls_are_written_down(source: ConnectedSource) -> None:
    """The journal has method, path, query, headers and body of each call."""
    await source.transport.send("POST", f"{API}/x?a=1", params={"b": "2"}, headers={"X-Y": "z"}, body=b"hello")
    seen = source.simulator.requests[-1]
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", "/x", {"a": "1", "b": "2"}, b"hello")
    assert seen.headers["x-y"] == "z"
    assert "hello" not in repr(seen)


async def test_two_origins_share_one_server(source: ConnectedSource) -> None:
    """Every origin leads to the same base; an unknown one is never called."""
    assert set(source.simulator.origin_overrides().values()) == {source.simulator.base_url}
    with pytest.raises(PermanentError) as caught:
        await source.transport.send("GET", "https://elsewhere.example/secret?token=1")
    assert "token" not in str(caught.value)


async def test_faults_compose(source: ConnectedSource) -> None:
    """A limit comes before queued answers, which come one per call and in order."""
    source.simulator.fail(503)
    source.simulator.garbage()
    source.simulator.rate_limit(30)
    statuses = [(await source.transport.send("GET", f"{API}/me")).status]
    source.clock.advance(timedelta(seconds=31))
    statuses += [(await source.transport.send("GET", f"{API}/me")).status for _ in range(3)]
    assert statuses == [403, 503, 200, 401]


async def test_faults_spare_people(source: ConnectedSource) -> None:
    """An admin reads the consent page although the API is down."""
    source.simulator.fail(500, times=3)
    await source.simulator.authorize(source.consent_url())
    assert (await source.transport.send("GET", f"{API}/me")).status == 500


async def test_heal_ends_all_faults(source: ConnectedSource) -> None:
    """After heal, calls and deliveries are undisturbed."""
    await source.sign_in()
    source.simulator.fail(500, times=3)
    source.simulator.rate_limit(60)
    source.simulator.refuse_client()
    source.simulator.heal()
    assert (await source.connector.identify(source.access)).id == "acc-1"
    await source.renew()


async def test_slowness_becomes_a_time_out(source: ConnectedSource) -> None:
    """The transport names a time-out as the hub's own client does."""
    source.simulator.slow(0.5)
    async with LoopbackTransport(source.simulator.origin_overrides(), timeout=timedelta(milliseconds=5)) as impatient:
        with pytest.raises(RetryableError) as caught:
            await impatient.send("GET", f"{API}/me")
    assert caught.value.code == "timeout"


async def test_closed_server_is_retryable(source: ConnectedSource) -> None:
    """A refused connection is a RetryableError, without the URL's query in its text."""
    await source.simulator.stop()
    with pytest.raises(RetryableError) as caught:
        await source.transport.send("GET", f"{API}/me?access_token=secret")
    assert caught.value.code == "connection"
    assert "secret" not in str(caught.value)


async def test_denied_consent_redirects_with_an_error(source: ConnectedSource) -> None:
    """A person who says no sends back an error and the state."""
    redirect = await source.simulator.authorize(source.consent_url(), allow=False)
    assert "error=access_denied" in redirect
    assert "code=" not in redirect


async def test_delivery_is_posted_and_answered(source: ConnectedSource, receiver: tuple[Receiver, str]) -> None:
    """What is sent and what was answered stand in the journal."""
    hub, url = receiver
    ids = _leads(source.simulator, 3)
    sent = await source.simulator.send(url, ids)
    assert [(each.source_ids, each.status) for each in sent] == [(tuple(ids), 200)]
    assert hub.got == [(sent[0].request.body, sent[0].request.headers["x-reference-signature"])]


async def test_unacknowledged_deliveries_are_sent_again(
    source: ConnectedSource, receiver: tuple[Receiver, str]
) -> None:
    """Only what was not acknowledged is repeated, and it verifies at the later time."""
    hub, url = receiver
    hub.statuses = [503, 200]
    await source.simulator.send(url, _leads(source.simulator, 2), at_once=False)
    source.clock.advance(timedelta(hours=1))
    again = await source.simulator.send_again(url)
    assert len(again) == 1
    assert source.receive(again[0].request).pointers
    assert all(each.is_acknowledged for each in source.simulator.deliveries)
    assert len(hub.got) == 3


async def test_deliveries_are_dropped_doubled_and_shuffled_alike(
    source: ConnectedSource, receiver: tuple[Receiver, str]
) -> None:
    """Disturbed deliveries depend on their seeds alone."""
    _, url = receiver
    ids, orders = _leads(source.simulator, 40), []
    for _ in range(2):
        source.simulator.heal()
        source.simulator.drop(0.4, seed=3)
        source.simulator.duplicate(2)
        source.simulator.reorder(seed=5)
        sent = await source.simulator.send(url, ids, at_once=False)
        orders.append([each.source_ids[0] for each in sent])
    assert orders[0] == orders[1]
    assert len(orders[0]) == 2 * len(set(orders[0]))
    assert 15 <= len(set(orders[0])) <= 33
    assert orders[0] != sorted(orders[0])


async def test_no_hub_means_no_acknowledgement(source: ConnectedSource) -> None:
    """A delivery to nobody has no status and stays open."""
    sent = await source.simulator.send("http://127.0.0.1:9/in", _leads(source.simulator, 1))
    assert sent[0].status is None
    assert not sent[0].is_acknowledged


async def test_restart_keeps_leads_and_tokens(source: ConnectedSource) -> None:
    """A simulator that was stopped and started again is the same platform at another port."""
    await source.sign_in()
    form = source.form()
    ids = source.add(form, 2)
    await source.simulator.stop()
    await source.simulator.start()
    async with LoopbackTransport(source.simulator.origin_overrides()) as transport:
        source.transport = transport
        assert {raw.source_id for raw in await source.pull(form)} == set(ids)


async def test_concurrent_calls_are_all_seen(source: ConnectedSource) -> None:
    """Calls at the same time each take one queued fault."""
    source.simulator.fail(500, times=5)
    calls = [source.transport.send("GET", f"{API}/me") for _ in range(8)]
    statuses = sorted(answer.status for answer in await asyncio.gather(*calls))
    assert statuses == [401] * 3 + [500] * 5
