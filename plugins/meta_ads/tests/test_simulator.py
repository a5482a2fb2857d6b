"""The simulator refuses what Meta refuses."""

import hashlib
import hmac
from datetime import timedelta

import aiohttp
import pytest

from hub.testing.clock import VirtualClock
from plugins.meta_ads.simulator import MetaAdsSimulator
from plugins.meta_ads.simulator.world import NORTH, SOUTH, ShiftedClock
from plugins.meta_ads.tests.conftest import Meta


async def ask(
    meta: Meta, path: str, token: str | None, *, proof: bool = True, method: str = "GET", **params: str
) -> tuple[int, dict]:
    """A bare call, past the connector."""
    query = dict(params)
    if token is not None:
        query["access_token"] = token
        if proof:
            key = meta.simulator.webhook_secret.get_secret_value().encode()
            query["appsecret_proof"] = hmac.new(key, token.encode(), hashlib.sha256).hexdigest()
    url = f"{meta.simulator.base_url}/v26.0/{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, params=query) as answer:
        return answer.status, await answer.json()


def user(meta: Meta) -> str:
    """Ada's token."""
    assert meta.grant is not None
    return meta.grant.access_token.get_secret_value()


def page(meta: Meta, page_id: str = NORTH) -> str:
    """A Page's token."""
    assert meta.grant is not None
    return meta.grant.part_tokens[page_id].get_secret_value()


async def code_of(answer: tuple[int, dict]) -> int:
    """The error code of an answer."""
    return answer[1]["error"]["code"]


async def test_page_lists_need_the_pages_own_token(connected: Meta) -> None:
    """Forms and subscriptions of a Page are refused to the person's token and to another Page's."""
    for path in (f"{NORTH}/leadgen_forms", f"{NORTH}/subscribed_apps"):
        assert await code_of(await ask(connected, path, user(connected))) == 190
        assert await code_of(await ask(connected, path, page(connected, SOUTH))) == 200
        assert (await ask(connected, path, page(connected)))[0] == 200


async def test_app_calls_need_the_apps_own_token(connected: Meta) -> None:
    """Subscriptions of the app and debug_token are refused to a person."""
    for path in (f"{connected.simulator.app_id}/subscriptions", "debug_token"):
        assert await code_of(await ask(connected, path, user(connected))) == 15


async def test_missing_and_wrong_proof_are_refused(connected: Meta) -> None:
    """A token without its proof is of no use."""
    assert await code_of(await ask(connected, "me", user(connected), proof=False)) == 100
    answer = await ask(connected, "me", user(connected), proof=False, appsecret_proof="0" * 64)
    assert await code_of(answer) == 100


async def test_only_the_fields_asked_for_come(connected: Meta) -> None:
    """Without `fields` a lead has three; an unknown name is refused."""
    form = connected.publish()
    lead = connected.simulator.add_submission(form.id, {"full_name": ["Ada"]}, facts={"ad_id": "6", "ad_name": "A"})
    bare = await ask(connected, lead, page(connected))
    assert set(bare[1]) == {"id", "created_time", "field_data"}
    asked = await ask(connected, lead, page(connected), fields="ad_name,platform")
    assert asked[1] == {"id": lead, "ad_name": "A", "platform": "fb"}
    assert await code_of(await ask(connected, lead, page(connected), fields="shoe_size")) == 100


async def test_huge_limit_is_a_steady_500(connected: Meta) -> None:
    """limit=15000 gives HTTP 500, each time."""
    for _ in range(2):
        status, _body = await ask(connected, f"{NORTH}/leadgen_forms", page(connected), limit="15000")
        assert status == 500


@pytest.mark.parametrize(
    "filtering",
    [
        "{",
        '[{"field":"name","operator":"GREATER_THAN","value":1}]',
        '[{"field":"time_created","operator":"IN","value":1}]',
    ],
)
async def test_unknown_filters_are_refused(connected: Meta, filtering: str) -> None:
    """Only time_created with two operators."""
    form = connected.publish()
    answer = await ask(connected, f"{form.id}/leads", page(connected), filtering=filtering)
    assert await code_of(answer) == 100


async def test_taken_permission_is_refused_by_code_200(connected: Meta) -> None:
    """A permission unticked later counts at once."""
    form = connected.publish()
    connected.simulator.take_permission("leads_retrieval")
    assert await code_of(await ask(connected, f"{form.id}/leads", page(connected))) == 200


async def test_pages_that_were_not_shared_do_not_exist(meta: Meta) -> None:
    """Of a Page that the person withheld, Meta says 100/33."""
    meta.simulator.withheld_pages = frozenset({SOUTH})
    await meta.sign_in()
    form = meta.publish(SOUTH)
    status, body = await ask(meta, f"{form.id}/leads", user(meta))
    assert (status, body["error"]["code"], body["error"]["error_subcode"]) == (400, 100, 33)


async def test_other_versions_and_paths_are_refused(connected: Meta) -> None:
    """An unknown edge, and another version, are code 2500."""
    assert await code_of(await ask(connected, f"{NORTH}/secrets", page(connected))) == 2500
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{connected.simulator.base_url}/v1.0/me", params={"access_token": user(connected)}) as answer,
    ):
        assert (await answer.json())["error"]["code"] == 2500


async def test_journal_is_open_to_outside_checks(connected: Meta) -> None:
    """Every lead stands in the journal, over HTTP too."""
    leads = connected.add(connected.publish(), 3)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{connected.simulator.base_url}/journal") as answer,
    ):
        found = (await answer.json())["leads"]
    assert [line["source_id"] for line in found] == leads
    assert found[0]["page_id"] == NORTH


def test_clock_of_meta_may_be_off() -> None:
    """A simulator with a shifted clock dates its leads by that clock."""
    clock = VirtualClock()
    simulator = MetaAdsSimulator(ShiftedClock(clock, timedelta(minutes=-10)))
    form = simulator.add_form("Form")
    simulator.add_submission(form, {"full_name": ["Ada"]})
    assert simulator.journal[0].created_time == clock.now() - timedelta(minutes=10)
