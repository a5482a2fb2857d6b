"""``leadhub connectors deliver``: a connector's simulator posts a lead to an address."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from hub.cli.main import app


@dataclass
class Hook:
    """An address that takes notes. ``status`` is what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """It listens on loopback, in a thread: the command brings its own event loop."""
    notes = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server asks for
            notes.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(notes.status)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    notes.url = f"http://127.0.0.1:{server.server_port}/hooks/google_ads/key"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield notes
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_delivery_is_a_lead_of_its_own(hook: Hook) -> None:
    """The answer and the secret are told; the ids of two runs differ."""
    for _ in range(2):
        done = CliRunner().invoke(app, ["connectors", "deliver", "google_ads", hook.url])
        assert done.exit_code == 0, done.output
        assert "simulated-webhook-secret-0001" in done.output
        assert "answered 200" in done.output
    ids = {json.loads(body)["lead_id"] for body in hook.bodies}
    assert len(ids) == len(hook.bodies) == 2


def test_a_refusal_says_what_to_check(hook: Hook) -> None:
    """401, or nobody there: exit code 1, and what the app in the hub must have."""
    hook.status = 401
    refused = CliRunner().invoke(app, ["connectors", "deliver", "google_ads", hook.url])
    assert (refused.exit_code, "signing key" in refused.output.replace("\n", " ")) == (1, True)
    alone = CliRunner().invoke(app, ["connectors", "deliver", "google_ads", "http://127.0.0.1:9/hooks/google_ads/key"])
    assert (alone.exit_code, "no answer" in alone.output) == (1, True)


def test_an_unknown_connector_is_named() -> None:
    """Exit code 2, with what is installed."""
    done = CliRunner().invoke(app, ["connectors", "deliver", "acme_calls", "http://127.0.0.1:9/"])
    assert done.exit_code == 2
    assert "google_ads" in done.output
