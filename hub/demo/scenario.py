"""A scenario with a definite end: leads over every path, everything that goes wrong, and a check from outside.

Steps are noted when they are done, and what each step sends has a name of its own, so that a scenario which was
killed at any moment goes on where it was: what was sent is known, what was not acknowledged is sent again.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

import aiohttp

from hub.demo.beside import PlatformBeside
from hub.demo.checking import missing_ids
from hub.demo.errors import DemoError
from hub.demo.furnishing import (
    CALL_BACK,
    CONTACT,
    connection_of,
    ensure_app,
    ensure_connection,
    ensure_forms,
    furnish,
    switch_form,
)
from hub.demo.journal import Journal
from hub.demo.people import Writer
from hub.demo.stage import Stage
from hub.demo.visitors import Way
from hub.testing.journal import SeenRequest

HISTORY, WEBHOOKS, BATCH, TESTS, MID_PAGE, OUTAGE = 40, 80, 30, 3, 20, 12
POSTS: tuple[tuple[Way, int], ...] = (("page", 25), ("json", 45), ("html", 35), ("spam", 6))
QUIET_POSTS, AGAIN, BAD_SIGNATURES, UNKNOWN_FORMS = 8, 6, 5, 3
HISTORY_BESIDE, FRESH_BESIDE, FAILURES_BESIDE = 12, 24, 3
GROUP = 10
DROPPED = 0.4
PATIENCE = 90.0
PULL_EVERY = 3.0
LOOK_EVERY = 0.05
SMALL_PAGE = 5
PEOPLE_PER_ROUND = 2_000


@dataclass
class Scenario:
    """One round of the scenario on a stage. ``refused`` counts what the hub rightly turned away."""

    stage: Stage
    steps: Journal
    number: int
    refused: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, stage: Stage) -> "Scenario":
        """The round that is not finished yet, or a new one."""
        steps = Journal(stage.folder / "steps.jsonl")
        begun, finished = len(steps.of("begun")), len(steps.of("finished"))
        if begun == finished:
            begun = int(steps.note("begun", round=begun + 1)["round"])
        return cls(stage, steps, begun)

    async def play(self) -> None:
        """Everything up to the end, when nothing is left to wait for."""
        await furnish(self.stage)
        async with aiohttp.ClientSession() as session:
            plan: tuple[tuple[str, Callable[[aiohttp.ClientSession], Awaitable[None]]], ...] = (
                ("history", self._history),
                ("connect", self._connect),
                ("webhooks", self._webhooks),
                ("forms", self._forms),
                ("mid-page", self._mid_page),
                ("outage", self._outage),
                ("beside", self._beside),
                ("inactive", self._inactive),
                ("hostile", self._hostile),
            )
            for name, step in plan:
                if not self._is_done(name):
                    started = monotonic()
                    await step(session)
                    self.steps.note("done", round=self.number, step=name, seconds=round(monotonic() - started, 2))
            await self._settle(session)

    def finish(self) -> None:
        """The round is over; the next start begins another."""
        self.steps.note("finished", round=self.number)

    def close(self) -> None:
        """Close the journal of steps."""
        self.steps.close()

    # --- steps --------------------------------------------------------------------------------------------

    async def _history(self, session: aiohttp.ClientSession) -> None:
        """Leads that came in before anybody connected the account: only its list has them."""
        for number in range(HISTORY):
            self._lead("history", number)
        for platform in self.stage.beside:
            for number in range(HISTORY_BESIDE):
                self._piece(platform, "history", number)

    async def _connect(self, session: aiohttp.ClientSession) -> None:
        for platform in self.stage.platforms:
            await ensure_connection(self.stage, platform)
        await ensure_forms(self.stage)

    async def _webhooks(self, session: aiohttp.ClientSession) -> None:
        """Some are lost, each of the others comes twice and out of order; one delivery holds many changes."""
        await self._await_deliveries(session)
        simulator, dice = self.stage.platform.simulator, self._dice("webhooks")
        simulator.drop(DROPPED, seed=dice.randrange(2**32))
        simulator.duplicate(2)
        simulator.reorder(seed=dice.randrange(2**32))
        for start in range(0, WEBHOOKS, GROUP):
            ids = [self._lead("webhook", number) for number in range(start, start + GROUP)]
            await self.stage.platform.announce(ids, session)
        simulator.heal()
        await self.stage.platform.announce(
            [self._lead("batch", number) for number in range(BATCH)], session, at_once=True
        )
        tests = [self._lead("test", number, is_test=True) for number in range(TESTS)]
        await self.stage.platform.announce(tests, session)

    async def _forms(self, session: aiohttp.ClientSession) -> None:
        """Programs, plain forms, hosted pages and robots; some click twice, some write a second time."""
        visitors, key = self.stage.visitors, (await ensure_forms(self.stage))[CONTACT]
        wanted: list[tuple[str, Way, int]] = [(way, way, number) for way, many in POSTS for number in range(many)]
        wanted += [("again", "json", number) for number in range(AGAIN)]
        filled = [
            await visitors.fill_in(self._tag(kind, number), key, way, self._writer(kind, number), session)
            for kind, way, number in wanted
        ]
        dice = self._dice("forms")
        dice.shuffle(filled)
        for start in range(0, len(filled), GROUP):
            group = filled[start : start + GROUP]
            sent = [visitors.send(each, session, clicks=dice.choice((1, 1, 1, 2))) for each in group]
            await asyncio.gather(*sent)

    async def _mid_page(self, session: aiohttp.ClientSession) -> None:
        """The sign-in ends between two pages of a listing; the hub asks for it, and gets it."""
        simulator = self.stage.platform.simulator
        ids = [self._lead("mid-page", number) for number in range(MID_PAGE)]
        connection = await ensure_connection(self.stage)
        simulator.largest_page = SMALL_PAGE
        seen = len(simulator.requests)
        await self.stage.admin.post(f"/api/v1/connections/{connection['id']}/pull")
        is_between_pages = await self._until(lambda: _asks_for_a_second_page(simulator.requests, seen), 15)
        simulator.expire_token()
        await self.stage.platform.announce(ids[: MID_PAGE // 2], session)
        for _ in range(300):
            if await self._state() != "active":
                break
            await asyncio.sleep(LOOK_EVERY)
        self._count("expired_in_mid_page" if is_between_pages else "expired")
        simulator.largest_page = 100
        await ensure_connection(self.stage)

    async def _outage(self, session: aiohttp.ClientSession) -> None:
        """The platform fails for a while; its deliveries go on, and what they point at is fetched afterwards."""
        ids = [self._lead("outage", number) for number in range(OUTAGE)]
        self.stage.platform.simulator.fail(503, times=OUTAGE // 2)
        await self.stage.platform.announce(ids, session)

    async def _beside(self, session: aiohttp.ClientSession) -> None:
        """At each further platform deliveries are lost and doubled, some people write again, and its list fails for a
        while."""
        for platform in self.stage.beside:
            platform.enter_address((await ensure_app(self.stage, platform))["webhook_url"])
            platform.simulator.drop(DROPPED, seed=self._dice(platform.connector.manifest.key).randrange(2**32))
            platform.simulator.duplicate(2)
            pieces = [self._piece(platform, "fresh", number) for number in range(FRESH_BESIDE)]
            again = [self._piece(platform, "again", number) for number in range(AGAIN)]
            await platform.announce([*pieces, *again], session)
            platform.simulator.heal()
            platform.simulator.fail(503, times=FAILURES_BESIDE)
            connection = await ensure_connection(self.stage, platform)
            await self.stage.admin.post(f"/api/v1/connections/{connection['id']}/pull")

    async def _inactive(self, session: aiohttp.ClientSession) -> None:
        """A form is switched off while people still send it; what was held is released when it is on again."""
        key = (await ensure_forms(self.stage))[CALL_BACK]
        await switch_form(self.stage, CALL_BACK, on=False)
        for number in range(QUIET_POSTS):
            writer = self._writer("quiet", number)
            post = await self.stage.visitors.fill_in(self._tag("quiet", number), key, "html", writer, session)
            await self.stage.visitors.send(post, session)
        await switch_form(self.stage, CALL_BACK, on=True)

    async def _hostile(self, session: aiohttp.ClientSession) -> None:
        """Forged deliveries and made-up addresses are turned away, and leave no receipt."""
        simulator, address = self.stage.platform.simulator, await self._webhook_address()
        forged = [simulator.unsigned(each) for each in simulator.delivery([self._lead("webhook", 0)])]
        for number in range(BAD_SIGNATURES):
            request = forged[0]
            headers = {**request.headers, **dict.fromkeys(simulator.signature_headers, f"sha256={number:064x}")}
            async with session.post(address, data=request.body, headers=headers) as answer:
                if answer.status != 401:
                    raise DemoError(f"A forged delivery was answered with {answer.status} instead of 401.")
            self._count("bad_signatures")
        for _ in range(UNKNOWN_FORMS):
            status = await self.stage.visitors.send_to_unknown_form(session)
            if status != 404:
                raise DemoError(f"A post to an unknown form was answered with {status} instead of 404.")
            self._count("unknown_forms")

    # --- the end ------------------------------------------------------------------------------------------

    async def _settle(self, session: aiohttp.ClientSession) -> None:
        """Repeat what was not answered, read the platforms' lists, release what is held; until nothing is left."""
        for platform in self.stage.platforms:
            platform.simulator.heal()
        for platform in self.stage.beside:
            platform.enter_address((await ensure_app(self.stage, platform))["webhook_url"])
        deadline, pulled_at = monotonic() + PATIENCE, 0.0
        while monotonic() < deadline:
            unanswered = 0
            for platform in self.stage.platforms:
                await ensure_connection(self.stage, platform)
                unanswered += await platform.announce_again(session)
            for post in self.stage.visitors.open_posts:
                await self.stage.visitors.send(post, session)
            await self._release()
            missing = await missing_ids(self.stage)
            pending = (await self.stage.admin.get("/api/v1/ledger"))["totals"].get("pending", 0)
            if not missing and not unanswered and not pending and not self.stage.visitors.open_posts:
                return
            if missing and monotonic() - pulled_at > PULL_EVERY:
                await self._pull_all()
                pulled_at = monotonic()
            await asyncio.sleep(0.2)

    async def _pull_all(self) -> None:
        for platform in self.stage.platforms:
            connection = await ensure_connection(self.stage, platform)
            await self.stage.admin.post(f"/api/v1/connections/{connection['id']}/pull")

    async def _release(self) -> None:
        """What a switched-off form held is good; an administrator says so."""
        more = True
        while more:
            body = {"disposition": "quarantined", "reason": "inactive"}
            more = (await self.stage.admin.post("/api/v1/receipts/redrive", body))["more"]

    async def _await_deliveries(self, session: aiohttp.ClientSession) -> None:
        """The hub subscribes by itself; that takes a moment after connecting, and after a restart of the platform."""
        connection = await ensure_connection(self.stage)
        probe = self._lead("probe", 0)
        for attempt in range(60):
            if await self.stage.platform.is_delivering(probe, session):
                return
            if attempt == 0:
                await self.stage.admin.post(f"/api/v1/connections/{connection['id']}/pull")
            await asyncio.sleep(0.25)
        raise DemoError("The hub did not subscribe to the platform's deliveries within 15 s.")

    # --- words --------------------------------------------------------------------------------------------

    def _lead(self, kind: str, number: int, *, is_test: bool = False) -> str:
        platform = self.stage.platform
        form = platform.form("Check-up offer" if number % 3 else "Open day")
        return platform.lead(self._tag(kind, number), form, self._writer(kind, number), is_test=is_test)

    def _piece(self, platform: PlatformBeside, kind: str, number: int) -> str:
        """People of this round's own; whoever writes again is one of those who wrote before."""
        place = 0 if kind == "history" else HISTORY_BESIDE
        person = (self.number - 1) * (HISTORY_BESIDE + FRESH_BESIDE) + place + number
        return platform.piece(self._tag(kind, number), person, number)

    def _tag(self, kind: str, number: int) -> str:
        return f"{self.number}.{kind}.{number}"

    def _writer(self, kind: str, number: int) -> Writer:
        """Somebody of this round's own: no two kinds share a person, but for those who write again by another way."""
        place = KINDS.index("webhook" if kind == "again" else kind)
        return Writer(self.number * PEOPLE_PER_ROUND + place * 100 + number)

    def _dice(self, step: str) -> random.Random:
        return random.Random(f"{self.number}.{step}")

    def _is_done(self, step: str) -> bool:
        return any(each["step"] == step and each["round"] == self.number for each in self.steps.of("done"))

    def _count(self, what: str) -> None:
        self.refused[what] = self.refused.get(what, 0) + 1

    async def _state(self) -> str:
        connection = await connection_of(self.stage)
        return str(connection["state"]) if connection else "none"

    async def _webhook_address(self) -> str:
        key = self.stage.platform.connector.manifest.key
        found = (await self.stage.admin.get("/api/v1/apps"))["items"]
        return next(str(each["webhook_url"]) for each in found if each["connector"] == key)

    @staticmethod
    async def _until(holds: Callable[[], bool], seconds: float) -> bool:
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            if holds():
                return True
            await asyncio.sleep(0.002)
        return False


KINDS = ("history", "webhook", "batch", "test", "mid-page", "outage", "page", "json", "html", "spam", "quiet", "probe")


def _asks_for_a_second_page(requests: "deque[SeenRequest]", seen: int) -> bool:
    """Whether, since so many requests, one named the place where the page before ended."""
    return any("after" in each.query for each in islice(requests, seen, None))
