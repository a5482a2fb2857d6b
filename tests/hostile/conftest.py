"""The seven sources behind their stand-ins, each in a process of its own."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from hub.connector.access import Access, HttpAnswer
from hub.connector.clock import SystemClock
from hub.connector.models import Grant, RawSubmission
from hub.connectors import Registry
from hub.isolation.budgets import MEBIBYTE, Budgets
from hub.isolation.isolation import Isolation, Policy, isolated
from tests.hostile.sources import BAD, GOOD, HOST, Settings

QUICK = Budgets(computing=0.6, waiting=1.2, memory=96 * MEBIBYTE, ending=0.5)


@dataclass
class Platform:
    """What the sources call. ``seen`` are the requests that it got."""

    mood: str = "good"
    seen: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """As ``Transport``."""
        self.seen.append((f"{method} {url}", dict(headers or {})))
        found = {"id": "account", "name": "Account", "forms": ["one", "two"], "mood": self.mood}
        return HttpAnswer(200, {}, json.dumps(found).encode())

    @property
    def access(self) -> Access:
        """An access to it."""
        return Access(
            self,
            SystemClock(),
            grant=Grant(access_token=SecretStr("token-of-the-grant"), refresh_token=SecretStr("never to be handed on")),
            settings=Settings(webhook_secret=SecretStr("s")),
            hosts=(HOST,),
        )


@pytest.fixture
def platform() -> Platform:
    """One in a good mood."""
    return Platform()


@pytest.fixture
async def apart() -> AsyncIterator[Isolation]:
    """All seven in processes of their own."""
    registry = Registry.from_connectors([kind() for kind in (*GOOD, *BAD)])
    async with isolated(registry, QUICK, Policy(all_apart=True), SystemClock()) as isolation:
        yield isolation


def raw(mood: str = "good") -> RawSubmission:
    """A submission that has the source do its best or its worst."""
    return RawSubmission(source_id="lead", form_id="form", body={"name": "Ada", "mood": mood})
