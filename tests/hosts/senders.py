"""Senders that do not give up: what they want to send is noted before, what was acknowledged after.

Two kinds of traffic, spread over several serving processes: visitors who post a web form, and a platform that
announces leads. Whoever is not answered with success tries the next process, under the same key.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import aiohttp

from hub.connector.models import FieldType, Question
from plugins.meta_ads.simulator.platform import MetaAdsSimulator

PATIENCE = 15.0
"""Seconds that a sender waits for one answer; after that it was not acknowledged."""
PAUSE = 0.2
GIVES_UP_AFTER = 60.0
QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
)


class Journal:
    """Lines of JSON in a file, each written before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self.wanted: set[str] = set()
        self.taken: dict[str, str] = {}

    def want(self, key: str) -> None:
        """This will be sent now."""
        self._write("want", key)
        self.wanted.add(key)

    def take(self, key: str, by: str) -> None:
        """It was acknowledged, by the process at this address."""
        self._write("taken", key)
        self.taken[key] = by

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def _write(self, event: str, key: str) -> None:
        self._file.write(json.dumps([event, key, time.time()]) + "\n")
        self._file.flush()


@dataclass(frozen=True)
class Attempt:
    """One answer, or None where none came, with when the request left and when it was over (monotonic)."""

    sent_at: float
    ended_at: float
    target: str
    status: int | None
    retry_after: str | None


Send = Callable[[aiohttp.ClientSession, str, str], Awaitable[tuple[int | None, str | None]]]
"""Sends the submission with a key to the process at an address; status and ``Retry-After``."""


@dataclass
class Load:
    """Senders at work until ``finish``. ``targets`` may be changed while they work. Use ``async with``."""

    journal: Journal
    targets: Sequence[str]
    make: Callable[[], str]
    send: Send
    at_once: int
    pause: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _is_over: bool = False

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PATIENCE), connector=aiohttp.TCPConnector(limit=0)
        )
        self._tasks = [asyncio.create_task(self._work(place)) for place in range(self.at_once)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        self.journal.close()

    async def finish(self) -> None:
        """Begin nothing new, and have everything that was begun acknowledged."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    @property
    def answers(self) -> Counter[str]:
        """How many attempts ended with which status; ``none`` where no answer came."""
        return Counter(str(each.status or "none") for each in self.attempts)

    async def _work(self, place: int) -> None:
        while not self._is_over:
            key = self.make()
            self.journal.want(key)
            place = await self._until_taken(key, place)
            await asyncio.sleep(self.pause)

    async def _until_taken(self, key: str, place: int) -> int:
        deadline = time.monotonic() + GIVES_UP_AFTER
        while time.monotonic() < deadline:
            target = self.targets[place % len(self.targets)]
            began = time.monotonic()
            status, retry_after = await self.send(self._session, target, key)
            self.attempts.append(Attempt(began, time.monotonic(), target, status, retry_after))
            if status is not None and 200 <= status < 300:
                self.journal.take(key, target)
                return place + 1
            if status is not None and status < 500:
                raise AssertionError(f"{target} refused {key} with {status}")
            place += 1
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"nobody took {key}")


def form_load(folder: Path, targets: Sequence[str], form_key: str, **options: Any) -> Load:
    """Visitors, each another person, who post a form as JSON."""

    async def send(session: aiohttp.ClientSession, target: str, key: str) -> tuple[int | None, str | None]:
        fields = {"full_name": f"Visitor {key[:8]}", "email": f"{key}@example.com"}
        url = f"{target}/api/v1/forms/{form_key}/submissions"
        return await _answer(session.post(url, json={"key": key, "fields": fields}))

    return Load(Journal(folder / "visitors.jsonl"), targets, lambda: str(uuid4()), send, **options)


def platform_load(folder: Path, targets: Sequence[str], hook: str, simulator: MetaAdsSimulator, **options: Any) -> Load:
    """A platform that delivers each new lead, thin and signed, until the delivery is answered with 200."""
    form = simulator.add_form("Spring offer", QUESTIONS)

    def make() -> str:
        name = uuid4().hex
        return simulator.add_submission(form, {"full_name": [name[:8]], "email": [f"{name}@example.com"]})

    async def send(session: aiohttp.ClientSession, target: str, key: str) -> tuple[int | None, str | None]:
        (request,) = simulator.delivery([key])
        return await _answer(session.post(target + hook, data=request.body, headers=dict(request.headers)))

    return Load(Journal(folder / "platform.jsonl"), targets, make, send, **options)


async def _answer(request: Any) -> tuple[int | None, str | None]:
    try:
        async with request as answer:
            await answer.read()
            return answer.status, answer.headers.get("Retry-After")
    except (aiohttp.ClientError, TimeoutError):
        return None, None
