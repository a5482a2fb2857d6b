"""A platform that counts what arrives, and kills the sender at moments of its choice."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOMENTS = ("arrived", "answered", "later", "never")
"""Before the answer, right after it, up to some milliseconds after it, not at all."""
LATEST = 0.03


class Platform:
    """Takes messages; ``arrivals`` says how often each did."""

    def __init__(self, seed: int) -> None:
        self.arrivals: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def take(self, message_id: str) -> tuple[str, float]:
        """Note an arrival; when its sender shall die."""
        with self._lock:
            self.arrivals[message_id] += 1
            return self._dice.choice(MOMENTS), self._dice.random() * LATEST

    def kill(self, process: int, moment: str) -> None:
        """End the sender as a power cut would."""
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            with self._lock:
                self.kills[moment] += 1

    @contextmanager
    def listening(self) -> Iterator[int]:
        """Its port, for as long as the context lasts."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            moment, delay = platform.take(sent["id"])
            if moment == "arrived":
                platform.kill(sent["process"], moment)
                return
            self._answer(json.dumps({"id": f"p-{sent['id']}"}).encode())
            if moment == "later":
                time.sleep(delay)
            if moment != "never":
                platform.kill(sent["process"], moment)

        def _answer(self, body: bytes) -> None:
            with suppress(OSError):
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            return

    return Handler
