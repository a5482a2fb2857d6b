"""The database goes away under load and comes back (OP-04): 503 meanwhile, intake again within 5 s, nothing lost."""

import asyncio
import time
from uuid import uuid4

import aiohttp
import pytest

from tests.hosts.conftest import Related
from tests.hosts.relay import COMMIT
from tests.hosts.senders import Attempt, Load

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]
BACK_WITHIN = 5.0
OUTAGE = 2.0
PATIENCE = 30.0


def _is_taken(attempt: Attempt) -> bool:
    return attempt.status is not None and 200 <= attempt.status < 300


async def _until_back(load: Load, target: str, moment: float) -> float:
    """Seconds from a moment (monotonic) to the end of the first attempt, sent after it, that this process took."""
    while time.monotonic() < moment + PATIENCE:
        for each in load.attempts:
            if each.target == target and each.sent_at > moment and _is_taken(each):
                return each.ended_at - moment
        await asyncio.sleep(0.05)
    return PATIENCE


@pytest.mark.proves("OP-04")
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_database_costs_no_lead(related: Related, mode: str) -> None:
    """Senders are told to come back; 5 s after the restart every process takes leads again."""
    site = related.site
    await site.load()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(related.postgres.stop, mode)
    stopped_at = time.monotonic()
    await asyncio.sleep(OUTAGE)
    began_again = time.monotonic()
    await asyncio.to_thread(related.postgres.start)
    back_at = time.monotonic()
    for load in site.loads[-2:]:
        for process in site.serving:
            assert await _until_back(load, process.url, back_at) < BACK_WITHIN
        meanwhile = [each for each in load.attempts if stopped_at < each.sent_at and each.ended_at < began_again]
        assert {each.status for each in meanwhile} == {503}
        assert all(each.retry_after for each in meanwhile)
    await site.finish()
    assert await site.differences() == []


@pytest.mark.proves("OP-04")
async def test_a_lost_answer_to_commit_is_not_acknowledged(related: Related) -> None:
    """Stored or not, the hub cannot know: 503; sent again under its key it becomes one lead, at once."""
    site, key = related.site, str(uuid4())
    site.sent_by_hand.add(key)
    url = f"{site.serving[0].url}/api/v1/forms/{site.form_key}/submissions"
    body = {"key": key, "fields": {"full_name": "Lost Commit", "email": f"{key}@example.com"}}
    related.relay.cut_after(COMMIT, lambda sent: key.encode() in sent)
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"]
        assert related.relay.cuts == 1
        async with session.post(url, json=body) as answer:
            assert answer.status == 202
    assert await site.books.until_nothing_is_pending(within=5.0)
    assert await site.books.dispositions_of(key) == ["duplicate", "lead_created"]


@pytest.mark.proves("OP-04")
async def test_cut_connections_are_made_anew_within_5_seconds(related: Related) -> None:
    """All connections of one process break at once, three times; it goes on, under its own name."""
    site = related.site
    await site.load()
    for _ in range(3):
        await asyncio.sleep(0.5)
        related.relay.cut_all()
        cut_at = time.monotonic()
        for load in site.loads[-2:]:
            assert await _until_back(load, site.serving[0].url, cut_at) < BACK_WITHIN
    await site.finish()
    assert await site.differences() == []
    assert site.serving[0].running is not None
    assert site.serving[0].running.poll() is None
