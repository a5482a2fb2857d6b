"""Switching deliveries on, checking them, switching them off; and what then arrives over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from hub.connector.errors import ConnectorError, PermanentError
from hub.connector.models import InboundRequest
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator.world import ADA, BEN, NORTH, SOUTH
from plugins.meta_ads.tests.conftest import Meta


class Callback:
    """A stand-in for the hub's inbound address: it asks the connector and answers as the hub would."""

    def __init__(self, meta: Meta) -> None:
        self._meta = meta
        self.seen: list[str] = []
        self.is_broken = False

    async def answer(self, request: web.Request) -> web.Response:
        """Verify and unpack with the connector."""
        if self.is_broken:
            return web.Response(status=503)
        inbound = InboundRequest(
            method=request.method,
            url=str(request.url),
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            received_at=self._meta.clock.now(),
        )
        try:
            found = MetaAds().receive(inbound, self._meta.simulator.webhook_secret)
        except ConnectorError:
            return web.Response(status=403)
        self.seen += [each.source_id for each in found.pointers]
        return web.Response(body=found.reply.body if found.reply else b"", content_type="text/plain")


@pytest.fixture
async def callback(connected: Meta) -> AsyncIterator[Callback]:
    """Listening on loopback; its address is in ``connected.simulator.callback_url``."""
    found = Callback(connected)
    app = web.Application()
    app.router.add_route("*", "/in/{tail:.*}", found.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    connected.simulator.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/meta_ads/key"
    yield found
    await runner.cleanup()


async def test_subscribing_passes_the_handshake_and_reaches_every_page(connected: Meta, callback: Callback) -> None:
    """Meta asks the address for its challenge, then app and Pages are subscribed; twice changes nothing."""
    url = connected.simulator.callback_url
    assert not await connected.connector.is_subscribed(connected.access, url)
    await connected.connector.subscribe(connected.access, url)
    await connected.connector.subscribe(connected.access, url)
    assert await connected.connector.is_subscribed(connected.access, url)
    posts = [each.path for each in connected.simulator.requests if each.method == "POST"]
    assert posts.count(f"/v26.0/{connected.simulator.app_id}/subscriptions") == 1
    assert posts.count(f"/v26.0/{NORTH}/subscribed_apps") == 1
    assert connected.simulator.pages[SOUTH].apps == {connected.simulator.app_id: {"leadgen"}}
    assert not callback.seen


async def test_fields_that_others_subscribed_are_kept(connected: Meta, callback: Callback) -> None:
    """The new list replaces the old one at Meta, so it names the old fields too; unsubscribing leaves them."""
    page = connected.simulator.pages[NORTH]
    page.apps[connected.simulator.app_id] = {"messages"}
    await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    assert page.apps[connected.simulator.app_id] == {"messages", "leadgen"}
    await connected.connector.unsubscribe(connected.access)
    await connected.connector.unsubscribe(connected.access)
    assert page.apps == {connected.simulator.app_id: {"messages"}}
    assert connected.simulator.pages[SOUTH].apps == {}


async def test_unsubscribing_one_connection_leaves_the_app_subscribed(connected: Meta, callback: Callback) -> None:
    """Other connections live on the app's single callback address."""
    await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    await connected.connector.unsubscribe(connected.access)
    assert "page" in connected.simulator.subscriptions
    assert not await connected.connector.is_subscribed(connected.access, connected.simulator.callback_url)


async def test_one_page_without_subscription_is_not_subscribed(connected: Meta, callback: Callback) -> None:
    """False where only some Pages deliver, and where the app delivers to another address."""
    url = connected.simulator.callback_url
    await connected.connector.subscribe(connected.access, url)
    connected.simulator.pages[SOUTH].apps.clear()
    assert not await connected.connector.is_subscribed(connected.access, url)
    await connected.connector.subscribe(connected.access, url)
    assert not await connected.connector.is_subscribed(connected.access, url + "/moved")


async def test_page_that_refuses_does_not_keep_the_others_waiting(connected: Meta, callback: Callback) -> None:
    """The other Page is subscribed and found so, and the hub learns which was left out."""
    connected.simulator.lose_page_role(NORTH)
    access, url = connected.access, connected.simulator.callback_url
    await connected.connector.subscribe(access, url)
    assert connected.simulator.pages[SOUTH].apps == {connected.simulator.app_id: {"leadgen"}}
    assert list(access.skipped_parts) == [NORTH]
    assert await connected.connector.is_subscribed(access, url)
    connected.simulator.pages[SOUTH].apps.clear()
    assert not await connected.connector.is_subscribed(access, url)


async def test_address_that_fails_the_handshake_is_named(connected: Meta, callback: Callback) -> None:
    """A callback that does not answer the challenge is a set-up fault, not a reason to sign in."""
    callback.is_broken = True
    with pytest.raises(PermanentError) as caught:
        await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    assert caught.value.code == "callback_check_failed"


async def test_plain_http_address_is_refused_by_meta(connected: Meta) -> None:
    """Only https is taken (or this machine, for demonstrations)."""
    with pytest.raises(PermanentError) as caught:
        await connected.connector.subscribe(connected.access, "http://hub.elsewhere.example.com/in")
    assert caught.value.code == "callback_check_failed"


async def test_changed_app_secret_asks_nobody_to_sign_in(connected: Meta, callback: Callback) -> None:
    """The app's own key is refused: the settings are wrong, not the person."""
    connected.simulator.refuse_client()
    with pytest.raises(PermanentError) as caught:
        await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    assert caught.value.code == "invalid_client"


async def test_one_address_serves_several_people_and_pages(connected: Meta, callback: Callback) -> None:
    """Ada and Ben connect through one app: one address gets the leads of both, with their Pages."""
    url = connected.simulator.callback_url
    await connected.connector.subscribe(connected.access, url)
    connected.simulator.visitor_id = BEN
    ben = Meta(connected.simulator, connected.connector, connected.clock, connected.transport)
    await ben.sign_in()
    await ben.connector.subscribe(ben.access, url)
    leads = [connected.add(connected.publish(page), 1)[0] for page in (NORTH, SOUTH)]
    await connected.simulator.announce(leads)
    assert sorted(callback.seen) == sorted(leads)
    assert ADA != BEN


async def test_leads_of_unsubscribed_pages_are_not_announced(connected: Meta, callback: Callback) -> None:
    """Without the Page's subscription Meta says nothing, and the pull finds the lead."""
    form = connected.publish()
    lead = connected.add(form, 1)[0]
    assert await connected.simulator.announce([lead]) == []
    await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    connected.simulator.end_subscriptions()
    assert await connected.simulator.announce([lead]) == []
    assert [raw.source_id for raw in await connected.pull(form)] == [lead]


async def test_meta_repeats_for_36_hours_and_then_gives_up(connected: Meta, callback: Callback) -> None:
    """A delivery that was not taken comes again at once, then less often; after 36 hours it is gone."""
    await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    form = connected.publish()
    first, second = connected.add(form, 2)
    callback.is_broken = True
    await connected.simulator.announce([first])
    assert len(await connected.simulator.retry_due()) == 1
    assert await connected.simulator.retry_due() == []
    connected.clock.advance(timedelta(hours=5))
    callback.is_broken = False
    assert len(await connected.simulator.retry_due()) == 1
    assert callback.seen == [first]
    callback.is_broken = True
    await connected.simulator.announce([second])
    connected.clock.advance(timedelta(hours=37))
    callback.is_broken = False
    assert await connected.simulator.retry_due() == []
    assert callback.seen == [first]


async def test_faults_of_deliveries(connected: Meta, callback: Callback) -> None:
    """Duplicates, drops and disorder show at the callback; the journal knows every lead."""
    await connected.connector.subscribe(connected.access, connected.simulator.callback_url)
    leads = connected.add(connected.publish(), 20)
    connected.simulator.duplicate(2)
    connected.simulator.reorder(seed=3)
    await connected.simulator.announce(leads, at_once=False)
    assert sorted(callback.seen) == sorted([*leads, *leads])
    assert callback.seen != [each for each in leads for _ in range(2)]
    callback.seen.clear()
    connected.simulator.heal()
    connected.simulator.drop(0.4, seed=1)
    await connected.simulator.announce(leads, at_once=False)
    assert 0 < len(callback.seen) < 20
    assert {line.source_id for line in connected.simulator.journal} == set(leads)
