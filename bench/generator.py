"""A closed-loop load generator in a process of its own: each connection sends, waits for the answer, sends again.

It speaks just enough HTTP/1.1 to be far cheaper than the servers that it measures. Run by ``bench.servers``:
``python -m bench.generator PORT CONNECTIONS SECONDS TEMPLATE [RATE]``, where TEMPLATE is a file with the request, in
which ``{{id}}`` stands for a number that is new in every request and has always the same width. With RATE the
connections together send that many requests a second, however long the answers take.
"""

import asyncio
import itertools
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ID = b"{{id}}"
WIDTH = 12


@dataclass
class Tally:
    """What the connections saw: seconds per answer, and answers that were not 2xx."""

    until: float
    seconds: list[float] = field(default_factory=list)
    refused: int = 0


class Sender(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, parts: list[bytes], numbers: "itertools.count[int]", tally: Tally) -> None:
        self._parts = parts
        self._numbers = numbers
        self._tally = tally
        self._started = 0.0
        self._seen = b""
        self.is_idle = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; sending starts when told."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_idle = True

    def send(self, started: float | None = None) -> None:
        """Send one request; ``started`` is when it was due, where a rate is kept."""
        number = b"%0*d" % (WIDTH, next(self._numbers))
        self._started = started or time.perf_counter()
        self.is_idle = False
        self._transport.write(number.join(self._parts))

    def data_received(self, data: bytes) -> None:
        """Count the answer once it is whole, and send the next one where no rate is kept."""
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._tally.seconds.append(time.perf_counter() - self._started)
        if head[9:10] != b"2":
            self._tally.refused += 1
        self._seen = b""
        self.is_idle = True
        self.answered()

    def answered(self) -> None:
        """What follows an answer: the next request, until the time is up."""
        if time.perf_counter() < self._tally.until:
            self.send()


class Paced(Sender):
    """A connection that sends when it is told only."""

    def answered(self) -> None:
        """Wait to be told."""


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        return 0
    return int(lower[at + 15 : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None])


async def run(port: int, connections: int, seconds: float, template: bytes, rate: float | None) -> dict[str, float]:
    """Load the server on ``port`` and say what came back; times are in milliseconds."""
    loop = asyncio.get_running_loop()
    parts = template.split(ID)
    numbers = itertools.count(time.time_ns() // 1_000_000 % 10**6 * 10**6)
    tally = Tally(until=time.perf_counter() + seconds)
    kind = Sender if rate is None else Paced
    senders = [
        (await loop.create_connection(lambda: kind(parts, numbers, tally), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    tally.until = time.perf_counter() + seconds
    if rate is None:
        for sender in senders:
            sender.send()
    else:
        await _keep_pace(senders, rate, tally)
    await asyncio.sleep(max(0.0, tally.until - time.perf_counter()) + 0.5)
    return _summary(tally, seconds)


async def _keep_pace(senders: list[Sender], rate: float, tally: Tally) -> None:
    due = time.perf_counter()
    while due < tally.until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        idle = next((sender for sender in senders if sender.is_idle), None)
        if idle is not None:
            idle.send(due)
            due += 1 / rate
        else:
            await asyncio.sleep(0.0005)


def _summary(tally: Tally, seconds: float) -> dict[str, float]:
    times = sorted(tally.seconds)
    if not times:
        raise SystemExit("the server answered nothing")
    return {
        "per_second": len(times) / seconds,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
        "worst_ms": times[-1] * 1000,
        "refused": tally.refused,
        "requests": len(times),
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print(
        json.dumps(
            asyncio.run(
                run(
                    int(arguments[0]),
                    int(arguments[1]),
                    float(arguments[2]),
                    Path(arguments[3]).read_bytes(),
                    float(arguments[4]) if len(arguments) > 4 else None,
                )
            )
        )
    )
