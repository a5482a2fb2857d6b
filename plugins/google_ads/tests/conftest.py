"""A Google on loopback, and the connector connected with it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hub.connector.models import Choice, FieldType, Question, SourceForm
from hub.testing.clock import VirtualClock
from hub.testing.connected import ConnectedSource
from hub.testing.transport import LoopbackTransport
from plugins.google_ads.connector import GoogleAds
from plugins.google_ads.simulator import GoogleAdsSimulator

QUESTIONS = (
    Question(key="FULL_NAME", label="Full name"),
    Question(key="EMAIL", label="Email", kind=FieldType.EMAIL),
    Question(
        key="PURCHASE_TIMELINE",
        label="Purchase timeline",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="Now", label="Now"), Choice(value="Later", label="Later")),
    ),
    Question(key="Which roof?", label="Which roof?"),
    Question(
        key="Welcher Tag passt?",
        label="Welcher Tag passt?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="Montag", label="Montag"), Choice(value="Dienstag", label="Dienstag")),
    ),
)
ANSWERS = {
    "FULL_NAME": ("Ada Example",),
    "EMAIL": ("ada@example.com",),
    "PURCHASE_TIMELINE": ("Later",),
    "Which roof?": ("Flat",),
    "Welcher Tag passt?": ("Dienstag",),
}


class Google(ConnectedSource):
    """The connected source with Google's own simulator type."""

    simulator: GoogleAdsSimulator
    connector: GoogleAds

    def publish(self, account_id: str | None = None, name: str = "Roof check") -> SourceForm:
        """A form with standard questions and questions of its own."""
        return self.simulator.forms[self.simulator.add_form(name, QUESTIONS, part_id=account_id)]

    async def ask(
        self,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
        version: str = "v26",
    ) -> tuple[int, Any]:
        """One plain call of the API with the grant's token; status and JSON. Headers that are empty are left out."""
        token = self.grant.access_token.get_secret_value() if self.grant else ""
        sent = {"authorization": f"Bearer {token}", "content-type": content_type, **(headers or {})}
        method, data = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
        url = self.simulator.local(f"https://googleads.googleapis.com/{version}/{path}")
        kept = {name: value for name, value in sent.items() if value}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=data, headers=kept) as answer,
        ):
            return answer.status, await answer.json()


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    """Not signed in yet."""
    clock = VirtualClock()
    simulator = GoogleAdsSimulator(clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        yield Google(simulator, GoogleAds(), clock, transport)


@pytest.fixture
async def connected(google: Google) -> Google:
    """Signed in as Ada, who opens one account directly and two through a manager."""
    await google.sign_in()
    return google
