"""Two good sources and five hostile ones, as a distribution of a third party would bring them.

All take the same deliveries. Whether a hostile one does its worst is said by the delivery itself (``"mood": "bad"``),
so that one connector has good and bad receipts; ``where`` says in which of its functions.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, SecretStr

from hub.connector.access import Access
from hub.connector.base import Connector, Polls, Receives
from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.hookspecs import hookimpl
from hub.connector.models import (
    Account,
    Answer,
    Cursor,
    InboundRequest,
    Manifest,
    Page,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.signatures import equal, hmac_sha256_hex

SIGNATURE = "x-signature"
HOST = "https://api.source.example"
BLOCKED_FOR = 3600.0
_LEAKED: list[bytes] = []


class Settings(BaseModel):
    """What an admin enters."""

    webhook_secret: SecretStr


def _manifest(key: str) -> Manifest:
    return Manifest(key=key, name=key.title(), contract=1, source_code="hostile_test", settings=Settings, hosts=(HOST,))


class Source(Connector, Receives, Polls):
    """Leads as JSON objects with ``id`` and ``name``. Subclasses misbehave in ``_worst``."""

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One lead per request."""
        if not equal(request.headers.get(SIGNATURE, ""), hmac_sha256_hex(secret, request.body)):
            raise UnverifiedRequestError("The signature does not fit.")
        body = json.loads(request.body)
        self._act(body, "receive")
        raw = RawSubmission(source_id=body["id"], form_id="form", body=body)
        return Received(submissions=(raw,), kept_body=request.body + b"\xff" if body.get("binary") else None)

    def normalise(self, raw: RawSubmission) -> Submission:
        """The name is the only answer."""
        body = raw.body
        if not isinstance(body, dict) or "name" not in body:
            raise BadPayloadError("There is no name.", path="name")
        self._act(body, "normalise")
        name = Answer(key="full_name", label="Name", values=(str(body["name"]),))
        return Submission(
            source_id=raw.source_id, form_id=raw.form_id, submitted_at=datetime(2026, 1, 1, tzinfo=UTC), answers=(name,)
        )

    async def identify(self, access: Access) -> Account:
        """What the platform calls us."""
        found: Any = (await access.get(f"{HOST}/{self.manifest.key}/me")).body
        self._act(found, "identify")
        return Account(id=found["id"], name=found["name"])

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """The forms that the platform lists."""
        found: Any = (await access.get(f"{HOST}/{self.manifest.key}/forms")).body
        await self._act_slowly(found)
        return [SourceForm(id=each, name=each) for each in found["forms"]]

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """Pages of one lead each."""
        for number in range(3):
            found: Any = (await access.get(f"{HOST}/{self.manifest.key}/leads", params={"page": str(number)})).body
            await self._act_slowly(found)
            raw = RawSubmission(source_id=found["id"], form_id=form.id, body=found)
            yield Page(submissions=(raw,), cursor=Cursor(mark=access.clock.now()))

    def _act(self, body: Any, where: str) -> None:
        if body.get("mood") == "bad" and body.get("where", "normalise") == where:
            self._worst()

    async def _act_slowly(self, body: Any) -> None:
        if body.get("mood") == "bad":
            await self._worst_of_coroutines()

    def _worst(self) -> None:
        """Nothing: this one is good."""

    async def _worst_of_coroutines(self) -> None:
        self._worst()


class First(Source):
    """A good one."""

    manifest: ClassVar[Manifest] = _manifest("good_first")


class Second(Source):
    """Another good one."""

    manifest: ClassVar[Manifest] = _manifest("good_second")


class Raising(Source):
    """Raises what is no error of the contract, some of which ends programs."""

    manifest: ClassVar[Manifest] = _manifest("bad_raising")
    turns: ClassVar[list[type[BaseException]]] = [KeyError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration]

    def _worst(self) -> None:
        self.turns.append(self.turns.pop(0))
        raise self.turns[-1]("a secret that must not be told")


class Hanging(Source):
    """Never comes back, whoever asks it to."""

    manifest: ClassVar[Manifest] = _manifest("bad_hanging")

    def _worst(self) -> None:
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue

    async def _worst_of_coroutines(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue


class Leaking(Source):
    """Keeps everything."""

    manifest: ClassVar[Manifest] = _manifest("bad_leaking")

    def _worst(self) -> None:
        _LEAKED.append(b"x" * 24 * 1024 * 1024)


class Blocking(Source):
    """Sleeps where nothing else can run meanwhile."""

    manifest: ClassVar[Manifest] = _manifest("bad_blocking")

    def _worst(self) -> None:
        time.sleep(BLOCKED_FOR)


class Exiting(Source):
    """Ends its process, in turns by each way there is."""

    manifest: ClassVar[Manifest] = _manifest("bad_exiting")

    def _worst(self) -> None:
        ways: Sequence[Callable[[], object]] = (
            lambda: os._exit(3),
            lambda: os.kill(os.getpid(), 9),
            lambda: os.killpg(0, 15),
            lambda: os.closerange(0, 64),
        )
        ways[time.monotonic_ns() % len(ways)]()
        sys.exit(1)


GOOD: tuple[type[Source], ...] = (First, Second)
BAD: tuple[type[Source], ...] = (Raising, Hanging, Leaking, Blocking, Exiting)


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """All seven, of which each entry point picks its own."""
    return [kind() for kind in (*GOOD, *BAD)]
