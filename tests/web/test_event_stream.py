"""The stream of what happens: no event is missed, whichever transaction ends first, and a break costs nothing."""

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web

from hub.core.outbox.service import publish
from hub.db.schema import new_id
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.receipts import RECEIPTS
from hub.web.app import build_app
from hub.web.services import WebServices
from tests.web.conftest import Hub

SOON = 10.0


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """Only what these tests use."""
    return lambda services: build_app(services, *PLATFORM_GROUPS, RECEIPTS)


class Listener:
    """A client of the stream."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._response: Any = None
        self.last_id: str | None = None

    async def connect(self) -> None:
        """Open the stream, behind the last event that was seen."""
        token = self._hub.token_of(self._hub.mine.user_ids["Administrator"])
        headers = {"Cookie": f"__Host-leadhub={token}"}
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        self._response = await self._hub.client.get(self._hub.server.make_url("/api/v1/events"), headers=headers)
        assert self._response.status == 200
        await self._block()
        assert await self.next() == "listening"

    def leave(self) -> None:
        """Break off."""
        self._response.close()

    async def next(self) -> str:
        """The kind of the next event."""
        async with asyncio.timeout(SOON):
            block = await self._block()
        self.last_id = block["id"]
        assert json.loads(block["data"])["kind"] == block["event"]
        return block["event"]

    async def _block(self) -> dict[str, str]:
        lines: dict[str, str] = {}
        while line := (await self._response.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            lines[name] = value
        return lines


def tell(connection: sa.Connection, hub: Hub, kind: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    publish(connection, hub.mine.id, kind=kind, subject_id=new_id(), payload={}, now=now)


async def test_an_event_that_commits_late_reaches_a_listener_who_is_further(hub: Hub) -> None:
    """One transaction is slow, a younger one quick: the listener gets both, and what follows."""
    database = hub.services.database
    begun, end = threading.Event(), threading.Event()

    def be_slow(connection: sa.Connection) -> None:
        tell(connection, hub, "slow")
        begun.set()
        end.wait(SOON)

    listener = Listener(hub)
    await listener.connect()
    slow = asyncio.create_task(asyncio.to_thread(database.write_now, be_slow))
    await asyncio.to_thread(begun.wait, SOON)
    quick = asyncio.create_task(asyncio.to_thread(database.write_now, tell, hub, "quick"))
    await asyncio.sleep(1.2)
    end.set()
    await asyncio.gather(slow, quick)
    assert {await listener.next(), await listener.next()} == {"slow", "quick"}
    await database.write(tell, hub, "later")
    assert await listener.next() == "later"
    listener.leave()


async def test_a_listener_who_heard_nothing_yet_misses_nothing_after_a_break(hub: Hub) -> None:
    """The first event of a stream already names the place in it."""
    database = hub.services.database
    await database.write(tell, hub, "before anybody listened")
    listener = Listener(hub)
    await listener.connect()
    listener.leave()
    await database.write(tell, hub, "missed")
    await listener.connect()
    assert await listener.next() == "missed"
    listener.leave()


async def test_a_listener_who_was_away_gets_what_it_missed(hub: Hub) -> None:
    """The id of the last event leads on from there: nothing twice, nothing passed over."""
    database = hub.services.database
    await database.write(tell, hub, "before anybody listened")
    listener = Listener(hub)
    await listener.connect()
    await database.write(tell, hub, "heard")
    assert await listener.next() == "heard"
    listener.leave()
    for kind in ("missed 1", "missed 2"):
        await database.write(tell, hub, kind)
    await listener.connect()
    assert [await listener.next(), await listener.next()] == ["missed 1", "missed 2"]
    listener.leave()
