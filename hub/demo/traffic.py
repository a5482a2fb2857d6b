"""Leads that come in gently for as long as the demonstration runs, with the troubles of every day."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import aiohttp

from hub.demo.errors import DemoError
from hub.demo.furnishing import (
    CALL_BACK,
    CONTACT,
    connection_of,
    ensure_app,
    ensure_connection,
    ensure_forms,
    sign_in_of,
)
from hub.demo.people import Writer
from hub.demo.stage import Stage
from hub.demo.visitors import Way

LEAD_EVERY, POST_EVERY, PULL_EVERY, REPEAT_EVERY = 2.0, 2.5, 20.0, 10.0
FIRST_EXPIRY, EXPIRY_EVERY, SIGN_IN_AFTER = 60.0, 300.0, 8.0
DROPPED, DOUBLED = 0.3, 0.2
BATCH_EACH, BATCH = 20, 12
TEST_EACH = 15
WAYS: tuple[Way, ...] = ("page", "json", "html", "json", "html", "page", "spam")
PEOPLE_BESIDE, AGAIN_EACH = 5_000, 3
LEAD_WRITERS, POST_WRITERS = 5_000_000, 7_000_000
"""Where the people of this traffic begin, apart from those of the scenario."""


class Traffic:
    """Everything that goes on around the hub; ``tell`` is told what people would like to know."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._tell = tell
        self._dice = random.Random()

    async def flow(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for work, pause in (
                (self._lead, LEAD_EVERY),
                (self._post, POST_EVERY),
                (self._piece_beside, LEAD_EVERY),
                (self._repeat, REPEAT_EVERY),
                (self._pull, PULL_EVERY),
            ):
                group.create_task(self._again_and_again(work, pause, session))
            group.create_task(self._again_and_again(self._expire, EXPIRY_EVERY, session, first=FIRST_EXPIRY))

    async def _again_and_again(
        self,
        work: Callable[[aiohttp.ClientSession], Awaitable[None]],
        pause: float,
        session: aiohttp.ClientSession,
        *,
        first: float = 0.0,
    ) -> None:
        await asyncio.sleep(first)
        while True:
            try:
                await work(session)
            except (DemoError, aiohttp.ClientError, TimeoutError) as trouble:
                self._tell(f"[yellow]{trouble}[/yellow]")
                await self._sign_in_again()
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))

    async def _lead(self, session: aiohttp.ClientSession) -> None:
        """Somebody fills in an ad's form; now and then many do at once, or somebody tests."""
        platform = self._stage.platform
        number = len(platform.leads)
        many = BATCH if number % BATCH_EACH == BATCH_EACH - 1 else 1
        ids = [
            platform.lead(
                f"live.{each}",
                platform.form("Check-up offer" if each % 3 else "Open day"),
                Writer(LEAD_WRITERS + each),
                is_test=each % TEST_EACH == TEST_EACH - 1,
            )
            for each in range(number, number + many)
        ]
        platform.simulator.drop(DROPPED if many == 1 else 0.0, seed=self._dice.randrange(2**32))
        platform.simulator.duplicate(2 if self._dice.random() < DOUBLED else 1)
        await platform.announce(ids, session, at_once=many > 1)

    async def _piece_beside(self, session: aiohttp.ClientSession) -> None:
        """Something comes in at one of the further platforms; some deliveries are lost, some people write again."""
        if not self._stage.beside:
            return
        platform = self._dice.choice(self._stage.beside)
        number = len(platform.leads)
        platform.enter_address((await ensure_app(self._stage, platform))["webhook_url"])
        platform.simulator.drop(DROPPED, seed=self._dice.randrange(2**32))
        person = PEOPLE_BESIDE + number - number % AGAIN_EACH
        await platform.announce([platform.piece(f"live.{number}", person, number)], session)

    async def _post(self, session: aiohttp.ClientSession) -> None:
        """Somebody sends one of the hub's forms, sometimes with two clicks."""
        visitors, keys = self._stage.visitors, await ensure_forms(self._stage)
        number = len(visitors.posts)
        key = keys[self._dice.choice((CONTACT, CONTACT, CALL_BACK))]
        writer = Writer(POST_WRITERS + number)
        post = await visitors.fill_in(f"live.{number}", key, WAYS[number % len(WAYS)], writer, session)
        await visitors.send(post, session, clicks=self._dice.choice((1, 1, 1, 2)))

    async def _repeat(self, session: aiohttp.ClientSession) -> None:
        """What was not answered is sent again."""
        for platform in self._stage.platforms:
            await platform.announce_again(session)
        for post in self._stage.visitors.open_posts:
            await self._stage.visitors.send(post, session)

    async def _pull(self, session: aiohttp.ClientSession) -> None:
        """The platforms' lists are read more often than in earnest, so that lost deliveries show up soon."""
        for platform in self._stage.platforms:
            connection = await connection_of(self._stage, platform)
            if connection is not None and connection["state"] == "active":
                await self._stage.admin.post(f"/api/v1/connections/{connection['id']}/pull")

    async def _expire(self, session: aiohttp.ClientSession) -> None:
        """The sign-in at the platform ends; after a while somebody sees to it."""
        self._stage.platform.simulator.expire_token()
        self._tell("The sign-in at the platform has expired. Its deliveries go on and wait in the hub.")
        for _ in range(60):
            if (await connection_of(self._stage) or {}).get("state") != "active":
                break
            await asyncio.sleep(1)
        self._tell("The hub says: [bold]Authorization is needed[/bold]. The administrator signs in again soon.")
        await asyncio.sleep(SIGN_IN_AFTER)
        await ensure_connection(self._stage)
        self._tell("Signed in again. What waited is fetched now.")

    async def _sign_in_again(self) -> None:
        """Sessions end after half a day."""
        sign_in = sign_in_of(self._stage.folder)
        try:
            await self._stage.admin.sign_in(sign_in.email, sign_in.password)
        except (DemoError, aiohttp.ClientError, TimeoutError) as trouble:
            self._tell(f"[yellow]{trouble}[/yellow]")
