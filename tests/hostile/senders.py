"""Senders that deliver signed leads, send again what was not taken, and remember what was."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import aiohttp
from pydantic import SecretStr

from hub.connector.signatures import hmac_sha256_hex
from tests.hostile.place import SECRET
from tests.hostile.sources import SIGNATURE

PATIENCE = aiohttp.ClientTimeout(total=60)
_SECRET = SecretStr(SECRET)


@dataclass
class Sent:
    """What became of the deliveries of one source: the ids that the hub acknowledged, and how long it took."""

    acknowledged: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        found = sorted(self.seconds)
        return found[min(int(len(found) * share), len(found) - 1)]


async def deliver(
    client: aiohttp.ClientSession, url: str, source_id: str, sent: Sent, *, mood: str = "good", where: str = "normalise"
) -> int:
    """One delivery, once."""
    body = json.dumps({"id": source_id, "name": f"Lead {source_id}", "mood": mood, "where": where}).encode()
    started = perf_counter()
    try:
        headers = {SIGNATURE: hmac_sha256_hex(_SECRET, body)}
        async with client.post(url, data=body, headers=headers, timeout=PATIENCE) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    sent.seconds.append(perf_counter() - started)
    if 200 <= status < 300:
        sent.acknowledged.append(source_id)
    else:
        sent.refused.append(status)
    return status


async def keep_delivering(
    client: aiohttp.ClientSession,
    url: str,
    prefix: str,
    sent: Sent,
    *,
    pause: float,
    is_over: Callable[[], bool],
    moods: tuple[tuple[str, str], ...] = (("good", "normalise"),),
    at_once: int = 8,
) -> None:
    """Deliver at a steady pace, whatever the answers; at most ``at_once`` wait for theirs."""
    room = asyncio.Semaphore(at_once)
    under_way: set[asyncio.Task[int]] = set()
    for number, (mood, where) in zip(itertools.count(), itertools.cycle(moods), strict=False):
        if is_over():
            break
        if not room.locked():
            await room.acquire()
            task = asyncio.create_task(deliver(client, url, f"{prefix}-{number}", sent, mood=mood, where=where))
            under_way.add(task)
            task.add_done_callback(lambda ended: (under_way.discard(ended), room.release()))
        await asyncio.sleep(pause)
    await asyncio.gather(*under_way)
