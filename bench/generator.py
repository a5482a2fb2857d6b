"""A load generator in a process of its own: each connection sends, waits for the answer, sends again.

It speaks just enough HTTP/1.1 to be far cheaper than the servers that it measures. Run by ``bench.servers``:
``python -m bench.generator PORT CONNECTIONS SECONDS REQUEST [RATE]``, where REQUEST is a JSON file (``Request``). With
RATE the connections together send that many requests a second, however long the answers take; the time that a
request waits for a free connection counts as its own.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

ID, PHONE, NOW, SIGNATURE = "{{id}}", "{{phone}}", "{{now}}", "{{signature}}"


@dataclass(frozen=True)
class Request:
    """What is sent again and again. In ``body`` ``{{id}}`` (12 digits) and ``{{phone}}`` (7 digits) stand for a number
    that is new each time, ``{{now}}`` for the moment of sending in microseconds since 1970; in a header
    ``{{signature}}`` stands for the HMAC-SHA256 of the body with ``secret``."""

    path: str
    headers: dict[str, str]
    body: str
    secret: str = ""
    method: str = "POST"

    def save(self, path: Path) -> Path:
        """Write it where the generator's process reads it."""
        path.write_text(json.dumps(asdict(self)))
        return path


class Writer:
    """Makes the bytes of one request after the other; never the same ``{{id}}`` twice within eleven days."""

    def __init__(self, request: Request) -> None:
        self._numbers = itertools.count(int(time.time()) % 10**6 * 10**6)
        self._body = request.body
        self._secret = request.secret.encode()
        lines = [f"{request.method} {request.path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        length = len(self._fill(0, 10**15))
        self._head = ("\r\n".join([*lines, f"Content-Length: {length}"]) + "\r\n\r\n").encode()

    def next(self, due: float) -> bytes:
        """The next request, due at this moment (seconds since 1970)."""
        body = self._fill(next(self._numbers), int(due * 1_000_000))
        head = self._head
        if self._secret:
            signature = hmac.digest(self._secret, body, hashlib.sha256).hex()
            head = head.replace(SIGNATURE.encode(), signature.encode())
        return head + body

    def _fill(self, number: int, micros: int) -> bytes:
        text = self._body.replace(ID, f"{number:012d}").replace(PHONE, f"{number % 10**7:07d}")
        return text.replace(NOW, f"{micros:016d}").encode()


@dataclass
class Tally:
    """What the connections saw: seconds per answer, and answers that were not 2xx by their status."""

    until: float
    seconds: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


class Sender(asyncio.Protocol):
    """One keep-alive connection that is always busy."""

    def __init__(self, writer: Writer, tally: Tally) -> None:
        self._writer = writer
        self._tally = tally
        self._started = 0.0
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; sending starts when told."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, due: float) -> None:
        """Send one request that was due at this moment."""
        self._started = due
        self._transport.write(self._writer.next(due))

    def data_received(self, data: bytes) -> None:
        """Count the answer once it is whole, and go on."""
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.time()
        self._tally.seconds.append(now - self._started)
        if head[9:10] != b"2":
            status = head[9:12].decode()
            self._tally.refused[status] = self._tally.refused.get(status, 0) + 1
        self._seen = b""
        self.answered(now)

    def answered(self, now: float) -> None:
        """What follows an answer: the next request, until the time is up."""
        if now < self._tally.until:
            self.send(now)


class Paced(Sender):
    """A connection that waits among the idle ones until it is told to send."""

    def __init__(self, writer: Writer, tally: Tally, idle: "deque[Paced]") -> None:
        super().__init__(writer, tally)
        self._idle = idle

    def answered(self, now: float) -> None:
        """Be idle."""
        self._idle.append(self)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        return 0
    return int(lower[at + 15 : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None])


async def run(port: int, connections: int, seconds: float, request: Request, rate: float | None) -> dict[str, object]:
    """Load the server on ``port`` and say what came back; times are in milliseconds."""
    loop = asyncio.get_running_loop()
    writer, tally = Writer(request), Tally(until=0.0)
    idle: deque[Paced] = deque()

    def make() -> Sender:
        return Sender(writer, tally) if rate is None else Paced(writer, tally, idle)

    senders = [(await loop.create_connection(make, "127.0.0.1", port))[1] for _ in range(connections)]
    started = time.time()
    tally.until = started + seconds
    if rate is None:
        for sender in senders:
            sender.send(time.time())
    else:
        idle.extend(sender for sender in senders if isinstance(sender, Paced))
        await _keep_pace(idle, rate, tally, started)
    await asyncio.sleep(max(0.0, tally.until - time.time()) + 0.5)
    return _summary(tally, seconds)


async def _keep_pace(idle: deque[Paced], rate: float, tally: Tally, due: float) -> None:
    while due < tally.until:
        await asyncio.sleep(max(0.0, due - time.time()))
        while due <= time.time() and idle:
            idle.popleft().send(due)
            due += 1 / rate
        if not idle:
            await asyncio.sleep(0.0005)


def percentile(times: list[float], share: float) -> float:
    """The value that this share of the sorted ``times`` does not exceed, in milliseconds."""
    return times[min(len(times) - 1, int(len(times) * share))] * 1000


def _summary(tally: Tally, seconds: float) -> dict[str, object]:
    times = sorted(tally.seconds)
    if not times:
        raise SystemExit("the server answered nothing")
    return {
        "per_second": len(times) / seconds,
        "p50_ms": percentile(times, 0.5),
        "p99_ms": percentile(times, 0.99),
        "worst_ms": times[-1] * 1000,
        "refused": tally.refused,
        "requests": len(times),
    }


def _main(port: str, connections: str, seconds: str, file: str, rate: str | None = None) -> None:
    request = Request(**json.loads(Path(file).read_text()))
    pace = float(rate) if rate else None
    print(json.dumps(asyncio.run(run(int(port), int(connections), float(seconds), request, pace))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
