"""A conversation with a lead, in a real browser: read, answered once, and ended by the person."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from hub.connector.base import Connector
from hub.connector.clock import SystemClock
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.simulator.twilio import TwilioSimulator
from plugins.web_forms.connector import WebForms
from tests.e2e.console.conftest import ConsoleHub, Window

pytestmark = pytest.mark.browser
OWN, ADA = "+15005550001", "+14155550001"


@pytest.fixture
def connectors() -> list[Connector]:
    """Messages beside our own forms."""
    return [SmsVoice(), WebForms()]


@pytest.fixture
async def provider() -> AsyncIterator[TwilioSimulator]:
    """The provider with one number."""
    async with TwilioSimulator(SystemClock()) as simulator:
        simulator.add_form("Front desk", form_id=f"sms:{OWN}")
        yield simulator


@pytest.fixture
def elsewhere(provider: TwilioSimulator) -> dict[str, str]:
    """The provider's addresses are those of its simulator."""
    return provider.origin_overrides()


async def connect(hub: ConsoleHub, provider: TwilioSimulator) -> str:
    """The account is connected by its keys; the webhook address."""
    settings = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in provider.settings()
        if value is not None
    }
    app = await hub.ask("POST", "/api/v1/apps", {"connector": "sms_voice", "name": "Our numbers", "settings": settings})
    await hub.ask("POST", f"/api/v1/apps/{app['id']}/connections", {"settings": {}})
    return str(app["webhook_url"])


async def text(hub: ConsoleHub, provider: TwilioSimulator, url: str, number: int, body: str) -> None:
    """Ada writes to the number."""
    fields = {
        "MessageSid": f"SM{number:032d}",
        "AccountSid": provider.account_sid,
        "From": ADA,
        "To": OWN,
        "Body": body,
    }
    signature = RequestValidator(provider.auth_token.get_secret_value()).compute_signature(url, fields)
    async with hub.client.post(url, data=fields, headers={"X-Twilio-Signature": signature}) as answer:
        assert answer.status == 200


async def test_a_conversation_is_read_answered_and_ended_by_the_person(
    window: Window, provider: TwilioSimulator
) -> None:
    """What a person writes appears by itself, an answer leaves once, and after STOP nobody can write."""
    page, hub = window.page, window.hub
    url = await connect(hub, provider)
    await text(hub, provider, url, 1, "What does a new roof cost?")
    await window.open("/leads", "Leads")
    await page.get_by_role("region", name="Leads").get_by_role("link").first.click()
    await page.get_by_role("tab", name="Conversation").click()
    talk = page.get_by_role("region", name="Conversation")
    await expect(talk.get_by_text("What does a new roof cost?")).to_be_visible()
    await talk.get_by_label("Write to this person").fill("May we call you?")
    await talk.get_by_role("button", name="Send").click()
    await expect(talk.get_by_role("listitem").get_by_text("May we call you?")).to_be_visible()
    await expect(talk.get_by_text("Sent", exact=True)).to_be_visible()
    assert provider.texts_to(ADA) == ["May we call you?"]
    for mode, width in (("light", 1280), ("dark", 390)):
        await page.emulate_media(color_scheme=mode)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 900})
        await window.require_accessible()

    await text(hub, provider, url, 2, "STOP")
    await expect(talk.get_by_text(f"{ADA} does not want to be written to")).to_be_visible()
    await expect(talk.get_by_label("Write to this person")).to_have_count(0)
    await window.require_accessible()
    await talk.get_by_role("button", name="Allow messages again").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("How do you know?").fill("She said so on the phone.")
    await dialog.get_by_role("button", name="Allow again").click()
    await expect(talk.get_by_label("Write to this person")).to_be_visible()
